"""What a rehearsal found, as it is kept: `out/<id>/rehearsal.json`."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime, Field

from campaign.documents import FileRecord
from campaign.traffic import Quantiles
from campaign.words import Words

Verdict = Literal["go", "go-with-limits", "no-go", "too-close"]
CONFIDENCE_RATIO = 0.95


class Interval(FileRecord):
    """Between what a share lies, with `CONFIDENCE_RATIO`; from nothing to all where a file does not say."""

    low: float = 0.0
    high: float = 1.0


class Break(FileRecord):
    """How surely a service loses more than its objective allows, or a limit is reached.

    event_ratio: share of paths on which it happens at all. worst_minute_ratio: of paths, in the worst minute.
    Intervals are Clopper and Pearson's; the worst minute is found on the same paths, so that its share leans high.
    """

    kind: Literal["service", "limit"]
    name: str
    event_ratio: float
    event_interval: Interval = Interval()
    worst_minute_ratio: float
    worst_minute_interval: Interval = Interval()
    worst_at_utc: AwareDatetime


class Lever(FileRecord):
    """One change, re-run on the same paths. cost: of it, None where it has none or nobody has said.

    effect: in words, where orders do not say it: what it does for a support desk.
    """

    change: Words
    saved_orders: float
    saved_value: float | None
    cost: float | None
    effect: Words | None = None


class Driver(FileRecord):
    """One uncertain thing and how much it drives what happens to services or support, by rank regression.

    variance_ratio: of the variance of the result's ranks. breaks_*_ratio: how often something breaks where it lies in
    its lowest and in its highest quarter. name: the service or desk, where it is one's. what: it, in words.
    """

    result: Literal["services", "support"]
    kind: Literal["demand", "capacity", "orders", "bot", "contacts"]
    name: str = ""
    variance_ratio: float
    breaks_lowest_quarter_ratio: float
    breaks_highest_quarter_ratio: float
    what: Words | None = None
    told: Words


class DeskOutcome(FileRecord):
    """One support desk over the whole event, redials included.

    breaks_ratio: of paths, on which its level over all judged half-hours is below `target_ratio`; half_hour_ratio: of
    paths, in the half-hour in which most are below. level_ratio, longest_wait_minutes, given_up: over the paths.
    """

    desk: str
    target_ratio: float
    within_seconds: float
    accepted_ratio: float
    breaks_ratio: float
    breaks_interval: Interval = Interval()
    half_hour_ratio: float
    worst_at_utc: AwareDatetime
    level_ratio: Quantiles
    longest_wait_minutes: Quantiles
    given_up: Quantiles
    attempts_mean: float

    @property
    def surely_keeps(self) -> bool:
        return self.breaks_interval.high <= self.accepted_ratio

    @property
    def surely_breaks(self) -> bool:
        return self.breaks_interval.low > self.accepted_ratio


class CurvePoint(FileRecord):
    """All floors times `floor_factor`: what it costs and what is still lost, means over the paths."""

    floor_factor: float
    replica_hours: float
    cost: float | None
    lost_orders: float
    event_ratio: float


class Added(FileRecord):
    """So many replicas more of a service while a stretch lasts."""

    service: str
    replicas: int
    starts_at_utc: AwareDatetime
    ends_at_utc: AwareDatetime


class Settling(FileRecord):
    """The fewest more replicas found that make it a sure GO, on all paths; ratio: of the worst service then."""

    change: Words
    added: tuple[Added, ...]
    cost: float | None
    worst_minute_ratio: float
    worst_minute_interval: Interval


class Course(FileRecord):
    """What the event comes to, over the paths. event_ratio: paths on which a service loses more than allowed."""

    verdict: Verdict
    event_ratio: float
    event_interval: Interval
    lost_orders_mean: float
    lost_orders: Quantiles
    replica_hours: float
    cost: float | None


ActKind = Literal["scale", "switch", "hold", "stagger", "release", "agents"]


class WarRoomAct(FileRecord):
    """One thing that the war room does. subject: service, switch, send or desk.

    event_ratio: of paths, on which it is done at all; times_mean: how often then; amount: replicas, minutes or people
    at most, over those paths; None where it has none. first_most_often_at_utc: the sync at which it is decided first
    on most of them.
    """

    kind: ActKind
    subject: str
    event_ratio: float
    times_mean: float
    amount: Quantiles | None
    first_most_often_at_utc: AwareDatetime
    what: Words


class WarRoomOutcome(FileRecord):
    """The event by the plan alone, and with a war room that acts by what it sees.

    syncs: how often it meets. acted_ratio: paths on which it did anything; raises_mean: how many floors a path. Orders
    lost with it include those of sends that were held and never let go (away_orders_mean).
    worse_ratio: paths on which more are lost with it. cost_agents_mean: of people called in, agent_hours_mean hours.
    breaks, desks: with it. Files of earlier versions have the courses alone.
    """

    without_war_room: Course
    with_war_room: Course
    syncs: int
    reaction_seconds: float | None = Field(default=None, description="of files of earlier versions")
    acted_ratio: float
    raises_mean: float
    acts: tuple[WarRoomAct, ...] = ()
    saved_orders_mean: float = 0.0
    saved_value_mean: float | None = None
    worse_ratio: float = 0.0
    away_orders_mean: float = 0.0
    agent_hours_mean: float = 0.0
    cost_agents_mean: float | None = None
    breaks: tuple[Break, ...] = ()
    desks: tuple[DeskOutcome, ...] = ()


class Story(FileRecord):
    """One of the worst paths, told in a sentence; path: its index among the rehearsed ones. war_room: what it did."""

    path: int
    lost_orders: float
    told: Words
    lost_orders_with_war_room: float | None = None
    war_room: Words | None = None


class Rehearsal(FileRecord):
    """`out/<id>/rehearsal.json`.

    model, playbook: sha256 of traffic.json and autoscaling.json; playbook is None where the replicas of surgeplan.yaml
    were played as they are. missing: what is neither planned nor measured, and what was played instead; among the
    assumptions as well. loss of orders over the paths, p10 to p99.
    """

    schema_version: Literal[1] = 1
    campaign: str
    model: str
    playbook: str | None
    seed: int = Field(description="of the traffic model")
    paths: int
    as_of_utc: AwareDatetime | None = Field(default=None, description="when it was rehearsed: --now, else the model's")
    historical: bool = Field(default=False, description="of a campaign that had begun by then")
    paths_available: int | None = Field(default=None, description="in the forecast")
    confidence_ratio: float = CONFIDENCE_RATIO
    interval_method: Literal["clopper-pearson"] = "clopper-pearson"
    tick_seconds: float
    injected: tuple[str, ...] = ()
    never_full: tuple[str, ...] = Field(default=(), description="services without a known capacity")
    missing: tuple[Words, ...] = ()
    verdict: Verdict
    why: Words
    settled_by: Settling | None = Field(default=None, description="what would make a NO-GO, or what is open, a GO")
    appetite_probability_per_minute: float
    breaks: tuple[Break, ...]
    lost_orders: Quantiles
    lost_orders_mean: float
    value_lost: Quantiles | None
    value_lost_mean: float | None
    currency: str
    replica_hours: float
    cost: float | None
    binding: Words | None = Field(description="what breaks first and most often")
    war_room: WarRoomOutcome | None = Field(default=None, description="None with --no-war-room; verdict is without it")
    lost_orders_by_stage: dict[str, float] = Field(default={}, description="mean, by stage of the funnel")
    desks: tuple[DeskOutcome, ...] = ()
    drivers: tuple[Driver, ...] = ()
    measure_next: Words | None = Field(default=None, description="what drives the result most and can be measured")
    levers: tuple[Lever, ...]
    curve: tuple[CurvePoint, ...]
    stories: tuple[Story, ...]
    assumptions: tuple[Words, ...]
