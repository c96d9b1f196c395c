"""What a desk would save with short shifts beside its own: whole ones around a surge are paid long before and after."""

from __future__ import annotations

from collections import Counter

import numpy as np

from campaign.settings import Shift
from playbooks.staffing.desk import ReadyDesk, opening_minutes
from playbooks.staffing.plan import ShortShifts
from playbooks.staffing.planning import INTERVAL_HOURS, DeskFigures
from playbooks.staffing.policy import StaffingPolicy
from playbooks.staffing.shifts import Rostered, cover, shift_days, shortage_price_hours

WORTH_RATIO = 0.05
NAME = "short-"


def with_short_shifts(figures: DeskFigures, policy: StaffingPolicy) -> ShortShifts | None:
    """The saving, where it is worth saying; None for tickets, which can wait for whole shifts, and for who has them."""
    ready, hours = figures.ready, policy.short_shift_hours
    if ready.rules is None or min(shift.span_hours for shift in ready.shifts) <= hours:
        return None
    options = shift_days(
        (*ready.shifts, *_short(ready, hours)), figures.clock.days, figures.clock.zone, policy.break_moves_minutes
    )
    found = cover(
        figures.required, figures.clock.starts_at_utc, options, policy.shortage_steps, policy.solver,
        ready.desk.agents_max,
    )  # fmt: skip
    if _price(figures, found, policy) > (1 - WORTH_RATIO) * _price(figures, figures.roster, policy):
        return None
    starts = Counter[str]()
    for option, count in found.counts:
        if option.shift.startswith(NAME):
            starts[option.starts_at_utc.astimezone(figures.clock.zone).strftime("%H:%M")] += count
    if not starts:
        return None
    return ShortShifts(
        hours=hours,
        starts=starts.most_common(1)[0][0],
        agents=starts.total(),
        paid_hours=found.paid_hours,
        missing_hours=float(_missing(figures, found).sum()) * INTERVAL_HOURS,
    )


def _short(ready: ReadyDesk, hours: float) -> list[Shift]:
    opens, closes = opening_minutes(ready.desk)
    first = -(-opens // 60) * 60
    return [
        Shift(name=f"{NAME}{start // 60 % 24:02d}", starts=f"{start // 60 % 24:02d}:00", hours=hours)
        for start in range(first, int(closes - hours * 60) + 1, 60)
    ]


def _missing(figures: DeskFigures, roster: Rostered) -> np.ndarray:
    gap = figures.required - roster.agents
    return np.where(gap > 1e-6, gap, 0.0)


def _price(figures: DeskFigures, roster: Rostered, policy: StaffingPolicy) -> float:
    """Paid hours at their prices, and those missing at theirs."""
    short = _missing(figures, roster)
    some = short > 0
    required = figures.required[some].astype(np.float64)
    return roster.price_hours + shortage_price_hours(short[some], required, policy.shortage_steps)
