"""surgeplan.yaml: the system both sides plan for. Only `time_zone` and `services` are required."""

from __future__ import annotations

from datetime import time
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints, model_validator

from campaign.documents import Complaint, FileRecord
from campaign.language import Language, Text, say
from campaign.plan import EndsAt, Identifier, NonNegative, Plan, Positive, Ratio

Count = Annotated[int, Field(ge=0)]
Hours = Annotated[float, Field(gt=0, le=24)]


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise Complaint(
            say("{name} is not a time zone", name=name),
            say("use a name such as Asia/Shanghai or Europe/Berlin"),
        ) from error
    return name


TimeZone = Annotated[str, AfterValidator(_known_zone)]
TimeOfDay = Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$")]


def minutes_of_day(text: str) -> int:
    """`22:30` as 1350 minutes after midnight; `24:00` is 1440."""
    hours, minutes = text.split(":")
    return int(hours) * 60 + int(minutes)


def time_of_day(text: str) -> time:
    return time(minutes_of_day(text) // 60 % 24, minutes_of_day(text) % 60)


def _at_most(most: float, todo: Text) -> AfterValidator:
    """Refuse a figure so large that it must be in another unit."""

    def checked(value: float) -> float:
        if value > most:
            raise Complaint(say("{value} cannot be meant in this unit", value=f"{value:g}"), todo)
        return value

    return AfterValidator(checked)


Cores = Annotated[Positive, _at_most(128, say("write cores, not milli-cores: 0.5 for 500m"))]
Gibibytes = Annotated[Positive, _at_most(2048, say("write GiB, not MiB: 4 for 4096Mi"))]
StartupSeconds = Annotated[NonNegative, _at_most(3600, say("write seconds, not milliseconds"))]


class ServiceLevelObjective(FileRecord):
    p99_ms: Positive | None = None
    error_ratio: Ratio | None = None


class Replicas(FileRecord):
    today: Count | None = None
    min: Count | None = None
    max: Count | None = None
    multiple_of: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min is not None and self.max is not None and self.max < self.min:
            raise Complaint(say("max {max} is below min {min}", max=self.max, min=self.min), say("swap them"))
        return self


class Follows(FileRecord):
    """A service without history of its own, fed by another."""

    service: str
    requests_per_request: Positive


class Was(FileRecord):
    """An earlier name of a service (or of the service it was split from)."""

    name: str
    until: AwareDatetime
    share_ratio: Annotated[float, Field(gt=0, le=1)] = 1.0


class Service(FileRecord):
    name: Identifier
    slo: ServiceLevelObjective = ServiceLevelObjective()
    capacity_requests_per_second_per_replica: Positive | None = None
    replicas: Replicas = Replicas()
    cpu_cores: Cores | None = None
    memory_gib: Gibibytes | None = None
    startup_seconds_p99: StartupSeconds | None = None
    cost_per_replica_hour: NonNegative | None = None
    follows: Follows | None = None
    was: tuple[Was, ...] = ()


class Risk(FileRecord):
    overload_probability_per_minute: Annotated[float, Field(gt=0, lt=1)] | None = None
    value_lost_per_refused_order: NonNegative | None = None


class Stage(FileRecord):
    """One stage of a visit: which requests it makes of which service, and who goes on after it."""

    stage: Identifier
    endpoint: str = ""
    continues_ratio: Ratio = 1.0
    think_seconds: NonNegative = 0.0
    value_rank: Count | None = None
    requests: dict[str, NonNegative] = {}


class Limit(FileRecord):
    """What ends before replicas do: connections per replica, or a rate per second.

    unit, resource, cost_per_unit and order_days are for whoever orders more of it; `used_by` is in the same unit.
    """

    name: Identifier
    kind: Literal["per_replica", "rate"]
    total: Positive
    reserved: NonNegative = 0.0
    used_by: dict[str, NonNegative]
    owner: str = ""
    unit: str = ""
    resource: Literal["database", "cache", "cdn", "sms", "payment"] | None = None
    cost_per_unit: NonNegative | None = None
    order_days: NonNegative | None = None

    @model_validator(mode="after")
    def _leaves_some(self) -> Self:
        if self.reserved >= self.total:
            what = say("{reserved} of {total} are reserved: nothing is left for the services",
                       reserved=f"{self.reserved:g}", total=f"{self.total:g}")  # fmt: skip
            raise Complaint(what, say("reserve less, or correct the total"), key=("reserved",))
        return self


class Switch(FileRecord):
    """预案: what can be turned down, and the share of each service's requests that it sheds."""

    id: Identifier
    effect: dict[str, Ratio] = {}
    trigger: str = ""
    action: str = ""
    undo: str = ""
    executor: str = ""
    drilled_seconds: NonNegative | None = None


class ServiceLevel(FileRecord):
    definition: Literal[
        "served_within",
        "answered_within",
        "virtual_wait_within",
        "first_response_within",
        "short_abandons_dropped",
        "short_abandons_good",
        "resolved_within",
    ] = "served_within"
    ratio: Annotated[float, Field(gt=0, lt=1)]
    seconds: Positive


class ShiftPart(FileRecord):
    starts: TimeOfDay
    hours: Hours


class Shift(FileRecord):
    """A shift type: `starts` and `hours`, or two `parts` with unpaid time between them.

    agents_max: people who can be put on it on one day, such as part-timers. Price factors are of an ordinary hour.
    """

    name: Identifier
    starts: TimeOfDay | None = None
    hours: Hours | None = None
    break_minutes: Annotated[int, Field(ge=0, lt=1440)] = 0
    parts: tuple[ShiftPart, ...] = ()
    agents_max: Count | None = None
    price_factor: Positive = 1.0
    overtime_hours_max: Annotated[float, Field(ge=0, le=12, multiple_of=0.5)] = 0.0
    overtime_price_factor: Annotated[float, Field(ge=1)] = 1.5

    @model_validator(mode="after")
    def _one_way_of_saying(self) -> Self:
        if self.parts and (self.starts is not None or self.hours is not None or self.break_minutes):
            raise Complaint(
                say("a split shift has its times in parts"), say("leave out starts, hours and break_minutes")
            )
        if self.parts and (len(self.parts) != 2 or self.span_hours > 24 or self.pause_minutes == 0):
            raise Complaint(
                say("a split shift has two parts in order, with time between them, within 24 hours"),
                say("write a shift for each person's day"),
            )
        if not self.parts and (self.starts is None or self.hours is None):
            raise Complaint(say("starts or hours is missing"), say("give both, or two parts"))
        return self

    @property
    def worked(self) -> tuple[ShiftPart, ...]:
        """The stretches between coming and going: one, or two of a split shift."""
        if self.starts is None or self.hours is None:
            return self.parts
        return (ShiftPart(starts=self.starts, hours=self.hours),)

    @property
    def pause_minutes(self) -> int:
        """Minutes that are neither worked nor paid: the time between two parts, or the break."""
        if not self.parts:
            return self.break_minutes
        first, last = self.parts[0], self.parts[-1]
        ends = minutes_of_day(first.starts) + round(first.hours * 60)
        return (minutes_of_day(last.starts) - ends) % 1440

    @property
    def span_hours(self) -> float:
        """Hours from coming to going, without overtime."""
        between = self.pause_minutes if self.parts else 0
        return sum(part.hours for part in self.worked) + between / 60


class RatioRange(FileRecord):
    low: Ratio
    mid: Ratio
    high: Ratio

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.low <= self.mid <= self.high:
            raise Complaint(say("low, mid and high are not in order"), say("write the smallest first"))
        return self


class Bot(FileRecord):
    """What the bot takes off people: shares of all contacts, each a range.

    handled: it answered first; contained: nobody asked for a person; resolved: and the question did not come back.
    """

    handled_ratio: RatioRange | None = None
    contained_ratio: RatioRange | None = None
    resolved_ratio: RatioRange
    recontact_hours: Positive | None = None


class Desk(FileRecord):
    name: Identifier
    channel: Literal["phone", "chat", "ticket"]
    concurrency: Annotated[int, Field(ge=1)] = 1
    handle_seconds: Positive
    patience_seconds: Positive | None = None
    redial_ratio: Annotated[float, Field(ge=0, lt=1)] | None = None
    shrinkage_ratio: Annotated[float, Field(ge=0, lt=1)] = 0.0
    occupancy_max_ratio: Annotated[float, Field(gt=0, le=1)] = 1.0
    service_level: ServiceLevel
    abandonment_max_ratio: Annotated[float, Field(gt=0, le=1)] | None = None
    opens: TimeOfDay = "00:00"
    closes: TimeOfDay = "24:00"
    shifts: tuple[Shift, ...] = ()
    cost_per_agent_hour: NonNegative | None = None
    agents_max: Count | None = None
    bot: Bot | None = None


class HistoryWindow(FileRecord):
    """A stretch of history that somebody knows about; of all services where none is named."""

    service: str | None = None
    starts_at: AwareDatetime
    ends_at: EndsAt


class HistorySettings(FileRecord):
    """How history is read, and what people know better than the search for outages and surges.

    outages, test_windows and bots are masked beside those found; what is found inside `ordinary` is not masked.
    """

    naive_times: Literal["workspace-zone"] | None = None
    outages: tuple[HistoryWindow, ...] = ()
    test_windows: tuple[HistoryWindow, ...] = ()
    bots: tuple[HistoryWindow, ...] = ()
    ordinary: tuple[HistoryWindow, ...] = ()


class Settings(FileRecord):
    """The whole of surgeplan.yaml."""

    schema_version: Literal[1] = 1
    time_zone: TimeZone
    services: Annotated[tuple[Service, ...], Field(min_length=1)]
    language: Language = "en"
    currency: str = "CNY"
    country: str | None = None
    risk: Risk = Risk()
    funnel: tuple[Stage, ...] = ()
    limits: tuple[Limit, ...] = ()
    switches: tuple[Switch, ...] = ()
    desks: tuple[Desk, ...] = ()
    sources: tuple[dict[str, Any], ...] = ()
    allowed_hosts: tuple[str, ...] = ()
    roles: dict[str, str] = {}
    history: HistorySettings = HistorySettings()

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def zone_of(self, plan: Plan) -> ZoneInfo:
        """The zone that people read a campaign's times in: its own where it names one."""
        return ZoneInfo(plan.time_zone or self.time_zone)

    @property
    def service_names(self) -> tuple[str, ...]:
        return tuple(service.name for service in self.services)

    @property
    def desk_names(self) -> frozenset[str]:
        return frozenset(desk.name for desk in self.desks)

    def service(self, name: str) -> Service:
        return next(service for service in self.services if service.name == name)

    def landings(self) -> tuple[str, ...]:
        """What a channel may land on: a service or a stage of the funnel."""
        return (*self.service_names, *(s.stage for s in self.funnel if s.stage not in self.service_names))
