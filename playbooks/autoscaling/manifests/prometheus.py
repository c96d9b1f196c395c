"""Alert rules at the event's own thresholds, for its hours only: an alert that outlives its event is ignored later."""

from __future__ import annotations

from campaign.language import _
from playbooks.autoscaling.manifests.document import (
    Setting,
    Values,
    kubernetes_name,
    restore,
    scheduled,
    to_yaml,
)
from playbooks.autoscaling.manifests.kubernetes import metadata_of
from playbooks.autoscaling.plan import ServicePlan

NEAR_RATIO = 0.9
PATCHED_AFTER_SECONDS = 120  # the executor, then a scrape of kube-state-metrics: early enough to set the floor by hand
MISSING_RATIO = 0.05  # one pod of fifty that is replaced is not worth waking somebody


def prometheus_files(setting: Setting) -> dict[str, str]:
    """File name under `prometheus/` to its text."""
    rules = [rule for name, service in scheduled(setting.plan).items() for rule in alerts(setting, name, service)]
    if not rules:
        return {}
    document = {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": metadata_of(setting, kubernetes_name("surgeplan", setting.group), "prometheus"),
        "spec": {"groups": [{"name": kubernetes_name("surgeplan", setting.group), "rules": rules}]},
    }
    comments = [
        setting.origin,
        _("Alerts at this event's thresholds; they are silent outside its hours."),
        _("Way back: kubectl delete -f this file."),
    ]
    return {"alerts.yaml": to_yaml([document], comments)}


def alerts(setting: Setting, name: str, service: ServicePlan, demand: str | None = None) -> list[Values]:
    """Demand near what the highest step carries, or not known; a floor that does not hold; a floor patched but not
    running. `demand` is the query for requests per second where the policy's own is not the one."""
    highest = max(service.steps, key=lambda step: step.replicas)
    carried = highest.replicas * service.capacity_requests_per_second_per_replica.low
    target = kubernetes_name(name)
    selector = f'namespace="{setting.policy.namespace}"'
    during = between(setting.plan.starts_at_utc.timestamp(), setting.plan.ends_at_utc.timestamp())
    query = demand or setting.policy.prometheus_query.replace("{service}", name)
    floor = f'kube_horizontalpodautoscaler_spec_min_replicas{{horizontalpodautoscaler="{target}",{selector}}}'
    running = f'kube_deployment_status_replicas_available{{deployment="{target}",{selector}}}'
    held = planned_floor(setting, service, PATCHED_AFTER_SECONDS)
    ready = planned_floor(setting, service, 60 * service.lead_minutes)
    least = f"{1 - MISSING_RATIO:g} * ({ready})"
    return [
        alert("SurgeplanDemandNearPlan", f"({query}) > {NEAR_RATIO * carried:g} {during}", "1m", service=name),
        alert("SurgeplanDemandUnknown", f"absent({query}) {during}", "5m", service=name),
        alert("SurgeplanFloorNotHeld", f"{floor} < {held}", "1m", service=name),
        alert("SurgeplanReplicasMissing", f"({running} or 0 * absent({running})) < {least}", "1m", service=name),
    ]


def planned_floor(setting: Setting, service: ServicePlan, after_seconds: int) -> str:
    """The floor that must hold by now, as a scalar: each rise counts `after_seconds` after its step, each fall at once;
    zero before the first step and after the last."""
    terms, before = [], 0
    for step in service.steps:
        terms.append(_from(step.starts_at_utc.timestamp(), step.replicas - before, after_seconds))
        before = step.replicas
    terms.append(_from(restore(setting, service).starts_at_utc.timestamp(), -before, 0))
    return " + ".join(term for term in terms if term)


def _from(at: float, change: int, after_seconds: int) -> str:
    begins = at + (after_seconds if change > 0 else 0)
    return f"{change} * (time() >= bool {begins:.0f})" if change else ""


def between(starts_at: float, ends_at: float) -> str:
    """A condition that holds in those hours only (seconds since 1970)."""
    return f"and on() (vector(time()) >= {starts_at:.0f}) and on() (vector(time()) < {ends_at:.0f})"


def alert(name: str, expression: str, lasting: str, severity: str = "page", **labels: str) -> Values:
    """One rule; severity: page where somebody must come now, ticket where they must look."""
    return {"alert": name, "expr": expression, "for": lasting, "labels": {"severity": severity, **labels}}
