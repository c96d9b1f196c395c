"""The live state as Prometheus gauges: what is forecast for this minute, what is carried, how fresh it all is.

Names and labels are a contract with other people's alerts and dashboards: `docs/sre/prometheus.md` lists them, and a
test compares the list with `GAUGES`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import get_args

from prometheus_client.core import GaugeMetricFamily

from campaign.capacity import CapacityRange
from campaign.plan import Plan
from campaign.traffic import QUANTILES
from warroom.live.records import BandSeries, Column, LiveState, Minutes
from warroom.service.troubles import Work

FRESH = timedelta(minutes=10)
"""How old the newest actual may be and still be told as the present one."""

LABELS: dict[str, tuple[str, tuple[str, ...]]] = {
    "surgeplan_live_up": ("1 while the campaign's live state can be read", ("campaign",)),
    "surgeplan_forecast_requests_per_second": (
        "Frozen forecast for the present minute (hour, where it knows hours only)",
        ("campaign", "service", "quantile"),
    ),
    "surgeplan_reforecast_requests_per_second": (
        "The same minute forecast again, given what came so far",
        ("campaign", "service", "quantile"),
    ),
    "surgeplan_actual_requests_per_second": (
        "What came in the newest minute (hour) known, for at most ten minutes after it",
        ("campaign", "service"),
    ),
    "surgeplan_capacity_requests_per_second": (
        "What is trusted to be carried: the load test's proof (basis tested), else planned replicas (planned)",
        ("campaign", "service", "basis"),
    ),
    "surgeplan_replica_capacity_requests_per_second": (
        "What one replica carries within its objective: lower bound (low) and point estimate (point)",
        ("campaign", "service", "bound"),
    ),
    "surgeplan_ready_capacity_requests_per_second": (
        "What the ready replicas, as last read, carry at the lower bound",
        ("campaign", "service"),
    ),
    "surgeplan_headroom_ratio": (
        "1 - demand now / capacity; below zero beyond it",
        ("campaign", "service"),
    ),
    "surgeplan_time_to_capacity_seconds": (
        "Until the p90 of what is to come passes the capacity; +Inf where it does not within the campaign",
        ("campaign", "service"),
    ),
    "surgeplan_oldest_watermark_age_seconds": (
        "Age of the oldest instant up to which every source of hourly figures has told all",
        ("campaign",),
    ),
    "surgeplan_source_age_seconds": ("Age of a source's watermark", ("campaign", "source", "measure")),
    "surgeplan_source_stale": ("1 where a source is late, away or has never told", ("campaign", "source", "measure")),
    "surgeplan_last_sync_age_seconds": ("Since the last hourly sync ended", ("campaign",)),
    "surgeplan_clock_overdue": (
        "1 where a sync (clock hour) or, while minutes are watched, a look at them (clock minute) is overdue",
        ("campaign", "clock"),
    ),
    "surgeplan_alert_level": ("The highest level of an alert that stands; 0 without one", ("campaign",)),
    "surgeplan_alert_open": (
        "The level of each alert that stands",
        ("campaign", "rule", "subject", "direction", "owner"),
    ),
    "surgeplan_marker_timestamp_seconds": (
        "When a moment or send of the plan is, in seconds since 1970",
        ("campaign", "kind", "name"),
    ),
}
GAUGES = tuple(LABELS)
Sample = tuple[str, tuple[str, ...], float]
"""Gauge, its labels after the campaign, value."""


@dataclass(frozen=True)
class Followed:
    """A campaign on the metrics page; state is None where it cannot be read now. overdue: clocks that stand still."""

    plan: Plan
    state: LiveState | None
    overdue: frozenset[Work]
    per_replica: Mapping[str, CapacityRange]


def families_of(campaigns: Iterable[Followed]) -> list[GaugeMetricFamily]:
    """Every gauge with its samples; a gauge without any is still described."""
    families = {name: GaugeMetricFamily(name, text, labels=labels) for name, (text, labels) in LABELS.items()}
    for followed in campaigns:
        for name, labels, value in samples_of(followed):
            families[name].add_metric([followed.plan.id, *labels], value)
    return list(families.values())


def samples_of(followed: Followed) -> Iterator[Sample]:
    """What is known of one campaign; what is not known has no sample."""
    state = followed.state
    yield "surgeplan_live_up", (), float(state is not None)
    yield from _markers(followed.plan)
    for service, bounds in followed.per_replica.items():
        yield "surgeplan_replica_capacity_requests_per_second", (service, "low"), bounds.low
        yield "surgeplan_replica_capacity_requests_per_second", (service, "point"), bounds.mid
    if state is not None:
        for minutes in state.minutes.values():
            yield from _demand(minutes, state.now)
        yield from _capacities(state)
        yield from _freshness(state)
        for clock in get_args(Work):
            yield "surgeplan_clock_overdue", (clock,), float(clock in followed.overdue)
        yield from _alerts(state)


def _markers(plan: Plan) -> Iterator[Sample]:
    """One sample for each label set: of two sends of a channel in one minute the earlier is shown."""
    at = {(moment.kind, f"{moment.at:%m-%d %H:%M}"): moment.at for moment in plan.moments}
    for channel in plan.channels:
        for send in channel.sends:
            at.setdefault(("send", f"{channel.name} {send.at:%m-%d %H:%M}"), send.at)
    for (kind, name), moment in at.items():
        yield "surgeplan_marker_timestamp_seconds", (kind, name), moment.timestamp()


def _demand(minutes: Minutes, now: datetime) -> Iterator[Sample]:
    place = bisect_right(minutes.starts_at, now.timestamp()) - 1
    if place < 0 or minutes.starts_at[place] + minutes.seconds[place] <= now.timestamp():
        return
    for gauge, band in (("forecast", minutes.frozen), ("reforecast", minutes.reforecast)):
        for quantile, value in _quantiles_at(band, place):
            yield f"surgeplan_{gauge}_requests_per_second", (minutes.service, quantile), value
    actual = _newest_actual(minutes, place, now)
    if actual is not None:
        yield "surgeplan_actual_requests_per_second", (minutes.service,), actual


def _quantiles_at(band: BandSeries | None, place: int) -> Iterator[tuple[str, float]]:
    for quantile in QUANTILES:
        column: Column = getattr(band, quantile) if band else ()
        value = column[place] if column else None
        if value is not None:
            yield quantile, value


def _newest_actual(minutes: Minutes, place: int, now: datetime) -> float | None:
    for at in range(place, -1, -1):
        if minutes.starts_at[at] + minutes.seconds[at] < (now - FRESH).timestamp():
            return None
        if minutes.actual[at] is not None:
            return minutes.actual[at]
    return None


def _capacities(state: LiveState) -> Iterator[Sample]:
    for service, capacity in state.capacities.items():
        if capacity.requests_per_second is not None:
            basis = capacity.basis or ""
            yield "surgeplan_capacity_requests_per_second", (service, basis), capacity.requests_per_second
            near = capacity.time_to_capacity
            seconds = float("inf") if near is None else near.total_seconds()
            yield "surgeplan_time_to_capacity_seconds", (service,), seconds
        if capacity.ready_requests_per_second is not None:
            yield "surgeplan_ready_capacity_requests_per_second", (service,), capacity.ready_requests_per_second
        if capacity.headroom_ratio is not None:
            yield "surgeplan_headroom_ratio", (service,), capacity.headroom_ratio


def _freshness(state: LiveState) -> Iterator[Sample]:
    oldest = state.oldest_watermark
    if oldest is not None:
        yield "surgeplan_oldest_watermark_age_seconds", (), (state.now - oldest).total_seconds()
    if state.synced_at is not None:
        yield "surgeplan_last_sync_age_seconds", (), (state.now - state.synced_at).total_seconds()
    for source in state.sources:
        labels = (source.name, source.measure)
        if source.age is not None:
            yield "surgeplan_source_age_seconds", labels, source.age.total_seconds()
        yield "surgeplan_source_stale", labels, float(source.state != "fresh")


def _alerts(state: LiveState) -> Iterator[Sample]:
    stand = [alert for alert in state.alerts if alert.open]
    yield "surgeplan_alert_level", (), float(max((alert.level for alert in stand), default=0))
    for alert in stand:
        yield "surgeplan_alert_open", (alert.rule, alert.subject, alert.direction, alert.owner), float(alert.level)
