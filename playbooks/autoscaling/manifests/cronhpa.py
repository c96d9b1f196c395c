"""CronHPA (AliyunContainerService/kubernetes-cronhpa-controller): `@date` steps that run once and never again."""

from __future__ import annotations

from campaign.language import _
from playbooks.autoscaling.manifests.document import (
    Setting,
    Values,
    kubernetes_name,
    scheduled,
    stamp,
    to_yaml,
)
from playbooks.autoscaling.plan import RESTORE, ServicePlan


def cronhpa_files(setting: Setting) -> dict[str, str]:
    """File name under `cronhpa/` to its text."""
    comments = [
        setting.origin,
        _("@date runs once, in the controller's own time zone: these times are {zone}, set its TZ to that.").format(
            zone=setting.zone.key
        ),
        _(
            "It raises a floor only where fewer replicas run at that moment (its issue 87): check the floor at "
            "T-30 min."
        ),
        _("Way back: the last job restores the usual floor; then kubectl delete -f this file."),
    ]
    return {
        f"{kubernetes_name(name)}.yaml": to_yaml([cron_hpa(setting, name, service)], comments)
        for name, service in scheduled(setting.plan).items()
    }


def cron_hpa(setting: Setting, name: str, service: ServicePlan) -> Values:
    """A CronHorizontalPodAutoscaler that edits the HPA's floor."""
    target = kubernetes_name(name)
    return {
        "apiVersion": "autoscaling.alibabacloud.com/v1beta1",
        "kind": "CronHorizontalPodAutoscaler",
        "metadata": {
            "name": target,
            "namespace": setting.policy.namespace,
            "labels": dict(setting.labels),
            "annotations": {"surgeplan.io/model": setting.plan.model},
        },
        "spec": {
            "scaleTargetRef": {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "name": target},
            "jobs": [
                {
                    "name": f"{step.why if step.why == RESTORE else 'floor'}-{stamp(step.starts_at_utc)}",
                    "schedule": f"@date {step.starts_at_utc.astimezone(setting.zone):%Y-%m-%d %H:%M:%S}",
                    "targetSize": step.replicas,
                    "runOnce": True,
                }
                for step in service.all_steps
            ],
        },
    }
