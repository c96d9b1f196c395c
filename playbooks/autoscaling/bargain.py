"""Risk against cost in words: every quantile's price, and what the next replica buys."""

from __future__ import annotations

from collections.abc import Iterator
from zoneinfo import ZoneInfo

from campaign.language import _
from campaign.numbers import local_minute, percent, spoken
from playbooks.autoscaling.markdown import table
from playbooks.autoscaling.plan import NextReplica, RiskPoint, ServicePlan

SHOWN_MOST = 3


def risk_lines(service: ServicePlan, zone: ZoneInfo, currency: str) -> Iterator[str]:
    """The part of `autoscaling.md` from which people choose another risk level, or another replica."""
    yield _("Risk against cost of the floors alone, without the HPA on top, so that people can choose:")
    yield ""
    headings = [
        _("quantile"),
        _("replica-hours"),
        _("cost") + f" ({currency})",
        _("short minutes"),
        _("events short"),
        _("requests short"),
        _("value of lost orders") + f" ({currency})",
    ]
    rows = [_point(point) for point in service.risk_against_cost]
    yield from table(headings, rows, "lrrrrrr")
    if service.steps:
        yield from ("", what_the_next_buys(service, zone, currency), "")
    if service.next_replicas:
        headings = [
            _("step"),
            _("replicas"),
            _("replica-hours more"),
            _("cost") + f" ({currency})",
            _("minutes saved"),
            _("requests saved"),
            _("saved per replica-hour"),
        ]
        yield from table(headings, [_next(n, zone) for n in service.next_replicas[:SHOWN_MOST]], "lrrrrrr")


def _point(point: RiskPoint) -> list[str]:
    return [
        f"p{100 * point.quantile_ratio:g}",
        spoken(point.replica_hours),
        money(point.cost),
        f"{point.short_minutes:.2f}",
        percent(point.event_short_ratio),
        spoken(point.short_requests),
        money(point.value_lost),
    ]


def money(value: float | None) -> str:
    return "-" if value is None else spoken(value)


def _next(following: NextReplica, zone: ZoneInfo) -> list[str]:
    return [
        local_minute(following.starts_at_utc, zone),
        str(following.replicas),
        spoken(following.replica_hours),
        money(following.cost),
        f"{following.saved_minutes:.2f}",
        spoken(following.saved_requests),
        spoken(following.saved_requests / following.replica_hours),
    ]


def what_the_next_buys(service: ServicePlan, zone: ZoneInfo, currency: str) -> str:
    """The best buy in one sentence."""
    if not service.next_replicas:
        return _("The next replica buys nothing on these paths: no step is short of what they ask.")
    best = service.next_replicas[0]
    said = _(
        "The next replica, in the step of {at}, costs {hours} replica-hours and saves {minutes} short minutes and "
        "{requests} requests an event."
    ).format(
        at=local_minute(best.starts_at_utc, zone),
        hours=spoken(best.replica_hours),
        minutes=f"{best.saved_minutes:.2f}",
        requests=spoken(best.saved_requests),
    )
    if best.cost is None or best.saved_value is None:
        return said
    priced = _("In money: {cost} {currency} for {value} {currency}.").format(
        cost=spoken(best.cost), value=spoken(best.saved_value), currency=currency
    )
    return f"{said} {priced}"
