"""The live state for programs: what `surgeplan sync --json` prints and `/api/campaigns/<id>/live` answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from pydantic import BaseModel, Field

from campaign.traffic import Quantiles
from playbooks.autoscaling.holds import Hold
from warroom.live.records import Alert, BandSeries, Capacity, Column, Hour, LiveState, Minutes, Source
from warroom.live.sources.sight import sight_of


class HourAnswer(BaseModel):
    """One closed hour of a metric; `actual` is null until a source has told it."""

    starts_at_utc: datetime
    actual: float | None
    forecast: Quantiles | None
    percentile_ratio: float | None
    preliminary: bool


class OrderAnswer(BaseModel):
    """A floor that a planned step or a decision ordered: on its way, or overdue where `ready` says how many are."""

    replicas: int
    ordered_at_utc: datetime
    ready_at_utc: datetime
    ready: int | None


class HeldAnswer(BaseModel):
    """A floor that was decided on: no planned step lowers it before `until_utc`, or before it is taken back."""

    service: str
    replicas: int
    until_utc: datetime | None


class CapacityAnswer(BaseModel):
    """What a service carries now, and when demand reaches what it will carry then."""

    requests_per_second: float | None
    basis: str | None = Field(description="tested (a load test that says GO), planned, or null: not known")
    ready_requests_per_second: float | None
    headroom_ratio: float | None
    reached_at_utc: datetime | None
    reached_requests_per_second: float | None
    seconds_to_capacity: float | None
    orders: list[OrderAnswer]


class AlertAnswer(BaseModel):
    """An alert that stands, or cleared in the last day."""

    key: str
    rule: str
    subject: str
    direction: str
    level: int
    owner: str
    fired_at_utc: datetime
    cleared_at_utc: datetime | None
    actual: float | None
    expected: float | None
    impact_per_hour: float | None = Field(description="in the workspace's currency")
    title: str
    action: str
    clears: str


class ReadingAnswer(BaseModel):
    """The newest value of one reading of one service or desk."""

    name: str
    service: str
    at_utc: datetime
    value: float
    limit: float | None
    fine: bool | None


class SourceAnswer(BaseModel):
    """How far a source has told."""

    name: str
    measure: str
    state: str
    watermark_utc: datetime | None


class BandAnswer(BaseModel):
    """Quantiles by interval."""

    p10: list[float | None]
    p50: list[float | None]
    p90: list[float | None]
    p99: list[float | None]


class MinutesAnswer(BaseModel):
    """Requests per second of one service by interval: what came, the frozen forecast, the re-forecast, the capacity."""

    starts_at_utc: list[datetime]
    seconds: list[int]
    actual: list[float | None]
    frozen: BandAnswer
    reforecast: BandAnswer | None
    capacity: list[float | None] | None


class StateAnswer(BaseModel):
    """What was measured and what follows from it."""

    call: str = Field(description="go, watch or act, by the alerts that stand")
    sight: str = Field(description="unseen, seen, blind or over; of unseen and blind, `call` means nothing")
    model: str | None = Field(description="SHA-256 of the traffic.json that everything is compared with")
    frozen: bool
    metrics: dict[str, list[HourAnswer]]
    capacities: dict[str, CapacityAnswer]
    held: list[HeldAnswer]
    alerts: list[AlertAnswer] = Field(description="in response order, those that stand first")
    readings: list[ReadingAnswer]
    sources: list[SourceAnswer]
    stale: list[str]


def state_answer(state: LiveState) -> StateAnswer:
    """The live state, its sentences in the reader's language."""
    return StateAnswer(
        call=state.call,
        sight=sight_of(state),
        model=state.yardstick.model_hash,
        frozen=state.yardstick.frozen,
        metrics={metric.name: [_hour(hour) for hour in metric.hours] for metric in state.metrics},
        capacities={name: _capacity(capacity) for name, capacity in state.capacities.items()},
        held=[_held(each.hold) for each in state.held],
        alerts=[_alert(alert) for alert in state.alerts],
        readings=[
            ReadingAnswer(name=r.name, service=r.service, at_utc=r.at, value=r.value, limit=r.limit, fine=r.fine)
            for r in state.readings
        ],
        sources=[_source(source) for source in state.sources],
        stale=[str(each.what) for each in state.stale],
    )


def _hour(hour: Hour) -> HourAnswer:
    return HourAnswer(
        starts_at_utc=hour.starts_at,
        actual=hour.actual,
        forecast=hour.frozen,
        percentile_ratio=hour.percentile_ratio,
        preliminary=hour.preliminary,
    )


def _capacity(capacity: Capacity) -> CapacityAnswer:
    return CapacityAnswer(
        requests_per_second=capacity.requests_per_second,
        basis=capacity.basis,
        ready_requests_per_second=capacity.ready_requests_per_second,
        headroom_ratio=capacity.headroom_ratio,
        reached_at_utc=capacity.reached_at,
        reached_requests_per_second=capacity.reached_requests_per_second,
        seconds_to_capacity=seconds(capacity.time_to_capacity),
        orders=[
            OrderAnswer(
                replicas=order.replicas, ordered_at_utc=order.ordered_at, ready_at_utc=order.ready_at, ready=order.ready
            )
            for order in capacity.orders
        ],
    )


def _held(hold: Hold) -> HeldAnswer:
    return HeldAnswer(service=hold.service, replicas=hold.replicas, until_utc=hold.ends_at)


def seconds(length: timedelta | None) -> float | None:
    return None if length is None else length.total_seconds()


def _alert(alert: Alert) -> AlertAnswer:
    return AlertAnswer(
        key=alert.key,
        rule=alert.rule,
        subject=alert.subject,
        direction=alert.direction,
        level=alert.level,
        owner=alert.owner,
        fired_at_utc=alert.fired_at,
        cleared_at_utc=alert.cleared_at,
        actual=alert.actual,
        expected=alert.expected,
        impact_per_hour=alert.impact_per_hour,
        title=str(alert.title),
        action=str(alert.action),
        clears=str(alert.clears),
    )


def _source(source: Source) -> SourceAnswer:
    return SourceAnswer(name=source.name, measure=source.measure, state=source.state, watermark_utc=source.watermark)


def minutes_answer(minutes: Minutes, capacities: Mapping[str, Capacity]) -> MinutesAnswer:
    """The series of one service."""
    capacity = capacities.get(minutes.service)
    return MinutesAnswer(
        starts_at_utc=list(minutes.starts_at),
        seconds=list(minutes.seconds),
        actual=list(minutes.actual),
        frozen=_band(minutes.frozen),
        reforecast=_band(minutes.reforecast) if minutes.reforecast else None,
        capacity=list(capacity.over_time) if capacity and capacity.over_time else None,
    )


def _band(band: BandSeries) -> BandAnswer:
    return BandAnswer(p10=_row(band.p10), p50=_row(band.p50), p90=_row(band.p90), p99=_row(band.p99))


def _row(values: Column) -> list[float | None]:
    return list(values)
