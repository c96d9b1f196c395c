"""Split shifts, part-timers and overtime: what they cover, what they cost and how they are refused."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from pydantic import ValidationError

from campaign.settings import Shift
from playbooks.staffing.policy import shipped_policy
from playbooks.staffing.shifts import Rostered, cover, coverage, shift_days
from playbooks.staffing.ticket_roster import TicketWork, roster_tickets

ZONE = ZoneInfo("Asia/Shanghai")
POLICY = shipped_policy()
DAY = date(2026, 11, 10)
MIDNIGHT = np.datetime64("2026-11-09T16:00:00")
SPLIT: dict[str, Any] = {
    "name": "split",
    "parts": [{"starts": "09:00", "hours": 4}, {"starts": "19:00", "hours": 4}],
}
EARLY: dict[str, Any] = {"name": "early", "starts": "08:00", "hours": 8}


def half_hours(count: int = 48) -> np.ndarray:
    return MIDNIGHT + np.arange(count) * np.timedelta64(1800, "s")


def options(*shifts: dict[str, Any]) -> list[Any]:
    return shift_days([Shift.model_validate(one) for one in shifts], [DAY], ZONE, POLICY.break_moves_minutes)


def rostered(required: np.ndarray, *shifts: dict[str, Any]) -> Rostered:
    return cover(required, half_hours(), options(*shifts), POLICY.shortage_steps, POLICY.solver)


def needed(**hours: tuple[int, int, int]) -> np.ndarray:
    found = np.zeros(48, dtype=np.int64)
    for begin, end, people in hours.values():
        found[2 * begin : 2 * end] = people
    return found


def test_a_split_shift_covers_its_parts_and_pays_only_them() -> None:
    (one,) = options(SPLIT)
    shares = coverage([one], half_hours()).toarray()[:, 0]
    assert np.flatnonzero(shares).tolist() == [*range(18, 26), *range(38, 46)]
    assert (one.paid_hours, one.break_minutes) == (8, 360)
    assert one.break_starts_at_utc == datetime(2026, 11, 10, 5, tzinfo=UTC)


def test_a_split_shift_may_run_past_midnight() -> None:
    night = {"name": "night", "parts": [{"starts": "20:00", "hours": 3}, {"starts": "01:00", "hours": 2}]}
    (one,) = options(night)
    assert one.ends_at_utc - one.starts_at_utc == timedelta(hours=7)
    assert one.paid_hours == 5


def test_two_peaks_a_day_are_cheaper_with_split_shifts() -> None:
    required = needed(noon=(9, 13, 10), evening=(19, 23, 10))
    whole = {"name": "late", "starts": "15:00", "hours": 8}
    without, found = rostered(required, EARLY, whole), rostered(required, EARLY, whole, SPLIT)
    assert [(option.shift, count) for option, count in found.counts] == [("split", 10)]
    assert found.paid_hours == 80
    assert without.paid_hours > 1.5 * found.paid_hours


def test_overtime_lengthens_a_shift_where_that_is_cheaper_than_another() -> None:
    required = needed(day=(8, 16, 10), after=(16, 18, 10))
    longer = EARLY | {"overtime_hours_max": 2}
    found = rostered(required, longer, {"name": "late", "starts": "16:00", "hours": 8})
    ((option, count),) = found.counts
    assert (option.shift, option.overtime_hours, count) == ("early", 2.0, 10)
    assert (found.paid_hours, found.overtime_hours, found.price_hours) == (100, 20, 80 + 20 * 1.5)


def test_dear_overtime_gives_way_to_a_shift() -> None:
    required = needed(day=(8, 16, 10), after=(16, 18, 10))
    longer = EARLY | {"overtime_hours_max": 2, "overtime_price_factor": 3}
    found = rostered(required, longer, {"name": "short", "starts": "16:00", "hours": 3})
    assert found.overtime_hours == 0
    assert {option.shift for option, _ in found.counts} == {"early", "short"}


def test_part_timers_are_used_first_when_cheaper_and_never_beyond_their_number() -> None:
    part = {"name": "part", "starts": "08:00", "hours": 8, "agents_max": 4, "price_factor": 0.8}
    found = rostered(needed(day=(8, 16, 10)), EARLY, part)
    assert {option.shift: count for option, count in found.counts} == {"early": 6, "part": 4}
    assert found.price_hours == pytest.approx(6 * 8 + 4 * 8 * 0.8)


def test_limits_of_a_shift_type_hold_for_tickets_too() -> None:
    work = TicketWork(np.full(48, 4.0), np.ones(48, dtype=bool), np.zeros(48, dtype=np.int64), 48, 1.0)
    part = {"name": "part", "starts": "08:00", "hours": 8, "agents_max": 3, "price_factor": 0.8}
    found, _late = roster_tickets(work, half_hours(), options(EARLY, part), POLICY.solver)
    assert {option.shift: count for option, count in found.counts}["part"] == 3


@pytest.mark.parametrize(
    ("changed", "what"),
    [
        ({"starts": "09:00"}, "a split shift has its times in parts"),
        ({"break_minutes": 60}, "a split shift has its times in parts"),
        ({"parts": [{"starts": "09:00", "hours": 4}]}, "a split shift has two parts in order"),
        (
            {"parts": [{"starts": "09:00", "hours": 4}, {"starts": "12:00", "hours": 4}]},
            "a split shift has two parts in order",
        ),
        (
            {"parts": [{"starts": "09:00", "hours": 4}, {"starts": "13:00", "hours": 4}]},
            "a split shift has two parts in order",
        ),
        ({"parts": []}, "starts or hours is missing"),
        ({"overtime_hours_max": 0.3}, "multiple of 0.5"),
    ],
)
def test_a_shift_that_cannot_be_worked_is_refused(changed: dict[str, Any], what: str) -> None:
    with pytest.raises(ValidationError, match=what):
        Shift.model_validate(SPLIT | changed)
