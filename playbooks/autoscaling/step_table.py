"""`autoscaling.md`: the table that a person reviews and signs, in the campaign's own zone."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from campaign.language import Text, _, say
from campaign.numbers import local_minute, percent, spoken
from playbooks.autoscaling.bargain import risk_lines
from playbooks.autoscaling.markdown import table
from playbooks.autoscaling.plan import (
    AutoscalingPlan,
    BackTest,
    HpaMetric,
    LimitHit,
    RiskChosenBy,
    ServicePlan,
    Verdict,
)

VERDICTS: dict[Verdict, Text] = {
    "reactive-suffices": say("today's HPA suffices"),
    "scheduled": say("scheduled steps needed"),
    "limited": say("limited: a quota or dependency ends before the demand does"),
}
POLICY_NAMES: dict[str, Text] = {
    "plan": say("this plan, HPA on top"),
    "hpa-alone": say("today's HPA alone"),
    "hpa-alone-warm-nodes": say("today's HPA alone, nodes kept warm"),
    "hpa-alone-at-plan-target": say("HPA alone at the plan's target"),
    "static-peak": say("static p99 peak"),
    "oracle": say("one who knew it all"),
}


def step_table(plan: AutoscalingPlan, title: str) -> str:
    """The whole document in the current language."""
    zone = ZoneInfo(plan.time_zone)
    lines = ["# " + _("Autoscaling plan") + f" · {title}", "", *_head(plan, zone)]
    for name, service in plan.services.items():
        lines += ["", f"## {name} · {VERDICTS[service.verdict]}", "", *_service(service, zone, plan.currency)]
    if any(service.steps for service in plan.services.values()):
        lines += ["", "## " + _("The way back"), "", *_way_back(plan, zone)]
    if plan.not_planned:
        lines += ["", "## " + _("Not planned"), "", *(f"- {name}: {why}" for name, why in plan.not_planned.items())]
    assumed = [*plan.assumptions, *(text for service in plan.services.values() for text in service.assumptions)]
    if assumed:
        lines += ["", "## " + _("Assumptions"), "", *(f"- {text}" for text in assumed)]
    return "\n".join(lines) + "\n"


def _head(plan: AutoscalingPlan, zone: ZoneInfo) -> Iterator[str]:
    yield _("Times are {zone}. Traffic model {model}, as of {as_of}.").format(
        zone=plan.time_zone, model=plan.model[:12], as_of=local_minute(plan.as_of_utc, zone, year=True)
    )
    yield _("Steps hold from {start} to {end}; then the floor returns to its usual value.").format(
        start=local_minute(plan.starts_at_utc, zone, year=True), end=local_minute(plan.ends_at_utc, zone, year=True)
    )
    if plan.historical:
        yield _("Historical: the campaign has already begun; nothing here is to be applied.")
    if plan.shared_with:
        yield _("One set of steps for this campaign and {others}: they share a service and an hour.").format(
            others=", ".join(plan.shared_with)
        )


def _service(service: ServicePlan, zone: ZoneInfo, currency: str) -> Iterator[str]:
    capacity, replicas = service.capacity_requests_per_second_per_replica, service.replicas
    yield service.verdict_why + _(".")
    yield ""
    yield "- " + _("capacity of one replica: {low:g} to {high:g} requests per second ({source})").format(
        low=capacity.low, high=capacity.high, source=SOURCES[service.capacity_source]
    )
    yield "- " + _("replicas needed at the peak: p50 {p50:,.0f}, p90 {p90:,.0f}, p99 {p99:,.0f}").format(
        **replicas.needed.model_dump()
    )
    yield "- " + _("usual floor {floor}, maxReplicas {most}, started {lead} min ahead").format(
        floor=replicas.floor, most=replicas.most, lead=service.lead_minutes
    )
    yield "- " + _covered(service)
    yield "- " + _chosen_by(service)
    yield "- " + _cost(service, currency)
    if service.steps:
        yield from ("", *table([_("from"), _("replicas"), _("why")], _step_rows(service, zone), "lrl"))
        yield from ("", "**" + _("To be warm before") + "**", "", *_warming(service, zone))
    if service.limits_hit:
        yield from (
            "",
            "**" + _("Limits hit") + "**",
            "",
            *(line for hit in service.limits_hit for line in _limit(hit, zone)),
        )
        yield from ("", *_admitted(service))
    yield from ("", *_replays(service.back_test))
    yield from ("", *risk_lines(service, zone, currency))


SOURCES: dict[str, Text] = {"measured": say("measured"), "declared": say("declared"), "imported": say("imported")}


METRICS: dict[HpaMetric, Text] = {"cpu": say("the CPU"), "rate": say("a replica's capacity")}


def _covered(service: ServicePlan) -> str:
    strict, quiet = f"{100 * service.quantile_ratio:g} %", f"{100 * service.quiet_quantile_ratio:g} %"
    if service.spread == "everywhere":
        return _("floors carry what a minute stays below with probability {strict}").format(strict=strict)
    return _(
        "floors carry what a minute stays below with probability {strict} near announced instants, {quiet} elsewhere, "
        "where the HPA at {target} of {metric} follows"
    ).format(strict=strict, quiet=quiet, target=percent(service.hpa_target_ratio), metric=METRICS[service.hpa_metric])


CHOSEN_BY: dict[RiskChosenBy, Text] = {
    "workspace": say("that risk is the workspace's own (surgeplan.yaml: overload_probability_per_minute)"),
    "money": say("that risk is where one more replica-hour costs as much as it saves"),
    "policy": say("that risk is the policy's: with no prices given, nothing else chooses it"),
}


def _chosen_by(service: ServicePlan) -> str:
    said = str(CHOSEN_BY[service.risk_chosen_by])
    money = service.newsvendor_quantile_ratio
    if money is None or service.risk_chosen_by == "money":
        return said
    return _("{said}; money alone would choose {quantile} %").format(said=said, quantile=f"{100 * money:g}")


def _step_rows(service: ServicePlan, zone: ZoneInfo) -> list[list[str]]:
    return [[local_minute(s.starts_at_utc, zone), str(s.replicas), s.why] for s in service.steps]


def _warming(service: ServicePlan, zone: ZoneInfo) -> list[str]:
    names = {"caches": _("caches, CDN"), "connections": _("connections")}
    rows = [
        [local_minute(w.starts_at_utc, zone), local_minute(w.ready_by_utc, zone), names[w.kind], w.what]
        for w in service.warming
    ]
    return table([_("from"), _("ready by"), _("what to warm"), _("how")], rows, "llll")


def _way_back(plan: AutoscalingPlan, zone: ZoneInfo) -> Iterator[str]:
    returning = [(at, name, service) for name, service in plan.services.items() if (at := service.returns_at_utc)]
    yield _(
        "One after the other: who sends shrinks before who is sent to, the most valuable last. "
        "Hold the next one back while errors rise."
    )
    yield ""
    rows = [
        [local_minute(at, zone), name, str(service.steps[-1].replicas), str(service.replicas.floor)]
        for at, name, service in sorted(returning, key=lambda entry: entry[0])
    ]
    yield from table([_("at"), _("service"), _("floor before"), _("floor after")], rows, "llrr")
    yield ""
    yield _(
        "Rate limits and switches are taken back while the floors still stand; pools, quotas and the manifests after "
        "the last service."
    )


def _cost(service: ServicePlan, currency: str) -> str:
    if service.cost is None:
        return _("{hours} replica-hours").format(hours=spoken(service.replica_hours))
    return _("{hours} replica-hours, {cost} {currency}").format(
        hours=spoken(service.replica_hours), cost=spoken(service.cost), currency=currency
    )


def _limit(hit: LimitHit, zone: ZoneInfo) -> Iterator[str]:
    yield "- " + _(
        "{limit}: {needed} needed, {allowed} allowed, {start} to {end}: admit {admitted} requests per second, "
        "refuse or degrade {refused}"
    ).format(
        limit=hit.limit,
        needed=spoken(hit.needed),
        allowed=spoken(hit.allowed),
        start=local_minute(hit.starts_at_utc, zone),
        end=local_minute(hit.ends_at_utc, zone),
        admitted=spoken(hit.admitted_requests_per_second),
        refused=spoken(hit.refused_requests_per_second),
    )

    for relief in hit.switches:
        line = _("switch {switch} sheds {share}: {left} requests per second left").format(
            switch=relief.switch, share=percent(relief.sheds_ratio), left=spoken(relief.left_requests_per_second)
        )
        yield "  - " + line + (_(" (never drilled)") if relief.drilled_seconds is None else "")


def _admitted(service: ServicePlan) -> Iterator[str]:
    headings = [_("endpoint, most valuable first"), _("wanted per second"), _("admitted per second")]
    headings += [_("requests of a call"), _("calls admitted per second")]
    rows = [
        [
            limit.endpoint,
            spoken(limit.demand_requests_per_second),
            spoken(limit.admitted_requests_per_second),
            f"{limit.requests_per_call:g}",
            spoken(limit.admitted_calls_per_second),
        ]
        for limit in service.rate_limits
    ]
    yield from table(headings, rows, "lrrrr")


def _replays(test: BackTest) -> Iterator[str]:
    yield _("Replayed on {paths} sample paths:").format(paths=test.paths)
    yield ""
    headings = [
        _("policy"),
        _("overloaded min"),
        _("events overloaded"),
        _("above capacity"),
        _("replica-hours"),
        _("× oracle"),
    ]
    rows = [
        [
            str(POLICY_NAMES[name]),
            f"{outcome.overloaded_minutes:.2f}",
            percent(outcome.event_overload_ratio),
            f"{100 * outcome.above_capacity_ratio:.3f} %",
            f"{outcome.replica_hours:,.0f}",
            f"{outcome.oracle_ratio:.2f}",
        ]
        for name, outcome in ((name, test.policies[name]) for name in POLICY_NAMES if name in test.policies)
    ]
    yield from table(headings, rows, "lrrrrr")
