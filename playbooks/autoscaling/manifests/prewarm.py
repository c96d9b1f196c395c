"""Room on nodes before the first pods come: pause pods that give way at once, scaled up and down by CronJobs.

They go in the minute of the highest step: evicted ones would wait as pending pods and order nodes that nobody needs.
"""

from __future__ import annotations

import json
from datetime import timedelta

from campaign.language import _
from campaign.settings import Service
from playbooks.autoscaling.manifests.document import (
    Setting,
    Values,
    job_name,
    kubernetes_name,
    scheduled,
    to_yaml,
)
from playbooks.autoscaling.manifests.kubernetes import (
    RESTRICTED,
    RESTRICTED_POD,
    WELL_AFTER,
    Task,
    cleanup_job,
    metadata_of,
    one_job,
    rbac,
)
from playbooks.autoscaling.plan import ServicePlan

PAUSE_PODS = "pause-pods"
PAUSE_IMAGE = "registry.k8s.io/pause:3.10"
PRIORITY_CLASS = "surgeplan-headroom"
AHEAD = timedelta(minutes=30)


def prewarm_files(setting: Setting, services: dict[str, Service]) -> dict[str, str]:
    """File name under `pause-pods/` to its text; empty where nodes are warm or no service says how big its pods are."""
    wanted = {
        name: plan
        for name, plan in scheduled(setting.plan).items()
        if services[name].cpu_cores and services[name].memory_gib and headroom(plan) > 0
    }
    if not wanted or not setting.policy.nodes_wait:
        return {}
    deployments = [deployment_name(name) for name in wanted]
    scale = {"apiGroups": ["apps"], "resources": ["deployments"], "resourceNames": deployments}
    pods = [_deployment(setting, services[name]) for name in wanted]
    jobs = [job for name, plan in wanted.items() for job in _jobs(setting, name, plan)]
    jobs.append(cleanup_job(setting, PAUSE_PODS))
    may = rbac(setting, PAUSE_PODS, scale | {"verbs": ["get", "patch"]})
    comments = [
        setting.origin,
        _(
            "Pause pods hold room on nodes and give way to real pods at once. Sized: highest step less the floor "
            "before it."
        ),
        _("Way back: kubectl delete -f this file."),
    ]
    return {"pause-pods.yaml": to_yaml([_priority_class(setting), *may, *pods, *jobs], comments)}


def headroom(service: ServicePlan) -> int:
    """Replicas that the highest step adds to the one before it."""
    counts = [step.replicas for step in service.steps]
    highest = counts.index(max(counts))
    return counts[highest] - (counts[highest - 1] if highest else service.replicas.floor)


def _priority_class(setting: Setting) -> Values:
    metadata = metadata_of(setting, PRIORITY_CLASS, PAUSE_PODS)
    del metadata["namespace"]
    return {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": metadata,
        "value": -10,
        "globalDefault": False,
        "description": "Gives way to every real pod.",
    }


def deployment_name(service: str) -> str:
    return kubernetes_name("headroom", service)


def _deployment(setting: Setting, service: Service) -> Values:
    assert service.cpu_cores is not None
    assert service.memory_gib is not None
    asked = {"cpu": f"{service.cpu_cores:g}", "memory": f"{service.memory_gib * 1024:.0f}Mi"}
    size = {"requests": asked, "limits": asked}
    name = deployment_name(service.name)
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": metadata_of(setting, name, PAUSE_PODS),
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {
                    "priorityClassName": PRIORITY_CLASS,
                    "terminationGracePeriodSeconds": 0,
                    **RESTRICTED_POD,
                    "containers": [{"name": "pause", "image": PAUSE_IMAGE, "resources": size} | RESTRICTED],
                },
            },
        },
    }


def _jobs(setting: Setting, name: str, service: ServicePlan) -> list[Values]:
    highest = max(service.steps, key=lambda step: step.replicas).starts_at_utc
    jobs = []
    for at, count, until in ((highest - AHEAD, headroom(service), highest), (highest, 0, highest + WELL_AFTER)):
        patch = json.dumps({"spec": {"replicas": count}})
        arguments = [
            "patch", "deployment", deployment_name(name), "-n", setting.policy.namespace, "--type=merge", "-p", patch,
        ]  # fmt: skip
        task = Task(job_name("headroom", name, at), at, arguments, "node head-room", until)
        jobs.append(one_job(setting, PAUSE_PODS, task))
    return jobs
