from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from campaign.settings import Shift
from playbooks.staffing.policy import shipped_policy
from playbooks.staffing.shifts import cover, coverage, shift_days, shortage_price_hours

SHANGHAI = ZoneInfo("Asia/Shanghai")
POLICY = shipped_policy()
DAY = date(2026, 11, 10)
EARLY = Shift(name="early", starts="08:00", hours=8, break_minutes=60)
LATE = Shift(name="late", starts="16:00", hours=8, break_minutes=60)
NIGHT = Shift(name="night", starts="22:00", hours=8)


def half_hours(count: int, start: str = "2026-11-09T16:00:00") -> np.ndarray:
    """From local midnight of the 10th on."""
    return np.datetime64(start) + np.arange(count) * np.timedelta64(1800, "s")


def roster(required: np.ndarray, shifts: list[Shift], agents_max: int | None = None, days: int = 1):
    dates = [DAY + timedelta(days=i) for i in range(-1, days)]
    options = shift_days(shifts, dates, SHANGHAI, POLICY.break_moves_minutes)
    return cover(required, half_hours(len(required)), options, POLICY.shortage_steps, POLICY.solver, agents_max)


def test_a_shift_starts_at_local_time_and_its_break_is_no_cover() -> None:
    options = shift_days([EARLY], [DAY], SHANGHAI, 0)
    assert options[0].starts_at_utc == datetime(2026, 11, 10, 0, 0, tzinfo=UTC)
    shares = coverage(options, half_hours(48)).toarray()[:, 0]
    assert shares.sum() == 14
    assert shares[16:32].tolist() == [1] * 7 + [0, 0] + [1] * 7
    assert options[0].paid_hours == 7


def test_a_shift_over_midnight_covers_the_next_day() -> None:
    shares = coverage(shift_days([NIGHT], [DAY], SHANGHAI, 0), half_hours(96)).toarray()[:, 0]
    assert np.flatnonzero(shares).tolist() == list(range(44, 60))


def test_a_shift_between_half_hours_covers_parts_of_them() -> None:
    odd = Shift(name="odd", starts="08:15", hours=1)
    shares = coverage(shift_days([odd], [DAY], SHANGHAI, 0), half_hours(48)).toarray()[:, 0]
    assert shares[16:19].tolist() == [0.5, 1.0, 0.5]


def test_a_clock_change_moves_the_shift_with_local_time() -> None:
    options = shift_days([EARLY], [date(2026, 3, 28), date(2026, 3, 29)], ZoneInfo("Europe/Berlin"), 0)
    assert [option.starts_at_utc.hour for option in options] == [7, 6]


def test_everything_needed_is_covered_and_nobody_works_at_night() -> None:
    required = np.zeros(48, dtype=np.int64)
    required[16:46] = 10
    found = roster(required, [EARLY, LATE, Shift(name="mid", starts="12:00", hours=8, break_minutes=60)])
    missing = np.maximum(0, required - found.agents)
    assert missing.sum() <= 0.05 * required.sum()
    assert found.agents[:16].max() == 0
    assert {option.shift for option, _ in found.counts} <= {"early", "mid", "late"}


def test_a_headcount_limit_spreads_the_shortage_instead_of_refusing() -> None:
    required = np.zeros(48, dtype=np.int64)
    required[16:48] = 20
    required[40:44] = 60
    found = roster(required, [EARLY, LATE], agents_max=40)
    assert sum(count for option, count in found.counts if option.day == DAY) <= 40
    missing = np.maximum(0, required - found.agents)
    assert missing.max() < 60
    assert missing[40:44].std() < 15


def test_nothing_needed_is_nobody_rostered() -> None:
    found = roster(np.zeros(48, dtype=np.int64), [EARLY])
    assert found.counts == ()
    assert found.paid_hours == 0


def test_shortage_costs_more_the_deeper_it_is() -> None:
    required = np.array([100.0])
    one = shortage_price_hours(np.array([5.0]), required, POLICY.shortage_steps)
    two = shortage_price_hours(np.array([10.0]), required, POLICY.shortage_steps)
    assert one == pytest.approx(5 * 3 * 0.5)
    assert two == pytest.approx((5 * 3 + 5 * 6) * 0.5)


def test_the_price_of_spread_shortage_is_below_that_of_a_pile() -> None:
    required = np.full(10, 100.0)
    spread = shortage_price_hours(np.full(10, 5.0), required, POLICY.shortage_steps)
    piled = shortage_price_hours(np.eye(10)[0] * 50, required, POLICY.shortage_steps)
    assert spread < piled / 3
