"""Did the peak last: days after the campaign beside its first day and beside an ordinary same weekday."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from statistics import median
from typing import Literal

from warroom.retrospective.records import Lasting, LastingDay

DAYS = 7
WEEKS_BEFORE = 4

Daily = Mapping[date, float]


def lasting(
    measure: Literal["active_users", "orders", "requests"], daily: Daily, first: date, last: date
) -> Lasting | None:
    """D+1 to D+7 after `last`; None without the first day or any later one. `first`, `last`: the campaign's days."""
    if not daily.get(first):
        return None
    days = tuple(
        LastingDay(
            day=ahead,
            date=day.isoformat(),
            value=daily[day],
            to_first_day_ratio=daily[day] / daily[first],
            to_usual_ratio=daily[day] / usual if (usual := usual_on(daily, day, first)) else None,
        )
        for ahead in range(1, DAYS + 1)
        if (day := last + timedelta(days=ahead)) in daily
    )
    if not days:
        return None
    return Lasting(measure=measure, first_day=first.isoformat(), first_day_value=daily[first], days=days)


def usual_on(daily: Daily, day: date, before: date) -> float | None:
    """The median of the same weekday in the last four weeks that ended before the campaign."""
    weeks_away = (day - before).days // 7 + 1
    found = [daily[d] for k in range(WEEKS_BEFORE) if (d := day - timedelta(weeks=weeks_away + k)) in daily]
    return median(found) if found else None
