"""Desks as a fluid with a table: worked examples, and the exact chain in a surge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks.simulation.desks import Desk, play_desk
from playbooks.staffing.level_table import level_table
from playbooks.staffing.requirement import Rules, performance
from playbooks.staffing.transient import empty, play

PHONE = Rules((300.0,), 120, "served_within", 0.8, 20)
PATIENT = replace(PHONE, patience_seconds=1800)
CHAT = Rules((480.0, 570.0, 690.0), 180, "served_within", 0.8, 30)
SURGE = np.array([10, 10, 80, 80, 60, 40, 25, 15, 10]) / 300


def desk(rules: Rules, per_second: np.ndarray, seats: np.ndarray) -> Desk:
    return Desk(
        contacts=(per_second * 1800)[None],
        seats=np.asarray(seats, dtype=float),
        interval_seconds=1800,
        handle_seconds=rules.seconds_at_full,
        within_seconds=rules.within_seconds,
        levels=level_table(rules, 200),
        at_once=rules.at_once,
        patience_seconds=rules.patience_seconds,
    )


@pytest.mark.parametrize(
    ("rules", "rates", "seats"),
    [
        (PHONE, SURGE, [14, 14, 78, 80, 66, 46, 30, 20, 14]),
        (PHONE, SURGE, [14, 14, 60, 60, 60, 46, 30, 20, 14]),
        (PATIENT, SURGE, [50] * 9),
        (PATIENT, SURGE, [70] * 9),
        (CHAT, SURGE * 300 / 690 * 2, [10, 10, 50, 55, 45, 30, 20, 12, 8]),
    ],
)
def test_a_surge_is_within_four_points_of_the_exact_chain(rules: Rules, rates: np.ndarray, seats: list[int]) -> None:
    found = play_desk(desk(rules, rates, np.array(seats)))
    exact = play(rates, np.array(seats, dtype=float), 1800, rules, empty(700))
    assert found.level_ratio[0] == pytest.approx([one.level_ratio for one in exact], abs=0.04)
    assert found.abandoned[0] / (rates * 1800) == pytest.approx([one.abandoned_ratio for one in exact], abs=0.04)


def test_a_steady_desk_is_its_closed_form() -> None:
    found = play_desk(desk(PHONE, np.full(12, 40 / 300), np.full(12, 44.0)))
    steady = performance(PHONE, np.array([40.0]), np.array([44]))
    assert found.level_ratio[0, -1] == pytest.approx(float(steady.level("served_within")[0]), abs=0.01)


def test_without_patience_a_backlog_grows_and_is_worked_off_at_the_excess_rate() -> None:
    """Ten people finish 120 an hour: 180 come in the first hour and none after, so 60 are left for half an hour."""
    tickets = Desk(np.array([[90.0, 90.0, 0.0, 0.0, 0.0]]), np.full(5, 10.0), 1800, 300, 900, None)
    found = play_desk(tickets, step_seconds=10)
    assert found.longest_wait_seconds[0] == pytest.approx([900, 1800, 1800, 0, 0], abs=320)
    assert found.backlog[0, 3:] == pytest.approx(0, abs=0.5)
    assert found.level_ratio[0, 3] == 1
    assert found.abandoned.sum() == 0


def test_nobody_at_work_serves_nobody() -> None:
    found = play_desk(desk(PHONE, np.full(2, 0.05), np.zeros(2)))
    assert found.level_ratio.max() < 0.01
    assert np.isfinite(found.backlog).all()


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, 90), min_size=2, max_size=6), st.integers(1, 80), st.integers(0, 20))
def test_more_people_never_make_it_worse(contacts: list[int], seats: int, more: int) -> None:
    rates = np.array(contacts, dtype=float) / 1800
    less, better = (play_desk(desk(PHONE, rates, np.full(len(contacts), float(n)))) for n in (seats, seats + more))
    assert (better.level_ratio >= less.level_ratio - 0.005).all()
    assert (better.backlog <= less.backlog + 1e-9).all()


def test_paths_are_played_side_by_side() -> None:
    rates = np.array([10.0, 80, 60, 20]) / 300
    both = replace(desk(PHONE, rates, np.full(4, 50.0)), contacts=np.stack([rates * 1800, rates * 2700]))
    alone = [play_desk(replace(both, contacts=both.contacts[i : i + 1])) for i in (0, 1)]
    together = play_desk(both)
    assert together.level_ratio == pytest.approx(np.concatenate([one.level_ratio for one in alone]), rel=1e-12)
    weighed = together.event_level_ratio(both.contacts)
    assert (weighed >= together.level_ratio.min(axis=1)).all()
    assert weighed[1] < weighed[0]
