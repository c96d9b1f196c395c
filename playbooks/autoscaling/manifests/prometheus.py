"""Alert rules at the event's own thresholds, for its hours only: an alert that outlives its event is ignored later."""

from __future__ import annotations

from campaign.language import Text, _, say
from campaign.numbers import percent
from playbooks.autoscaling.manifests.document import (
    Setting,
    Values,
    kubernetes_name,
    to_yaml,
)
from playbooks.autoscaling.manifests.kubernetes import by_hand, metadata_of
from playbooks.autoscaling.plan import ServicePlan

DEMAND_NEAR = "SurgeplanDemandNearPlan"
NEAR_RATIO = 0.9
STEP_TABLE = "autoscaling.md"
PATCHED_AFTER_SECONDS = 120  # the executor, then a scrape of kube-state-metrics: early enough to set the floor by hand
MISSING_RATIO = 0.05  # one pod of fifty that is replaced is not worth waking somebody


def prometheus_files(setting: Setting) -> dict[str, str]:
    """File name under `prometheus/` to its text."""
    rules = [rule for name, service in setting.plan.services.items() for rule in alerts(setting, name, service)]
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
    """On demand, and on steps where the service has any. `demand` is the query for requests per second where the
    policy's own is not the one."""
    query = demand or setting.query(name)
    found = [_demand_near(setting, name, service, query), _demand_unknown(setting, name, query)]
    return [*found, *_of_steps(setting, name, service)] if service.steps else found


def _demand_near(setting: Setting, name: str, service: ServicePlan, query: str) -> Values:
    """Carried is what the planned floor has ready, or what runs where the HPA has started more. Without steps the HPA
    alone has to follow: it is late once a start-up has passed."""
    carried = f"scalar(max({_running(setting, name)} or vector({_ready_floor(service, service.replicas.floor)})))"
    near = f"{NEAR_RATIO * service.capacity_requests_per_second_per_replica.low:g} * {carried}"
    expression, share = f"({query}) > {near} {_during(setting)}", percent(NEAR_RATIO)
    value = "{{ $value | humanize }}"
    if service.steps:
        return said(
            alert(DEMAND_NEAR, expression, "1m", service=name),
            say(
                "{service}: {value} requests/s, above {share} of what its planned floor and its running replicas carry",
                service=name, value=value, share=share,
            ),
        )  # fmt: skip
    return said(
        alert(DEMAND_NEAR, expression, f"{service.lead_minutes}m", service=name),
        say(
            "{service}: {value} requests/s, above {share} of what its running replicas carry for as long as new ones "
            "take to start: its HPA does not follow, or may start no more",
            service=name, value=value, share=share,
        ),
    )  # fmt: skip


def _demand_unknown(setting: Setting, name: str, query: str) -> Values:
    return said(
        alert("SurgeplanDemandUnknown", f"absent({query}) {_during(setting)}", "5m", service=name),
        say("{service}: its requests per second are not known, rules on demand are blind", service=name),
    )


def _of_steps(setting: Setting, name: str, service: ServicePlan) -> list[Values]:
    """A floor that does not hold; a floor patched but not running."""
    target, running = kubernetes_name(name), _running(setting, name)
    floor = f"kube_horizontalpodautoscaler_spec_min_replicas{{{_of(setting, 'horizontalpodautoscaler', name)}}}"
    held = planned_floor(service, PATCHED_AFTER_SECONDS)
    missing = f"({running} or 0 * absent({running})) < {1 - MISSING_RATIO:g} * ({_ready_floor(service)})"
    return [
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


def _running(setting: Setting, name: str) -> str:
    return f"kube_deployment_status_replicas_available{{{_of(setting, 'deployment', name)}}}"


def _of(setting: Setting, label: str, name: str) -> str:
    return f'{label}="{kubernetes_name(name)}",namespace="{setting.policy.namespace}"'


def _during(setting: Setting) -> str:
    return between(setting.plan.starts_at_utc.timestamp(), setting.plan.ends_at_utc.timestamp())


def _ready_floor(service: ServicePlan, otherwise: int = 0) -> str:
    return planned_floor(service, 60 * service.lead_minutes, otherwise)


def planned_floor(service: ServicePlan, after_seconds: int, otherwise: int = 0) -> str:
    """The floor that must hold by now, as a scalar: each rise counts `after_seconds` after its step, each fall at once;
    `otherwise` before the first step and from the way back on."""
    terms, before = [f"{otherwise}"] if otherwise else [], otherwise
    for step in service.steps:
        terms.append(_from(step.starts_at_utc.timestamp(), step.replicas - before, after_seconds))
        before = step.replicas
    terms += [_from(step.starts_at_utc.timestamp(), otherwise - before, 0) for step in service.way_back]
    return " + ".join(term for term in terms if term) or "0"


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
