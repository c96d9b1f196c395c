from __future__ import annotations

from datetime import date, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from campaign.settings import Shift
from playbooks.staffing.policy import shipped_policy
from playbooks.staffing.shifts import shift_days
from playbooks.staffing.ticket_roster import TicketWork, roster_tickets
from playbooks.staffing.tickets import seats_for_tickets, worked_off

HOURS = np.arange(240)
OPEN = (HOURS % 24 >= 8) & (HOURS % 24 < 22)
DAYS = HOURS // 24


def surge() -> np.ndarray:
    return 40 * (1 + 5 * np.exp(-(((HOURS - 100) / 20) ** 2)))


def test_every_ticket_keeps_its_deadline_with_far_fewer_people_than_hour_by_hour() -> None:
    arrivals = surge()
    seats, late = seats_for_tickets(arrivals, OPEN, DAYS, 24, 8.0)
    found = worked_off(arrivals, seats * 8.0 + 1e-6, 24, 1.0)
    assert late.sum() == pytest.approx(0, abs=1e-6)
    assert found.within_ratio.min() > 1 - 1e-6
    assert found.oldest_hours.max() <= 24
    assert seats.max() < arrivals.max() / 8


def test_nobody_works_tickets_while_closed() -> None:
    seats, _ = seats_for_tickets(surge(), OPEN, DAYS, 24, 8.0)
    assert seats[~OPEN].max() == 0


def test_the_backlog_at_the_end_is_bounded() -> None:
    arrivals = np.full(240, 40.0)
    seats, _ = seats_for_tickets(arrivals, OPEN, DAYS, 24, 8.0)
    assert worked_off(arrivals, seats * 8, 24, 1.0).open_tickets[-1] <= 40 * 12 + 1


def test_a_deadline_that_closed_hours_make_impossible_is_missed_by_as_little_as_can_be() -> None:
    seats, late = seats_for_tickets(np.full(48, 10.0), OPEN[:48], DAYS[:48], 4, 8.0)
    assert np.isfinite(seats).all()
    assert late.sum() > 0


def test_first_in_first_out_says_how_old_the_oldest_is() -> None:
    arrivals, capacity = np.array([10.0, 0, 0, 0, 0]), np.array([0.0, 0, 5, 5, 0])
    found = worked_off(arrivals, capacity, 2, 0.5)
    assert found.open_tickets.tolist() == [10, 10, 5, 0, 0]
    assert found.oldest_hours.tolist() == [0.5, 1.0, 1.5, 0, 0]
    assert found.within_ratio[0] == 0.5


def test_no_tickets_need_nobody() -> None:
    seats, late = seats_for_tickets(np.zeros(48), OPEN[:48], DAYS[:48], 24, 8.0)
    assert seats.max() == pytest.approx(0, abs=1e-9)
    assert late.sum() == pytest.approx(0, abs=1e-9)


SHIFTS = [
    Shift(name="day", starts="08:00", hours=9, break_minutes=60),
    Shift(name="late", starts="13:00", hours=9, break_minutes=60),
]


def rostered(per_half_hour: np.ndarray, deadline: int, agents_max: int | None = None):
    count = len(per_half_hour)
    starts = np.datetime64("2026-11-09T16:00:00") + np.arange(count) * np.timedelta64(1800, "s")
    hour = (np.arange(count) / 2) % 24
    days = [date(2026, 11, 10) + timedelta(days=i) for i in range(count // 48)]
    options = shift_days(SHIFTS, days, ZoneInfo("Asia/Shanghai"), 60)
    work = TicketWork(per_half_hour, (hour >= 8) & (hour < 22), np.arange(count) // 48, deadline, 2.0)
    return work, *roster_tickets(work, starts, options, shipped_policy().solver, agents_max)


def test_shifts_chosen_with_the_work_keep_every_deadline_at_little_more_than_the_work_itself() -> None:
    arrivals = np.repeat(surge(), 2)[: 48 * 5] / 4
    work, roster, late = rostered(arrivals, 48)
    assert late == pytest.approx(0, abs=1e-6)
    found = worked_off(arrivals, roster.agents * work.open * 2.0 + 1e-6, 48, 0.5)
    assert found.within_ratio.min() > 1 - 1e-4
    assert roster.paid_hours <= 1.1 * arrivals.sum() / 4


def test_too_few_people_are_reported_as_late_tickets() -> None:
    _, roster, late = rostered(np.full(96, 10.0), 24, agents_max=5)
    assert late > 0
    assert max(count for _, count in roster.counts) <= 5


def test_no_tickets_need_no_shifts() -> None:
    _, roster, late = rostered(np.zeros(96), 24)
    assert roster.counts == ()
    assert late == 0
