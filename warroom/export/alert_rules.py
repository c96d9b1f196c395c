"""Alert rules for a team's own Prometheus: a campaign's forecast and capacity against what really comes.

The file is Prometheus's own format (`promtool check rules`). Its thresholds that change by the minute are gauges of the
war room's /metrics, so a new freeze needs no new file; those of the plan's replicas and of the objectives are numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from campaign.language import Text, _, say
from campaign.plan import Plan
from campaign.settings import Settings
from playbooks.autoscaling.manifests.document import Setting, Values, kubernetes_name, to_yaml
from playbooks.autoscaling.manifests.prometheus import alert, alerts, between, said
from playbooks.autoscaling.plan import AutoscalingPlan
from playbooks.autoscaling.policy import AutoscalingPolicy
from playbooks.growth.live_policy import LiveRules
from warroom.export.queries import demand_query, error_share_query, reading_query
from warroom.live.state import AROUND

SERVICE, SOURCE, MEASURE = "{{ $labels.service }}", "{{ $labels.source }}", "{{ $labels.measure }}"
CLOCK = "{{ $labels.clock }}"
VALUE, SHARE, SPAN = "{{ $value | humanize }}", "{{ $value | humanizePercentage }}", "{{ $value | humanizeDuration }}"
SHORT, LONG = "5m", "1h"


@dataclass(frozen=True)
class Subject:
    """What the rules are about: one campaign, its system, and the thresholds."""

    plan: Plan
    settings: Settings
    rules: LiveRules
    policy: AutoscalingPolicy
    autoscaling: AutoscalingPlan | None

    @property
    def services(self) -> tuple[str, ...]:
        return tuple(name for name in self.settings.service_names if self.plan.touches(name))


def alert_rules(subject: Subject) -> str:
    """The file as text."""
    groups = {"live": _live(subject), "objectives": _objectives(subject), "plan": _of_the_plan(subject)}
    document = {
        "groups": [
            {"name": kubernetes_name("surgeplan", subject.plan.id, name), "rules": rules}
            for name, found in groups.items()
            if (rules := list(found))
        ]
    }
    comments = [
        _("Alert rules of the campaign {name}; written by surgeplan export.").format(name=subject.plan.title),
        _("They need a Prometheus that scrapes the war room's /metrics and knows the system's own series."),
        _("Check: promtool check rules FILE. Way back: take the file out of rule_files and reload."),
    ]
    return to_yaml([document], comments)


def _live(subject: Subject) -> Iterator[Values]:
    limits = subject.rules.prometheus
    near_seconds = 60 * subject.rules.capacity.fires_minutes
    first, last = (subject.plan.starts_at - AROUND).timestamp(), (subject.plan.ends_at + AROUND).timestamp()
    yield _of_campaign(
        subject, "SurgeplanHeadroomLow", limits.headroom_minutes, "sre",
        f"min by (service) ({_gauge(subject, 'headroom_ratio')}) < {limits.headroom_min_ratio:g}",
        say("{service}: head-room {ratio}", service=SERVICE, ratio=SHARE),
    )  # fmt: skip
    yield _of_campaign(
        subject, "SurgeplanCapacityNear", limits.headroom_minutes, "commander",
        f"min by (service) ({_gauge(subject, 'time_to_capacity_seconds')}) < {near_seconds:g}",
        say("{service}: the forecast's p90 passes the capacity in {time}", service=SERVICE, time=SPAN),
    )  # fmt: skip
    for service in subject.services:
        yield from _against_forecast(subject, service)
    yield _of_campaign(
        subject, "SurgeplanSourceStale", limits.stale_minutes, "data",
        f"max by (source, measure) ({_gauge(subject, 'source_stale')}) == 1",
        say("{source} is late or away ({measure})", source=SOURCE, measure=MEASURE),
        "ticket",
    )  # fmt: skip
    yield _of_campaign(
        subject, "SurgeplanClockOverdue", limits.headroom_minutes, "sre",
        f"max by (clock) ({_gauge(subject, 'clock_overdue')}) == 1",
        say("the war room's {clock} clock stands still: what comes now is not seen", clock=CLOCK),
    )  # fmt: skip
    yield _of_campaign(
        subject, "SurgeplanAway", limits.stale_minutes, "sre",
        f"absent({_gauge(subject, 'live_up')} == 1) {between(first, last)}",
        say("the war room is away or cannot read {campaign}: rules against its forecast are blind",
            campaign=subject.plan.title),
    )  # fmt: skip


def _of_campaign(
    subject: Subject, name: str, minutes: float, owner: str, expression: str, summary: Text, severity: str = "page"
) -> Values:
    """A rule without a service of its own, once it has held for so long."""
    labels = {"campaign": subject.plan.id, "owner": owner}
    return said(alert(name, expression, _minutes(minutes), severity, **labels), summary)


def _against_forecast(subject: Subject, service: str) -> Iterator[Values]:
    """Demand as the system's own series have it, against the frozen quantiles of this minute."""
    limits, demand = subject.rules.prometheus, demand_query(subject.settings, subject.policy, service)
    cases = (
        ("SurgeplanAboveForecastP99", ">", "p99", limits.above_p99_minutes, "page", "sre",
         say("{service}: {value} requests/s, above the frozen p99", service=service, value=VALUE)),
        ("SurgeplanAboveForecastBand", ">", "p90", limits.outside_minutes, "ticket", "sre",
         say("{service}: {value} requests/s, above the frozen p90", service=service, value=VALUE)),
        ("SurgeplanBelowForecastBand", "<", "p10", limits.outside_minutes, "ticket", "marketing",
         say("{service}: {value} requests/s, below the frozen p10", service=service, value=VALUE)),
    )  # fmt: skip
    for name, sign, quantile, minutes, severity, owner, words in cases:
        came = f"({demand}) or vector(0)" if sign == "<" else demand  # no series at all is below, too
        threshold = _gauge(subject, "forecast_requests_per_second", f'service="{service}"', f'quantile="{quantile}"')
        expression = f"({came}) {sign} max({threshold})"
        labels = {"campaign": subject.plan.id, "service": service, "owner": owner}
        yield said(alert(name, expression, _minutes(minutes), severity, **labels), words)


def _objectives(subject: Subject) -> Iterator[Values]:
    """Errors by the rate at which they use up what the objective allows; latency by its objective itself."""
    limits = subject.rules.prometheus
    for name in subject.services:
        objective, labels = subject.settings.service(name).slo, {"service": name, "owner": "sre"}
        short, long = (error_share_query(subject.settings, subject.policy, name, over) for over in (SHORT, LONG))
        if objective.error_ratio is not None and short and long:
            most = f"{limits.burn_rate * objective.error_ratio:g}"
            burning = alert("SurgeplanErrorBudgetBurn", f"({short}) > {most} and ({long}) > {most}", "1m", **labels)
            yield said(burning, say("{service}: {share} errors over five minutes", service=name, share=SHARE))
        slowest = reading_query(subject.settings, "p99_ms", name)
        if objective.p99_ms is not None and slowest:
            slow = alert("SurgeplanLatencyAboveObjective", f"{slowest} > {objective.p99_ms:g}", "5m", **labels)
            yield said(slow, say("{service}: p99 {value} ms", service=name, value=VALUE))


def _of_the_plan(subject: Subject) -> Iterator[Values]:
    """The autoscaling plan's own rules, as its manifests have them."""
    if subject.autoscaling is not None:
        setting = Setting(subject.autoscaling, subject.policy, subject.settings.zone_of(subject.plan))
        for name, service in subject.autoscaling.services.items():
            yield from alerts(setting, name, service, demand_query(subject.settings, subject.policy, name))


def _gauge(subject: Subject, name: str, *matchers: str) -> str:
    chosen = ",".join([f'campaign="{subject.plan.id}"', *matchers])
    return f"surgeplan_{name}{{{chosen}}}"


def _minutes(count: float) -> str:
    return f"{round(count * 60)}s" if count % 1 else f"{count:g}m"
