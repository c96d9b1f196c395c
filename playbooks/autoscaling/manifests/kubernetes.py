"""HPA autoscaling/v2, CronJobs that patch its floor, what they may do, and their own cleanup.

minReplicas is the only way in Kubernetes with neither dead-band nor rate limit. A cron line has no year
and comes again: so the cleanup is part of the plan, not advice.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from campaign.language import _
from playbooks.autoscaling.manifests.document import (
    CLEANUP_AFTER,
    PART,
    Setting,
    Values,
    cron,
    cron_zone,
    job_name,
    kubernetes_name,
    scheduled,
    selector,
    to_yaml,
)
from playbooks.autoscaling.plan import ServicePlan, Step

STEPS = "steps"
RATES, HPAS = "05-rates.yaml", "10-hpa.yaml"
LONGEST_RUN = timedelta(minutes=10)
WELL_AFTER = timedelta(days=1)  # nothing of this plan follows the way back
# The "restricted" Pod Security Standard, and a size: namespaces that enforce it, or have a quota, refuse pods without.
RESTRICTED_POD = {
    "securityContext": {"runAsNonRoot": True, "runAsUser": 65532, "seccompProfile": {"type": "RuntimeDefault"}}
}
RESTRICTED = {"securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}}
SIZE = {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"cpu": "500m", "memory": "256Mi"}}


@dataclass(frozen=True)
class Task:
    """One run of kubectl: when, with which arguments, and until when it is still right to begin or to go on."""

    name: str
    at: datetime
    arguments: Sequence[str]
    why: str
    until: datetime | None = None  # None: however late

    @property
    def longest_run(self) -> timedelta:
        return LONGEST_RUN if self.until is None else min(LONGEST_RUN, (self.until - self.at) / 2)

    @property
    def deadlines(self) -> Values:
        """A run that the control plane could not start in time is made up for, but never beside the next one's: a
        floor that comes late is better than none, one that comes after a higher one is worse."""
        if self.until is None:
            return {}
        return {"startingDeadlineSeconds": int((self.until - self.at - self.longest_run).total_seconds())}


def kubernetes_files(setting: Setting) -> dict[str, str]:
    """File name under `kubernetes/` to its text."""
    hpas = [hpa(setting, name, service) for name, service in setting.plan.services.items()]
    files = {
        HPAS: to_yaml(
            hpas,
            [
                setting.origin,
                _("The safety net on top of the floors. Steps patch minReplicas: keep it out of what GitOps compares."),
                _("Way back: apply the HPA that ran before; the last step restores its floor."),
            ],
        )
    }
    by_rate = [name for name, service in setting.plan.services.items() if service.hpa_metric == "rate"]
    if by_rate:
        files[RATES] = to_yaml(
            [recorded_rates(setting, by_rate)],
            [
                setting.origin,
                _("What the HPAs scale on, recorded by the Prometheus operator; an adapter serves it (README)."),
                _("Way back: kubectl delete -f this file, once no HPA asks for it."),
            ],
        )
    if scheduled(setting.plan):
        files["20-rbac.yaml"] = to_yaml(
            rbac(setting, STEPS, hpas_by_name(setting)),
            [
                setting.origin,
                _("What the steps may do: patch these HPAs, delete CronJobs of this namespace."),
            ],
        )
        files["30-steps.yaml"] = to_yaml(
            cron_jobs(setting),
            [
                setting.origin,
                _("One CronJob for each step. Cron knows no year: the last one deletes them all after the campaign."),
                _("Take back at any time: kubectl delete cronjob -l {label}").format(label=selector(setting, STEPS)),
            ],
        )
    return files


def hpas_by_name(setting: Setting) -> Values:
    """The role's rule for the HPAs that steps patch."""
    names = [kubernetes_name(name) for name in scheduled(setting.plan)]
    resources = {"apiGroups": ["autoscaling"], "resources": ["horizontalpodautoscalers"], "resourceNames": names}
    return resources | {"verbs": ["get", "patch"]}


def hpa(setting: Setting, name: str, service: ServicePlan) -> Values:
    """The HPA of one service with its usual floor; steps raise it."""
    return {
        "apiVersion": "autoscaling/v2",
        "kind": "HorizontalPodAutoscaler",
        "metadata": metadata_of(setting, kubernetes_name(name), STEPS),
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": kubernetes_name(name)},
            "minReplicas": service.replicas.floor,
            "maxReplicas": service.replicas.most,
            "metrics": [metric_of(setting, name, service)],
            "behavior": {
                "scaleUp": {
                    "stabilizationWindowSeconds": 0,
                    "selectPolicy": "Max",
                    "policies": [
                        {"type": "Percent", "value": 100, "periodSeconds": 15},
                        {"type": "Pods", "value": 4, "periodSeconds": 15},
                    ],
                },
                "scaleDown": {
                    "stabilizationWindowSeconds": 300,
                    "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
                },
            },
        },
    }


def metric_of(setting: Setting, name: str, service: ServicePlan) -> Values:
    """What the HPA scales on: the metric that the plan was replayed with."""
    if service.hpa_metric == "cpu":
        target = {"type": "Utilization", "averageUtilization": round(100 * service.hpa_target_ratio)}
        return {"type": "Resource", "resource": {"name": "cpu", "target": target}}
    metric = {"name": setting.policy.hpa_rate_metric, "selector": {"matchLabels": {"service": kubernetes_name(name)}}}
    target = {"type": "AverageValue", "averageValue": f"{service.hpa_requests_per_second:g}"}
    return {"type": "External", "external": {"metric": metric, "target": target}}


def recorded_rates(setting: Setting, services: Sequence[str]) -> Values:
    """Rules by which Prometheus records each service's requests per second under the name and labels that HPAs ask
    for, as often as they ask."""
    rules = [
        {
            "record": setting.policy.hpa_rate_metric,
            "expr": f"sum({setting.query(name)})",
            "labels": {"namespace": setting.policy.namespace, "service": kubernetes_name(name)},
        }
        for name in services
    ]
    name = kubernetes_name("surgeplan-rates", setting.group)
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": metadata_of(setting, name, STEPS),
        "spec": {"groups": [{"name": name, "interval": "15s", "rules": rules}]},
    }


def by_hand(setting: Setting, hpa_name: str) -> str:
    """The command that sets a floor of N where no executor has."""
    return patch_command(setting.policy.namespace, hpa_name, '{"spec":{"minReplicas":N}}')


def patch_command(namespace: str, hpa_name: str, patch: str) -> str:
    return f"kubectl -n {namespace} patch hpa {hpa_name} --type=merge -p '{patch}'"


def account_of(part: str) -> str:
    return f"surgeplan-{part}"


def rbac(setting: Setting, part: str, rule: Values) -> list[Values]:
    """Service account, role and binding of one part's CronJobs: the rule, and to delete CronJobs after the event."""
    account, group = account_of(part), "rbac.authorization.k8s.io"
    subject = {"kind": "ServiceAccount", "name": account, "namespace": setting.policy.namespace}
    cleanup = {"apiGroups": ["batch"], "resources": ["cronjobs"], "verbs": ["get", "list", "delete"]}
    metadata = metadata_of(setting, account, part)
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {"apiVersion": f"{group}/v1", "kind": "Role", "metadata": metadata, "rules": [rule, cleanup]},
        {
            "apiVersion": f"{group}/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {"apiGroup": group, "kind": "Role", "name": account},
            "subjects": [subject],
        },
    ]


def cron_jobs(setting: Setting) -> list[Values]:
    """A CronJob for each step of each service, the way back, and the cleanup."""
    jobs = [
        _step_job(setting, name, step, following.starts_at_utc if following else None)
        for name, service in scheduled(setting.plan).items()
        for step, following in pairwise([*service.all_steps, None])
        if step
    ]
    return [*jobs, cleanup_job(setting, STEPS)]


def _step_job(setting: Setting, name: str, step: Step, following: datetime | None) -> Values:
    patch = json.dumps({"spec": {"minReplicas": step.replicas}})
    arguments = [
        "patch", "hpa", kubernetes_name(name), "-n", setting.policy.namespace, "--type=merge", "-p", patch,
    ]  # fmt: skip
    until = following or step.starts_at_utc + WELL_AFTER
    return one_job(setting, STEPS, Task(step_name(name, step), step.starts_at_utc, arguments, step.why, until))


def step_name(service: str, step: Step) -> str:
    return job_name("floor", service, step.starts_at_utc)


def cleanup_job(setting: Setting, part: str) -> Values:
    """The CronJob that deletes all of one part's CronJobs, itself included, an hour after the last step, or later."""
    arguments = ["delete", "cronjob", "-l", selector(setting, part), "-n", setting.policy.namespace, "--wait=false"]
    at = setting.plan.ends_at_utc + CLEANUP_AFTER
    return one_job(setting, part, Task(job_name(f"cleanup-{part}", setting.group, at), at, arguments, "cleanup"))


def one_job(setting: Setting, part: str, task: Task) -> Values:
    zone = cron_zone(setting)
    container = {"name": "kubectl", "image": setting.policy.kubectl_image, "args": list(task.arguments)}
    pod = {
        "serviceAccountName": account_of(part),
        "restartPolicy": "OnFailure",
        **RESTRICTED_POD,
        "containers": [container | {"resources": SIZE} | RESTRICTED],
    }
    metadata = metadata_of(setting, task.name, part)
    metadata["annotations"] |= {"surgeplan.io/at": task.at.isoformat(), "surgeplan.io/why": task.why}
    run = {"activeDeadlineSeconds": int(task.longest_run.total_seconds()), "backoffLimit": 6}
    return {
        "apiVersion": "batch/v1",
        "kind": "CronJob",
        "metadata": metadata,
        "spec": {
            "schedule": cron(task.at, zone),
            "timeZone": zone.key,
            "concurrencyPolicy": "Forbid",
            **task.deadlines,
            "jobTemplate": {"spec": run | {"template": {"spec": pod}}},
        },
    }


def metadata_of(setting: Setting, name: str, part: str) -> Values:
    """Name, namespace, the plan's labels and the model it came from."""
    return {
        "name": name,
        "namespace": setting.policy.namespace,
        "labels": {**setting.labels, PART: part},
        "annotations": {"surgeplan.io/model": setting.plan.model},
    }
