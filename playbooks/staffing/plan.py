"""`out/<id>/playbook/staffing.json`: the staffing plan as a record."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from campaign.documents import FileRecord
from campaign.settings import RatioRange
from campaign.words import Words


class Target(FileRecord):
    """What the desk promises, with the definition that the figure is of."""

    definition: str
    ratio: float
    seconds: float
    abandonment_max_ratio: float | None = None
    occupancy_max_ratio: float


class DeskPeak(FileRecord):
    """The half-hour that needs most people; contacts_* before the bot, human_contacts_* after it.

    after_bot: of human_contacts_*, those that the bot had contained without resolving them, mean; redials: those who
    come again because nobody answered, on top of human_contacts_p90. Both are in the people required.
    """

    starts_at_utc: AwareDatetime
    contacts_p50: float
    contacts_p90: float
    human_contacts_p50: float
    human_contacts_p90: float
    after_bot: float = 0.0
    redials: float = 0.0
    seats_p90: float
    agents_required: int
    agents_rostered: float
    binding: str
    service_level_ratio: float


class Shortage(FileRecord):
    """Where rostered people fall short of required ones, what that is priced at and how it is bridged."""

    intervals: int
    agent_hours: float
    worst_at_utc: AwareDatetime | None = None
    worst_agents: float = 0.0
    price_hours: float = 0.0
    bridged_by: tuple[Words, ...] = ()


class ShiftCount(FileRecord):
    shift: str
    day: str
    starts_at_utc: AwareDatetime
    ends_at_utc: AwareDatetime
    break_starts_at_utc: AwareDatetime | None
    break_minutes: int
    agents: int
    overtime_hours: float = 0.0


class ShortShifts(FileRecord):
    """The same plan if short shifts were allowed beside the desk's own; starts: the local time most of them begin."""

    hours: float
    starts: str
    agents: int
    paid_hours: float
    missing_hours: float


class Deflection(FileRecord):
    """The bot's assumed shares and what five points less resolved cost at the peak."""

    handled_ratio: RatioRange | None = None
    contained_ratio: RatioRange | None = None
    resolved_ratio: RatioRange
    agents_more_for_5_points_less: int
    agents_without_bot: int


Measure = Literal["contacts_ratio", "waiting", "occupancy_ratio", "oldest_hours"]


class Trigger(FileRecord):
    """A level that the war room watches, and what is done when it is passed.

    measure: contacts as a multiple of the plan's, contacts waiting, share of time busy, age of the oldest ticket.
    """

    level: int
    measure: Measure | None = None
    above: float | None = None
    for_minutes: int = 0
    when: Words
    action: Words


class SelfCheck(FileRecord):
    """Predicted against simulated service level over the surge, both as shares of contacts."""

    paths: int
    contacts: int
    starts_at_utc: AwareDatetime
    ends_at_utc: AwareDatetime
    predicted_ratio: float
    simulated_ratio: float
    difference_standard_error: float
    worst_interval_at_utc: AwareDatetime | None = None
    worst_interval_predicted_ratio: float | None = None
    worst_interval_simulated_ratio: float | None = None
    simulated_abandoned_ratio: float


class DeskPlan(FileRecord):
    """One desk; paid_hours include overtime_hours; priced_hours: what they cost, in ordinary hours."""

    desk: str
    channel: Literal["phone", "chat", "ticket"]
    target: Target
    shrinkage_ratio: float
    peak: DeskPeak
    required_hours: float
    paid_hours: float
    paid_to_required_ratio: float | None
    priced_hours: float | None = None
    overtime_hours: float = 0.0
    solver_gap_ratio: float
    cost: float | None = None
    shortage: Shortage
    worst_service_level_ratio: float | None
    worst_service_level_at_utc: AwareDatetime | None
    contacts_while_closed_p50: float
    bot: Deflection | None = None
    short_shifts: ShortShifts | None = None
    shifts: tuple[ShiftCount, ...]
    triggers: tuple[Trigger, ...] = ()
    self_check: SelfCheck | None = None
    sentences: tuple[Words, ...] = ()


class Judged(FileRecord):
    """What given people achieve during the campaign (tickets: over the whole horizon), at the planned quantile."""

    desk: str
    starts_at_utc: AwareDatetime
    ends_at_utc: AwareDatetime
    definition: str
    within_seconds: float
    service_level_ratio: float
    target_ratio: float
    worst_service_level_ratio: float
    worst_at_utc: AwareDatetime
    abandoned_ratio: float | None
    longest_wait_seconds: float | None
    occupancy_max_ratio: float | None
    oldest_ticket_hours: float | None
    backlog_max: float
    backlog_clear_at_utc: AwareDatetime | None
    missing_agent_hours: float
    most_agents_required: int
    keeps_promise: bool


class PlanChange(FileRecord):
    """One desk against the plan before; 0 where it was or is not planned. Seats: most people on shift at one moment."""

    desk: str
    peak_agents_before: int
    peak_agents: int
    paid_hours_before: float
    paid_hours: float
    seats_before: int
    seats: int
    seats_to_order: int
    seats_to_cancel: int


class Changes(FileRecord):
    """Against an earlier plan of the campaign, which is kept in the file `earlier`."""

    earlier: str
    earlier_as_of_utc: AwareDatetime | None = None
    desks: tuple[PlanChange, ...]
    sentences: tuple[Words, ...] = ()


class StaffingPlan(FileRecord):
    """All desks of one campaign; `skipped` says why there is none. as_of_utc: when its forecast was made.

    changes: against the plan before; since_order: against the one that outsourced seats were ordered by.
    """

    schema_version: Literal[1] = 1
    campaign: str
    historical: bool = False
    as_of_utc: AwareDatetime | None = None
    inputs: dict[str, str]
    staffed_to_quantile: float
    paths: int = 0
    skipped: Words | None = None
    peak_agents_required: int = 0
    peak_agents_rostered: float = 0.0
    peak_at_utc: AwareDatetime | None = None
    desks: tuple[DeskPlan, ...] = ()
    changes: Changes | None = None
    since_order: Changes | None = None
    assumptions: tuple[Words, ...] = ()
