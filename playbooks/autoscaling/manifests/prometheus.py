"""Alert rules at the event's own thresholds, for its hours only: an alert that outlives its event is ignored later."""

from __future__ import annotations

from campaign.language import _
from playbooks.autoscaling.manifests.document import Setting, Values, kubernetes_name, scheduled, to_yaml
from playbooks.autoscaling.manifests.kubernetes import metadata_of
from playbooks.autoscaling.plan import ServicePlan, Step

NEAR_RATIO = 0.9
HELD_AFTER_SECONDS = 600


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


def alerts(setting: Setting, name: str, service: ServicePlan) -> list[Values]:
    """Demand near what the highest step carries; a floor that does not hold; a floor patched but not running."""
    highest = max(service.steps, key=lambda step: step.replicas)
    carried = highest.replicas * service.capacity_requests_per_second_per_replica.low
    target = kubernetes_name(name)
    selector = f'namespace="{setting.policy.namespace}"'
    during = between(setting.plan.starts_at_utc.timestamp(), setting.plan.ends_at_utc.timestamp())
    held = _while_held(service, highest, setting)
    query = setting.policy.prometheus_query.replace("{service}", name)
    floor = f'kube_horizontalpodautoscaler_spec_min_replicas{{horizontalpodautoscaler="{target}",{selector}}}'
    running = f'kube_deployment_status_replicas_available{{deployment="{target}",{selector}}}'
    return [
        alert("SurgeplanDemandNearPlan", f"({query}) > {NEAR_RATIO * carried:g} {during}", "1m", service=name),
        alert("SurgeplanFloorNotHeld", f"{floor} < {highest.replicas} {held}", "1m", service=name),
        alert("SurgeplanReplicasMissing", f"{running} < {highest.replicas} {held}", "1m", service=name),
    ]


def _while_held(service: ServicePlan, step: Step, setting: Setting) -> str:
    later = [s.starts_at_utc for s in service.steps if s.starts_at_utc > step.starts_at_utc]
    ends_at = min(later, default=service.returns_at_utc or setting.plan.ends_at_utc)
    return between(step.starts_at_utc.timestamp() + HELD_AFTER_SECONDS, ends_at.timestamp())


def between(starts_at: float, ends_at: float) -> str:
    """A condition that holds in those hours only (seconds since 1970)."""
    return f"and on() (vector(time()) >= {starts_at:.0f}) and on() (vector(time()) < {ends_at:.0f})"


def alert(name: str, expression: str, lasting: str, severity: str = "page", **labels: str) -> Values:
    """One rule; severity: page where somebody must come now, ticket where they must look."""
    return {"alert": name, "expr": expression, "for": lasting, "labels": {"severity": severity, **labels}}
