"""Alert rules at the event's own thresholds, for its hours only: an alert that outlives its event is ignored later."""

from __future__ import annotations

from campaign.language import Text, _, say
from campaign.numbers import percent
from playbooks.autoscaling.manifests.document import (
    Setting,
    Values,
    kubernetes_name,
    scheduled,
    to_yaml,
)
from playbooks.autoscaling.manifests.kubernetes import by_hand, metadata_of
from playbooks.autoscaling.plan import ServicePlan

NEAR_RATIO = 0.9
STEP_TABLE = "autoscaling.md"
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
    """Demand near what is carried by then, or not known; a floor that does not hold; a floor patched but not running.
    Carried is what the planned floor has ready, or what runs where the HPA has started more. `demand` is the query for
    requests per second where the policy's own is not the one."""
    target, usual = kubernetes_name(name), service.replicas.floor
    selector = f'namespace="{setting.policy.namespace}"'
    during = between(setting.plan.starts_at_utc.timestamp(), setting.plan.ends_at_utc.timestamp())
    query = demand or setting.query(name)
    floor = f'kube_horizontalpodautoscaler_spec_min_replicas{{horizontalpodautoscaler="{target}",{selector}}}'
    running = f'kube_deployment_status_replicas_available{{deployment="{target}",{selector}}}'
    held = planned_floor(service, PATCHED_AFTER_SECONDS)
    least = f"{1 - MISSING_RATIO:g} * ({planned_floor(service, 60 * service.lead_minutes)})"
    there = f"scalar(max({running} or vector({planned_floor(service, 60 * service.lead_minutes, usual)})))"
    near = f"{NEAR_RATIO * service.capacity_requests_per_second_per_replica.low:g} * {there}"
    missing = f"({running} or 0 * absent({running})) < {least}"
    return [
        said(
            alert("SurgeplanDemandNearPlan", f"({query}) > {near} {during}", "1m", service=name),
            say(
                "{service}: {value} requests/s, above {share} of what its planned floor and its running replicas carry",
                service=name, value="{{ $value | humanize }}", share=percent(NEAR_RATIO),
            ),
        ),
        said(
            alert("SurgeplanDemandUnknown", f"absent({query}) {during}", "5m", service=name),
            say("{service}: its requests per second are not known, rules on demand are blind", service=name),
        ),
        said(
            alert("SurgeplanFloorNotHeld", f"{floor} < {held}", "1m", service=name),
            say(
                "{service}: minReplicas is {value}, below its planned step. By hand: {command} (N: {table})",
                service=name, value="{{ $value }}", command=by_hand(setting, target), table=STEP_TABLE,
            ),
        ),
        said(
            alert("SurgeplanReplicasMissing", missing, "1m", service=name),
            say(
                "{service}: {value} replicas are available, fewer than its planned step. Look for pods that are "
                "pending or not ready",
                service=name, value="{{ $value }}",
            ),
        ),
    ]  # fmt: skip


def planned_floor(service: ServicePlan, after_seconds: int, otherwise: int = 0) -> str:
    """The floor that must hold by now, as a scalar: each rise counts `after_seconds` after its step, each fall at once;
    `otherwise` before the first step and from the way back on."""
    terms, before = [f"{otherwise}"] if otherwise else [], otherwise
    for step in service.steps:
        terms.append(_from(step.starts_at_utc.timestamp(), step.replicas - before, after_seconds))
        before = step.replicas
    terms += [_from(step.starts_at_utc.timestamp(), otherwise - before, 0) for step in service.way_back]
    return " + ".join(term for term in terms if term)


def _from(at: float, change: int, after_seconds: int) -> str:
    begins = at + (after_seconds if change > 0 else 0)
    return f"{change} * (time() >= bool {begins:.0f})" if change else ""


def between(starts_at: float, ends_at: float) -> str:
    """A condition that holds in those hours only (seconds since 1970)."""
    return f"and on() (vector(time()) >= {starts_at:.0f}) and on() (vector(time()) < {ends_at:.0f})"


def said(rule: Values, summary: Text) -> Values:
    """The rule with what whoever is paged reads first."""
    return rule | {"annotations": {"summary": str(summary)}}


def alert(name: str, expression: str, lasting: str, severity: str = "page", **labels: str) -> Values:
    """One rule; severity: page where somebody must come now, ticket where they must look."""
    return {"alert": name, "expr": expression, "for": lasting, "labels": {"severity": severity, **labels}}
