"""What the live state of a campaign is, as `warroom.live.state.live_state` makes it from what syncs stored.

Times are aware UTC. Series are columns of equal length, so that a page of minutes costs little. What is not known is
None, in a series too; an empty tuple is "nothing yet". Sentences are `Text`: they are said in the reader's language.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

from campaign.language import Text
from campaign.readiness import Role
from campaign.traffic import Quantiles
from campaign.words import Words
from playbooks.autoscaling.holds import Hold
from playbooks.autoscaling.plan import Step

Phase = Literal["ahead", "countdown", "running", "after", "closed"]
"""ahead: more than an hour before its start; countdown: the hour before; after: up to a day after the end."""
Call = Literal["go", "watch", "act"]
"""go: nothing stands fired; watch: an alert of level 1; act: of level 2 or 3, or the capacity is nearly reached."""
Freshness = Literal["fresh", "late", "dead", "refused", "never"]
"""dead: it does not answer; refused: it answers, and not with what is asked."""
Direction = Literal["up", "down"]
Column = tuple[float | None, ...]
HOURLY = ("traffic", "orders", "contacts", "desks")
"""What sources of hourly figures measure."""


@dataclass(frozen=True)
class Clock:
    """Where in the campaign `now` is.

    since_start: negative before it: T+hh:mm counts from here. next_instant: the next moment or send of the plan;
    minute_watch: whether minutes are pulled now (60 min before to 180 min after each moment or send).
    next_sync_at: when the next hourly sync is due.
    """

    phase: Phase
    since_start: timedelta
    next_instant: datetime | None
    minute_watch: bool
    next_sync_at: datetime | None


@dataclass(frozen=True)
class Yardstick:
    """The forecast that everything is compared with.

    bundle: hash of the frozen bundle, None before a freeze (then it is the newest forecast, and `frozen` is false).
    model_hash: SHA-256 of its traffic.json, None where there is no forecast at all. replaced: a newer forecast lies in
    out/<id>/ than the frozen one; it is not used. paths: whether its sample paths are at hand; without them there is no
    re-forecast, and hourly bands are taken from minutes (a little wide).
    """

    bundle: str | None
    model_hash: str | None
    as_of: datetime | None
    frozen: bool
    replaced: bool
    paths: bool


@dataclass(frozen=True)
class Source:
    """How fresh a source is. measure: traffic, orders, contacts, or a reading such as p99_ms.

    watermark: it has told everything up to here; final_until: figures before it do not change any more.
    lateness: what it usually takes. note: why it is not fresh, or which source tells otherwise, in words.
    """

    name: str
    measure: str
    watermark: datetime | None
    age: timedelta | None
    final_until: datetime | None
    lateness: timedelta | None
    state: Freshness
    note: Text | None = None


@dataclass(frozen=True)
class Hour:
    """One closed hour of one metric.

    frozen: the yardstick's quantiles of the same hour. percentile_ratio: where in that band the actual lies (0.5 is the
    median, 0.99 as high as one campaign in a hundred); z: the same as standard deviations, which tells extremes apart.
    preliminary: some source may still change it. missing: no source has told it yet.
    """

    starts_at: datetime
    actual: float | None
    frozen: Quantiles | None
    percentile_ratio: float | None
    z: float | None
    preliminary: bool

    @property
    def missing(self) -> bool:
        return self.actual is None


@dataclass(frozen=True)
class Metric:
    """One business metric by hour, from the campaign's first hour to the last closed one.

    name: `requests` (mean per second over the hour, all services), `peak` (its busiest minute, per second), `orders`,
    `contacts` (counts in the hour). title and unit in words.
    """

    name: str
    title: Text
    unit: Text
    hours: tuple[Hour, ...]

    @property
    def newest(self) -> Hour | None:
        """The last hour that is known."""
        return next((hour for hour in reversed(self.hours) if not hour.missing), None)


@dataclass(frozen=True)
class BandSeries:
    """Quantiles by interval, in the order of the series they belong to."""

    p10: Column
    p50: Column
    p90: Column
    p99: Column


@dataclass(frozen=True)
class Minutes:
    """Requests per second of one service (or `total`) over the campaign and six hours each side.

    starts_at: seconds since 1970 (UTC) of each interval, `seconds` long: the frozen forecast's own (minutes near
    moments and sends). actual: what came. frozen: the yardstick's band. reforecast: the band of the rest of the event
    given what came so far; None before `reforecast_at`, and everywhere where it is None.
    """

    service: str
    starts_at: tuple[int, ...]
    seconds: tuple[int, ...]
    actual: Column
    frozen: BandSeries
    reforecast: BandSeries | None
    reforecast_at: datetime | None


@dataclass(frozen=True)
class Order:
    """A floor of so many replicas that a planned step or a decision ordered. ready_at: a start-up later; ready: how
    many were read as ready after that, None while they are on their way."""

    replicas: int
    ordered_at: datetime
    ready_at: datetime
    ready: int | None = None

    @property
    def overdue(self) -> bool:
        return self.ready is not None


@dataclass(frozen=True)
class Held:
    """A floor that was decided on and holds. lowered: planned steps until then that are lower; folder: where the steps
    lie that keep to it."""

    hold: Hold
    lowered: tuple[Step, ...]
    folder: str


@dataclass(frozen=True)
class Capacity:
    """What a service can carry, and when demand reaches it.

    requests_per_second: what is trusted now; basis: `tested` (the load test that says GO), `planned` (planned replicas
    × one replica's lower bound), None where nothing is known. ready_requests_per_second: ready replicas × the same
    lower bound, as read last. headroom_ratio: 1 - (the last minutes' actual, else the forecast's p90 now) /
    requests_per_second; negative beyond it. over_time: what is trusted in each interval of the service's `Minutes`
    (what is planned goes up and down in steps). reached_at: the first interval whose p90 (re-forecast, else frozen) is
    above what is trusted then, within the event; time_to_capacity counts from now (zero once it is passed).
    reached_requests_per_second: what is trusted in that interval. ready_replicas: as read in the last minutes;
    replicas: those counted on in each interval, by floors, HPA and what was read; empty where nothing is known. orders:
    on their way, or overdue.
    """

    service: str
    requests_per_second: float | None
    basis: Literal["tested", "planned"] | None
    ready_requests_per_second: float | None
    headroom_ratio: float | None
    reached_at: datetime | None
    time_to_capacity: timedelta | None
    reached_requests_per_second: float | None = None
    over_time: Column = ()
    ready_replicas: int | None = None
    replicas: tuple[int, ...] = ()
    orders: tuple[Order, ...] = ()


@dataclass(frozen=True)
class Alert:
    """Something that stands fired, or stood in the last day; a list of them is in response order, open ones first.

    key: stays the same from firing to clearing. rule: `hourly`, `minute`, `capacity`. subject: a metric or a service.
    direction: up is a risk to capacity (owner sre), down a problem of marketing or tracking. level: 1 the desk looks,
    2 the desk acts, 3 the commander decides now. impact_per_hour: in the workspace's currency, None where no order
    value is given. hours, people: what putting it right usually takes. actual, expected: at the last reading.
    """

    key: str
    rule: Literal["hourly", "minute", "capacity"]
    subject: str
    direction: Direction
    level: Literal[1, 2, 3]
    owner: Role
    fired_at: datetime
    cleared_at: datetime | None
    actual: float | None
    expected: float | None
    z: float | None
    impact_per_hour: float | None
    hours: float
    people: float
    title: Text
    action: Words
    clears: Text

    @property
    def open(self) -> bool:
        return self.cleared_at is None


@dataclass(frozen=True)
class Reading:
    """The newest value of one reading of one service.

    name: ready_replicas, error_ratio, p99_ms, queue_length. limit: the service's objective or planned floor, None where
    there is none. fine: whether it keeps to it, None without a limit.
    """

    name: str
    service: str
    at: datetime
    value: float
    limit: float | None = None
    fine: bool | None = None


@dataclass(frozen=True)
class Digest:
    """The last hourly message: which hour, and how many targets took it, still wait, refused it or may have it."""

    hour: datetime
    sent: int
    waiting: int
    refused: int
    unknown: int


@dataclass(frozen=True)
class Stale:
    """Something on the page that is older than it should be: what, since when, and why."""

    what: Text
    since: datetime | None


@dataclass(frozen=True)
class Witness:
    """The log's newest hash when an hourly message was made: others hold it in their chats."""

    head: str
    at: datetime


@dataclass(frozen=True)
class LiveState:
    """Everything the live page says, as of `now`. Before the first sync: clock and yardstick, and nothing measured.

    synced_at: when the last hourly sync ended; synced_hour: the last hour that it synced. minutes_at: the newest minute
    pulled. oldest_watermark: of the sources that hourly figures come from. call: GO, WATCH or ACT.
    minutes, capacities: by service, `total` among the minutes. readings: newest of each service and name.
    held: floors that were decided on and hold. stale: empty when all is as fresh as it should be. head: the log's
    newest hash; witness: the one that the last hourly message carried.
    """

    campaign: str
    now: datetime
    clock: Clock
    yardstick: Yardstick
    call: Call = "go"
    synced_at: datetime | None = None
    synced_hour: datetime | None = None
    minutes_at: datetime | None = None
    sources: tuple[Source, ...] = ()
    metrics: tuple[Metric, ...] = ()
    minutes: Mapping[str, Minutes] = field(default_factory=dict)
    capacities: Mapping[str, Capacity] = field(default_factory=dict)
    alerts: tuple[Alert, ...] = ()
    readings: tuple[Reading, ...] = ()
    held: tuple[Held, ...] = ()
    digest: Digest | None = None
    stale: tuple[Stale, ...] = ()
    head: str | None = None
    witness: Witness | None = None

    @property
    def oldest_watermark(self) -> datetime | None:
        """How far every source of hourly figures has told all it had."""
        marks = [source.watermark for source in self.sources if source.measure in HOURLY]
        return min((mark for mark in marks if mark), default=None) if all(marks) else None

    @property
    def tightest(self) -> Capacity | None:
        """The service whose capacity is reached first, else the one with the least head-room."""
        known = [c for c in self.capacities.values() if c.requests_per_second is not None]
        return min(known, key=_nearness, default=None)


def _nearness(capacity: Capacity) -> tuple[timedelta, float]:
    when = timedelta.max if capacity.time_to_capacity is None else capacity.time_to_capacity
    return when, 1.0 if capacity.headroom_ratio is None else capacity.headroom_ratio
