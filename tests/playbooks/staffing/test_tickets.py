from __future__ import annotations

import numpy as np
import pytest

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
