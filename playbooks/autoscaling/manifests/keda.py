"""KEDA ScaledObjects: a cron trigger for each step, the plan's metric on top; the same without steps as the way back.

A cron trigger is a metric: it goes through the HPA's 10 % dead-band (kedacore/keda#5263, #7900), so every step up is
made to differ by more than that.
"""

from __future__ import annotations

from itertools import pairwise

from campaign.language import _
from playbooks.autoscaling.manifests.document import (
    Setting,
    Values,
    cron,
    cron_zone,
    kubernetes_name,
    scheduled,
    to_yaml,
)
from playbooks.autoscaling.plan import ServicePlan, Step

DEAD_BAND_RATIO = 0.1


def keda_files(setting: Setting) -> dict[str, str]:
    """File name under `keda/` to its text."""
    files = {}
    for name, service in scheduled(setting.plan).items():
        steps = [
            setting.origin,
            _("KEDA makes its own HPA: do not apply kubernetes/10-hpa.yaml for this service as well."),
            _("Way back: kubectl apply -f {file}").format(file=f"restore-{kubernetes_name(name)}.yaml"),
            _("Cron knows no year: apply the way back after the campaign, or the steps come again next year."),
        ]
        files[f"{kubernetes_name(name)}.yaml"] = to_yaml([scaled_object(setting, name, service, True)], steps)
        files[f"restore-{kubernetes_name(name)}.yaml"] = to_yaml(
            [scaled_object(setting, name, service, False)], [setting.origin, _("The same without steps.")]
        )
    return files


def scaled_object(setting: Setting, name: str, service: ServicePlan, with_steps: bool) -> Values:
    """A ScaledObject keda.sh/v1alpha1; every value of a trigger's metadata is a string, as its CRD demands."""
    cron_triggers = _cron_triggers(setting, service) if with_steps else []
    usual = max(service.replicas.today or 0, service.replicas.floor)
    on_failure = {"failureThreshold": 3, "replicas": service.replicas.peak if with_steps else usual}
    fallback = {"fallback": on_failure} if service.hpa_metric == "rate" else {}  # KEDA knows none for CPU
    return {
        "apiVersion": "keda.sh/v1alpha1",
        "kind": "ScaledObject",
        "metadata": {
            "name": kubernetes_name(name),
            "namespace": setting.policy.namespace,
            "labels": dict(setting.labels),
            "annotations": {"surgeplan.io/model": setting.plan.model},
        },
        "spec": {
            "scaleTargetRef": {"name": kubernetes_name(name)},
            "minReplicaCount": service.replicas.floor,
            "maxReplicaCount": service.replicas.most,
            "pollingInterval": 15,
            "cooldownPeriod": 300,
            **fallback,
            "advanced": {
                "horizontalPodAutoscalerConfig": {
                    "behavior": {
                        "scaleUp": {
                            "stabilizationWindowSeconds": 0,
                            "policies": [{"type": "Percent", "value": 900, "periodSeconds": 15}],
                        }
                    }
                }
            },
            "triggers": [*cron_triggers, metric_trigger(setting, name, service)],
        },
    }


def metric_trigger(setting: Setting, name: str, service: ServicePlan) -> Values:
    """What the plan was replayed with: CPU utilisation, or requests per second from Prometheus against what one replica
    carries."""
    if service.hpa_metric == "cpu":
        value = f"{round(100 * service.hpa_target_ratio)}"
        return {"type": "cpu", "metricType": "Utilization", "metadata": {"value": value}}
    return {
        "type": "prometheus",
        "metricType": "AverageValue",
        "metadata": {
            "serverAddress": setting.policy.prometheus_address,
            "query": setting.query(name),
            "threshold": f"{service.hpa_requests_per_second:g}",
        },
    }


def _cron_triggers(setting: Setting, service: ServicePlan) -> list[Values]:
    zone = cron_zone(setting)
    steps = beyond_dead_band(service.steps, service.replicas.most)
    return [
        {
            "type": "cron",
            "metadata": {
                "timezone": zone.key,
                "start": cron(step.starts_at_utc, zone),
                "end": cron(following.starts_at_utc, zone),
                "desiredReplicas": str(step.replicas),
            },
        }
        for step, following in pairwise([*steps, *service.way_back])
    ]


def beyond_dead_band(steps: tuple[Step, ...], most: int) -> tuple[Step, ...]:
    """Steps up raised until they are more than 10 % above the one before; never above `most`."""
    raised: list[Step] = []
    for step in steps:
        before = raised[-1].replicas if raised else 0
        least = int(before * (1 + DEAD_BAND_RATIO) + 1e-9) + 1 if step.replicas > before > 0 else step.replicas
        raised.append(step.model_copy(update={"replicas": min(max(step.replicas, least), most)}))
    return tuple(raised)
