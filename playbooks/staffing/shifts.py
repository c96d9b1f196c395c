"""Which shifts to put on: set covering over the desk's real shift types, with the price of every missing person stated.

Missing people are bought in steps of rising price (policy), so that a shortage is spread instead of piled up; the
programme is therefore never infeasible. Solved by HiGHS through scipy.optimize.milp.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csc_array, csr_array, eye_array, hstack

from campaign.settings import Shift, minutes_of_day
from playbooks.staffing.erlang import Floats
from playbooks.staffing.policy import ShortageStep, Solver

INTERVAL_MINUTES = 30


@dataclass(frozen=True)
class ShiftDay:
    """One shift type on one local date, with its break at one place: what an agent can be put on.

    The time between the parts of a split shift is its break. overtime_hours: the last hours, at a price of their own.
    """

    shift: str
    day: date
    starts_at_utc: datetime
    ends_at_utc: datetime
    break_starts_at_utc: datetime | None
    break_minutes: int
    overtime_hours: float = 0.0
    price_factor: float = 1.0
    overtime_price_factor: float = 1.0
    agents_max: int | None = None

    @property
    def paid_hours(self) -> float:
        """Breaks are not paid."""
        return (self.ends_at_utc - self.starts_at_utc).total_seconds() / 3600 - self.break_minutes / 60

    @property
    def price_hours(self) -> float:
        """What it costs, in ordinary hours."""
        ordinary = self.paid_hours - self.overtime_hours
        return ordinary * self.price_factor + self.overtime_hours * self.overtime_price_factor


@dataclass(frozen=True)
class Rostered:
    """How many people work each ShiftDay, and what that gives per interval.

    agents: people at work (breaks deducted), a real number where a shift covers part of an interval.
    gap_ratio: how far the solver was from proving it the cheapest.
    """

    counts: tuple[tuple[ShiftDay, int], ...]
    agents: Floats
    paid_hours: float
    gap_ratio: float

    @property
    def price_hours(self) -> float:
        return sum(option.price_hours * count for option, count in self.counts)

    @property
    def overtime_hours(self) -> float:
        return sum(option.overtime_hours * count for option, count in self.counts)


def shift_days(shifts: Sequence[Shift], days: Sequence[date], zone: ZoneInfo, moves_minutes: int) -> list[ShiftDay]:
    """Every shift type on every local date, with its break in each place it may be moved to, and with overtime."""
    return [placed for day in days for shift in shifts for placed in _placed(shift, day, zone, moves_minutes)]


def _placed(shift: Shift, day: date, zone: ZoneInfo, moves_minutes: int) -> list[ShiftDay]:
    """Without overtime with every break; with each half-hour of overtime with the break in the middle only."""
    middle = _break_after_minutes(shift)
    moves = range(-moves_minutes, moves_minutes + 1, INTERVAL_MINUTES) if _break_moves(shift) else (0,)
    longer = np.arange(1, round(shift.overtime_hours_max * 60 / INTERVAL_MINUTES) + 1) * INTERVAL_MINUTES / 60
    return [
        *(_shift_day(shift, day, zone, middle + move, 0.0) for move in moves),
        *(_shift_day(shift, day, zone, middle, float(hours)) for hours in longer),
    ]


def _break_moves(shift: Shift) -> bool:
    return bool(shift.break_minutes) and not shift.parts and shift.span_hours >= 4


def _break_after_minutes(shift: Shift) -> float:
    if shift.parts:
        return shift.parts[0].hours * 60
    return INTERVAL_MINUTES * round((shift.span_hours * 60 - shift.break_minutes) / 2 / INTERVAL_MINUTES)


def _shift_day(shift: Shift, day: date, zone: ZoneInfo, break_after_minutes: float, overtime: float) -> ShiftDay:
    starts = _at(day, minutes_of_day(shift.worked[0].starts), zone)
    return ShiftDay(
        shift=shift.name,
        day=day,
        starts_at_utc=starts,
        ends_at_utc=starts + timedelta(hours=shift.span_hours + overtime),
        break_starts_at_utc=starts + timedelta(minutes=break_after_minutes) if shift.pause_minutes else None,
        break_minutes=shift.pause_minutes,
        overtime_hours=overtime,
        price_factor=shift.price_factor,
        overtime_price_factor=shift.overtime_price_factor,
        agents_max=shift.agents_max,
    )


def _at(day: date, minutes: int, zone: ZoneInfo) -> datetime:
    midnight = datetime.combine(day + timedelta(days=minutes // 1440), time(minutes // 60 % 24, minutes % 60), zone)
    return midnight.astimezone(UTC)


def coverage(options: Sequence[ShiftDay], starts_at_utc: NDArray[np.datetime64]) -> csc_array:
    """Share of each interval that one person on each option is at work, [interval, option]; intervals follow evenly."""
    first, minutes = starts_at_utc[0].astype("datetime64[m]").astype(np.int64), interval_minutes(starts_at_utc)
    rows: list[int] = []
    columns: list[int] = []
    shares: list[float] = []
    for column, option in enumerate(options):
        begin, end = _minutes(option.starts_at_utc) - first, _minutes(option.ends_at_utc) - first
        for row in range(max(0, begin // minutes), min(len(starts_at_utc), -(-end // minutes))):
            interval = (row * minutes, (row + 1) * minutes)
            share = _overlap(interval, begin, end) - _break_overlap(option, interval, first)
            if share > 0:
                rows.append(row)
                columns.append(column)
                shares.append(share / minutes)
    return csc_array((shares, (rows, columns)), shape=(len(starts_at_utc), len(options)))


def interval_minutes(starts_at_utc: NDArray[np.datetime64]) -> int:
    """Minutes from one interval to the next; half an hour where there is only one."""
    if len(starts_at_utc) < 2:
        return INTERVAL_MINUTES
    return int((starts_at_utc[1] - starts_at_utc[0]) / np.timedelta64(1, "m"))


def _minutes(moment: datetime) -> int:
    return int(moment.timestamp() // 60)


def _overlap(interval: tuple[int, int], begin: int, end: int) -> int:
    return max(0, min(end, interval[1]) - max(begin, interval[0]))


def _break_overlap(option: ShiftDay, interval: tuple[int, int], first: int) -> int:
    if option.break_starts_at_utc is None:
        return 0
    begin = _minutes(option.break_starts_at_utc) - first
    return _overlap(interval, begin, begin + option.break_minutes)


def cover(
    required: NDArray[np.int64],
    starts_at_utc: NDArray[np.datetime64],
    options: Sequence[ShiftDay],
    steps: Sequence[ShortageStep],
    solver: Solver,
    agents_max: int | None = None,
) -> Rostered:
    """Put people on shifts at the least price of paid and missing hours.

    required: people per interval; starts_at_utc: those intervals, without holes; agents_max: people on one local day.
    """
    shares = coverage(options, starts_at_utc)
    useful = np.flatnonzero(shares.T @ (required > 0) > 0)
    kept, shares = [options[int(i)] for i in useful], shares[:, useful].tocsc()
    if not kept:
        return Rostered((), np.zeros(len(required)), 0.0, 0.0)
    hours = interval_minutes(starts_at_utc) / 60
    counts, gap = _solve(required, shares, kept, _Shortage(steps, hours), solver, agents_max)
    chosen = tuple((option, int(n)) for option, n in zip(kept, counts, strict=True) if n > 0)
    paid = sum(option.paid_hours * n for option, n in chosen)
    return Rostered(chosen, shares @ counts.astype(np.float64), paid, gap)


@dataclass(frozen=True)
class _Shortage:
    """What missing people cost in intervals of this length."""

    steps: Sequence[ShortageStep]
    interval_hours: float


def _solve(
    required: NDArray[np.int64],
    shares: csc_array,
    options: Sequence[ShiftDay],
    shortage: _Shortage,
    solver: Solver,
    agents_max: int | None,
) -> tuple[NDArray[np.int64], float]:
    needed, steps = np.flatnonzero(required > 0), shortage.steps
    short = len(needed)
    prices, widths = _shortage_prices(required[needed].astype(np.float64), steps, shortage.interval_hours)
    price = np.array([option.price_hours for option in options])
    matrix = hstack([shares.tocsr()[needed], *([eye_array(short)] * len(steps))])
    constraints = [LinearConstraint(matrix, lb=required[needed].astype(np.float64))]
    constraints += people_limits(options, short * len(steps), agents_max)
    found = milp(
        np.concatenate([price, prices]),
        constraints=constraints,
        integrality=np.concatenate([np.ones(len(options)), np.zeros(short * len(steps))]),
        bounds=Bounds(0, np.concatenate([np.full(len(options), np.inf), widths])),
        options={"mip_rel_gap": solver.gap_ratio, "time_limit": solver.seconds},
    )
    if found.x is None:
        return np.zeros(len(options), dtype=np.int64), 1.0
    return np.rint(found.x[: len(options)]).astype(np.int64), float(found.mip_gap or 0.0)


def people_limits(options: Sequence[ShiftDay], others: int, agents_max: int | None) -> list[LinearConstraint]:
    """At most so many people on one local day, and on each shift type that has a limit of its own.

    `others` variables follow those of the options.
    """
    groups: dict[tuple[date, str], tuple[int, list[int]]] = {}
    for column, option in enumerate(options):
        if agents_max is not None:
            groups.setdefault((option.day, ""), (agents_max, []))[1].append(column)
        if option.agents_max is not None:
            groups.setdefault((option.day, option.shift), (option.agents_max, []))[1].append(column)
    if not groups:
        return []
    rows = np.repeat(np.arange(len(groups)), [len(columns) for _, columns in groups.values()])
    members = np.concatenate([columns for _, columns in groups.values()])
    matrix = csr_array((np.ones(len(rows)), (rows, members)), shape=(len(groups), len(options) + others))
    return [LinearConstraint(matrix, ub=np.array([float(most) for most, _ in groups.values()]))]


def _shortage_prices(
    required: Floats, steps: Sequence[ShortageStep], hours: float = INTERVAL_MINUTES / 60
) -> tuple[Floats, Floats]:
    """Price and largest size of each step's missing people, step by step over the intervals of so many hours."""
    lower = [0.0, *(step.up_to_ratio for step in steps[:-1])]
    prices = np.concatenate([np.full(len(required), step.price_hours_per_hour * hours) for step in steps])
    widths = np.concatenate([required * (step.up_to_ratio - below) for step, below in zip(steps, lower, strict=True)])
    return prices, widths


def shortage_price_hours(missing: Floats, required: Floats, steps: Sequence[ShortageStep]) -> float:
    """What missing people per half-hour cost by the stepped price, in paid hours."""
    prices, widths = _shortage_prices(required, steps)
    left, total = missing.astype(np.float64), 0.0
    for price, width in zip(prices.reshape(len(steps), -1), widths.reshape(len(steps), -1), strict=True):
        taken = np.minimum(left, width)
        total += float(price @ taken)
        left = left - taken
    return total
