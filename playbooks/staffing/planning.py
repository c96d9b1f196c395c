"""One desk's plan: contact paths in, people per half-hour and shift out. Pure computing on arrays."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from playbooks.staffing import bot, shifts, surge, tickets
from playbooks.staffing.desk import DAY_MINUTES, ReadyDesk, opening_minutes
from playbooks.staffing.erlang import Floats
from playbooks.staffing.offered_load import offered_load
from playbooks.staffing.policy import StaffingPolicy
from playbooks.staffing.redials import contacts_with_redials
from playbooks.staffing.requirement import Rules, heads, performance, required_seats, service_level
from playbooks.staffing.ticket_roster import TicketWork, roster_tickets

INTERVAL_SECONDS = 1800
INTERVAL_HOURS = 0.5
LATE_TICKETS = 1.0
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Clock:
    """Half-hours in UTC and what local clocks show at their start; arrays of shape [interval]."""

    starts_at_utc: NDArray[np.datetime64]
    minute_of_day: NDArray[np.int64]
    day: NDArray[np.int64]
    zone: ZoneInfo

    def part(self, intervals: slice) -> Clock:
        return Clock(self.starts_at_utc[intervals], self.minute_of_day[intervals], self.day[intervals], self.zone)

    @property
    def days(self) -> list[date]:
        """Local dates on which a shift that matters may begin: also the day before the first."""
        return [date.fromordinal(number) for number in range(int(self.day[0]) - 1, int(self.day[-1]) + 1)]


def local_clock(starts_at_utc: NDArray[np.datetime64], zone: ZoneInfo) -> Clock:
    moments = [
        datetime.fromtimestamp(int(second), UTC).astimezone(zone)
        for second in starts_at_utc.astype("datetime64[s]").astype(np.int64)
    ]
    minutes = np.array([moment.hour * 60 + moment.minute for moment in moments])
    return Clock(starts_at_utc, minutes, np.array([moment.toordinal() for moment in moments]), zone)


@dataclass(frozen=True)
class DeskFigures:
    """What was computed for one desk; arrays of shape [interval].

    contacts_*: all that reach the desk or its bot; human_*: that reach a person. load_p90: contacts in hand that
    people are planned for (0 for tickets). required, rostered: people including shrinkage. level_ratio: NaN if closed.
    """

    ready: ReadyDesk
    clock: Clock
    open: Bools
    contacts_p50: Floats
    contacts_p90: Floats
    human_p50: Floats
    human_p90: Floats
    load_p50: Floats
    load_p90: Floats
    seats: Floats
    binding: NDArray[np.str_]
    required: NDArray[np.int64]
    roster: shifts.Rostered
    level_ratio: Floats
    abandoned_ratio: Floats
    occupancy_ratio: Floats
    wait_seconds: Floats
    oldest_hours: Floats
    surges: tuple[slice, ...]

    @property
    def rostered(self) -> Floats:
        return self.roster.agents

    @property
    def redials(self) -> Floats:
        """Contacts that come again because nobody answered, beside human_p90, with the people rostered."""
        if self.ready.rules is None:
            return np.zeros(len(self.required))
        ratio = self.ready.rules.redial_ratio
        return contacts_with_redials(self.human_p90, self.abandoned_ratio, ratio) - self.human_p90

    @property
    def peak(self) -> int:
        """The interval that needs most people."""
        return int(self.required.argmax())


@dataclass(frozen=True)
class Need:
    """Seats before shrinkage per interval, what asks for them, the load behind it, and the surges solved exactly."""

    seats: Floats
    binding: NDArray[np.str_]
    load_p50: Floats
    load_p90: Floats
    surges: tuple[slice, ...]


def open_intervals(ready: ReadyDesk, clock: Clock) -> Bools:
    """Half-hours of which any part lies within opening hours; closing past midnight belongs to the day before."""
    opens, closes = opening_minutes(ready.desk)
    half = INTERVAL_SECONDS // 60
    today = (clock.minute_of_day + half > opens) & (clock.minute_of_day < closes)
    yesterday = clock.minute_of_day + DAY_MINUTES < closes
    found: Bools = today | yesterday
    return found


def human_paths(ready: ReadyDesk, contacts: NDArray[np.floating], clock: Clock) -> Floats:
    """Contacts that people have to answer, [path, interval]: after the bot; while closed only tickets wait."""
    human = bot.human_contacts(contacts, ready.desk.bot, ready.recontact_hours, INTERVAL_HOURS)
    return human if ready.rules is None else np.where(open_intervals(ready, clock), human, 0.0)


def need(ready: ReadyDesk, human: Floats, clock: Clock, policy: StaffingPolicy) -> Need:
    """Seats that `human` contact paths ask for at the policy's quantile: stationary, for each interval on its own."""
    quantile = policy.staff_to_quantile
    if ready.rules is None:
        return _tickets_need(ready, human, clock, quantile)
    load = offered_load(human, INTERVAL_SECONDS, ready.rules.seconds_at_full)
    middle, high = np.quantile(load, [0.5, quantile], axis=0)
    found = required_seats(ready.rules, high)
    return Need(found.seats, found.binding, middle, high, ())


def refined(ready: ReadyDesk, asked: Need, arrivals_per_second: Floats, policy: StaffingPolicy) -> Need:
    """The same need with every surge solved by the exact chain; a desk too large for it keeps the stationary need."""
    if ready.rules is None:
        return asked
    seats, binding = asked.seats.copy(), asked.binding.copy()
    stretches = []
    for stretch in surge.surge_stretches(asked.load_p90, policy.surge_load_ratio):
        if asked.seats[stretch].max() * ready.rules.at_once > policy.transient_places_max:
            continue
        seats[stretch], binding[stretch] = surge.refined(
            ready.rules, arrivals_per_second, seats, stretch, INTERVAL_SECONDS
        )
        stretches.append(stretch)
    return Need(seats, binding, asked.load_p50, asked.load_p90, tuple(stretches))


def _tickets_need(ready: ReadyDesk, human: Floats, clock: Clock, quantile: float) -> Need:
    arrivals = ticket_arrivals(human, quantile)
    days = clock.day - clock.day[0]
    seats, _late = tickets.seats_for_tickets(
        arrivals, open_intervals(ready, clock), days, deadline_intervals(ready), tickets_per_seat(ready)
    )
    nothing = np.zeros(len(seats))
    return Need(seats, np.where(seats > 0, "deadline", "none"), nothing, nothing, ())


def ticket_arrivals(human: Floats, quantile: float) -> Floats:
    """Tickets per interval whose running total is that quantile of the paths' running totals."""
    total = np.quantile(np.cumsum(human, axis=1), quantile, axis=0)
    return np.maximum(np.diff(total, prepend=0.0), 0.0)


def deadline_intervals(ready: ReadyDesk) -> int:
    return max(1, int(ready.deadline_seconds // INTERVAL_SECONDS))


def tickets_per_seat(ready: ReadyDesk) -> float:
    return INTERVAL_SECONDS * ready.desk.occupancy_max_ratio / ready.desk.handle_seconds


def plan_desk(ready: ReadyDesk, contacts: NDArray[np.floating], clock: Clock, policy: StaffingPolicy) -> DeskFigures:
    """Plan one desk for its contact paths [path, interval]."""
    human = human_paths(ready, contacts, clock)
    quantiles = [0.5, policy.staff_to_quantile]
    contacts_p50, contacts_p90 = np.quantile(contacts.astype(np.float64), quantiles, axis=0)
    human_p50, human_p90 = np.quantile(human, quantiles, axis=0)
    asked = refined(ready, need(ready, human, clock, policy), human_p90 / INTERVAL_SECONDS, policy)
    is_open = open_intervals(ready, clock)
    seats = np.where(is_open, asked.seats, 0.0)
    required = heads(seats, ready.desk.shrinkage_ratio)
    if ready.rules is None:
        required, roster = roster_for_tickets(ready, human, required, clock, policy)
    else:
        roster = roster_for(ready, required, clock, policy)
    met = experience(ready, human, asked, roster.agents, is_open, policy.staff_to_quantile)
    return DeskFigures(
        ready, clock, is_open, contacts_p50, contacts_p90, human_p50, human_p90, asked.load_p50, asked.load_p90,
        seats, np.where(is_open, asked.binding, "none"), required, roster,
        met.level_ratio, met.abandoned_ratio, met.occupancy_ratio, met.wait_seconds, met.oldest_hours, asked.surges,
    )  # fmt: skip


def roster_for(ready: ReadyDesk, required: NDArray[np.int64], clock: Clock, policy: StaffingPolicy) -> shifts.Rostered:
    options = shifts.shift_days(ready.shifts, clock.days, clock.zone, policy.break_moves_minutes)
    return shifts.cover(
        required, clock.starts_at_utc, options, policy.shortage_steps, policy.solver, ready.desk.agents_max
    )


def roster_for_tickets(
    ready: ReadyDesk, human: Floats, level: NDArray[np.int64], clock: Clock, policy: StaffingPolicy
) -> tuple[NDArray[np.int64], shifts.Rostered]:
    """People required and rostered for tickets: the same where all deadlines can be kept, else the even level."""
    work = TicketWork(
        ticket_arrivals(human, policy.staff_to_quantile),
        open_intervals(ready, clock),
        clock.day - clock.day[0],
        deadline_intervals(ready),
        tickets_per_seat(ready) * ready.at_work_ratio,
    )
    options = shifts.shift_days(ready.shifts, clock.days, clock.zone, moves_minutes=0)
    roster, late = roster_tickets(work, clock.starts_at_utc, options, policy.solver, ready.desk.agents_max)
    if late > LATE_TICKETS:
        return np.maximum(level, 0), roster
    return np.where(work.open, np.floor(roster.agents + 1e-9), 0).astype(np.int64), roster


@dataclass(frozen=True)
class Experience:
    """What contacts meet with given people, per interval; NaN while closed."""

    level_ratio: Floats
    abandoned_ratio: Floats
    occupancy_ratio: Floats
    wait_seconds: Floats
    oldest_hours: Floats


def experience(
    ready: ReadyDesk, human: Floats, asked: Need, people: Floats, is_open: Bools, quantile: float
) -> Experience:
    """What contacts meet when `people` (including shrinkage) are rostered for what `asked` is asked for."""
    seats = people * ready.at_work_ratio
    if ready.rules is None:
        return _tickets_experience(ready, ticket_arrivals(human, quantile), seats)
    found = _stationary_experience(ready.rules, asked.load_p90, seats, is_open)
    rates = np.quantile(human, quantile, axis=0) / INTERVAL_SECONDS
    for stretch in asked.surges:
        outcomes = surge.played(ready.rules, rates, seats, stretch, INTERVAL_SECONDS)
        found.level_ratio[stretch] = [one.level_ratio for one in outcomes]
        found.abandoned_ratio[stretch] = [one.abandoned_ratio for one in outcomes]
        found.occupancy_ratio[stretch] = [one.occupancy_ratio for one in outcomes]
        found.wait_seconds[stretch] = [one.wait_seconds for one in outcomes]
    return found


def _stationary_experience(rules: Rules, load: Floats, seats: Floats, is_open: Bools) -> Experience:
    busy = is_open & (load > 0)
    level = np.where(is_open, 1.0, np.nan)
    level[busy] = service_level(rules, load[busy], seats[busy])
    met = performance(rules, load, np.floor(seats + 1e-9).astype(np.int64))
    closed = np.where(is_open, 0.0, np.nan)
    return Experience(
        level,
        met.abandoned_ratio * (load > 0) + closed,
        met.occupancy_ratio + closed,
        met.mean_wait_seconds * (load > 0) + closed,
        np.full(len(load), np.nan),
    )


def _tickets_experience(ready: ReadyDesk, arrivals: Floats, seats: Floats) -> Experience:
    capacity = seats * tickets_per_seat(ready)
    backlog = tickets.worked_off(arrivals, capacity, deadline_intervals(ready), INTERVAL_HOURS)
    done = arrivals.cumsum() - backlog.open_tickets
    finished = np.diff(done, prepend=0.0)
    busy = np.divide(finished, capacity, out=np.zeros_like(finished), where=capacity > 0)
    unknown = np.full(len(arrivals), np.nan)
    return Experience(
        backlog.within_ratio, unknown, busy * ready.desk.occupancy_max_ratio, unknown, backlog.oldest_hours
    )


def agents_for(ready: ReadyDesk, human: Floats, clock: Clock, policy: StaffingPolicy, at: int) -> int:
    """People required in one interval for other contact paths than the plan's: what a change of assumption costs."""
    window = slice(max(0, at - 24), at + 1) if ready.rules else slice(None)
    seats = need(ready, human[:, window], clock.part(window), policy).seats
    return int(heads(seats, ready.desk.shrinkage_ratio)[at - (window.start or 0)])


def span(clock: Clock, index: int) -> tuple[datetime, datetime]:
    """An interval's start and end, UTC."""
    start = datetime.fromtimestamp(int(clock.starts_at_utc[index].astype("datetime64[s]").astype(np.int64)), UTC)
    return start, start + timedelta(seconds=INTERVAL_SECONDS)
