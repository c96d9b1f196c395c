"""Desks as a fluid with its spread: worked examples, the exact chain, and contacts simulated one by one in a surge."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks.simulation.desks import Desk, missed_at_balance, play_desk, play_tickets
from playbooks.staffing.level_table import LevelTable, level_table
from playbooks.staffing.requirement import Rules, performance
from playbooks.staffing.simulation_check import arrivals, simulate
from playbooks.staffing.transient import empty, play

PHONE = Rules((300.0,), 120, "served_within", 0.8, 20)
PATIENT = replace(PHONE, patience_seconds=1800)
CHAT = Rules((480.0, 570.0, 690.0), 180, "served_within", 0.8, 30)
AGAIN = replace(PHONE, redial_ratio=0.5)
SURGE = np.array([10, 10, 80, 80, 60, 40, 25, 15, 10]) / 300
CHATS = SURGE * 300 / 690 * 2
POINTS = 0.03
STEADY = [14, 14, 60, 60, 60, 60, 60, 60, 60]
FALLING = [14, 14, 60, 60, 60, 46, 30, 20, 14]
CHATTING = [10, 10, 50, 55, 45, 30, 20, 12, 8]


@cache
def missed(rules: Rules) -> LevelTable:
    return missed_at_balance(level_table(rules, 200), rules)


def desk(rules: Rules, per_second: np.ndarray, seats: np.ndarray) -> Desk:
    return Desk((per_second * 1800)[None], np.asarray(seats, dtype=float), 1800, rules, missed(rules))


@pytest.mark.parametrize(
    ("rules", "rates", "seats"),
    [
        (PHONE, SURGE, [14, 14, 78, 80, 80, 80, 80, 80, 80]),
        (PHONE, SURGE, STEADY),
        (PATIENT, SURGE, [50] * 9),
        (PATIENT, SURGE, [70] * 9),
        (CHAT, CHATS, [10, 10, 50, 55, 55, 55, 55, 55, 55]),
        (AGAIN, SURGE, STEADY),
        (replace(AGAIN, definition="short_abandons_good"), SURGE, STEADY),
        (replace(AGAIN, definition="answered_within"), SURGE, STEADY),
    ],
)
def test_a_surge_is_within_three_points_of_the_exact_chain(rules: Rules, rates: np.ndarray, seats: list[int]) -> None:
    found = play_desk(desk(rules, rates, np.array(seats)))
    exact = play(rates, np.array(seats, dtype=float), 1800, rules, empty(900))
    assert found.level_ratio[0] == pytest.approx([one.level_ratio for one in exact], abs=POINTS)
    given_up = found.abandoned[0] / found.attempts[0]
    assert given_up == pytest.approx([one.abandoned_ratio for one in exact], abs=POINTS)


@pytest.mark.parametrize(
    ("rules", "rates", "seats", "days"),
    [
        (PHONE, SURGE, FALLING, 50),
        (CHAT, CHATS, CHATTING, 50),
        pytest.param(AGAIN, SURGE, FALLING, 200, marks=pytest.mark.slow),
        pytest.param(PATIENT, SURGE, FALLING, 2000, marks=pytest.mark.slow),
    ],
)
def test_a_surge_is_within_three_points_of_contacts_simulated_one_by_one(
    rules: Rules, rates: np.ndarray, seats: list[int], days: int
) -> None:
    rng = np.random.default_rng(5)
    good, counted = np.zeros(len(rates)), np.zeros(len(rates))
    for _ in range(days):
        met = simulate(arrivals(rates * 1800, 1800, rng), seats, 1800, rules, rng)
        interval = np.minimum(met.arrived_seconds // 1800, len(rates) - 1).astype(int)
        for total, which in zip(
            (good, counted), met.good_and_counted(rules.definition, rules.within_seconds), strict=True
        ):
            total += np.bincount(interval[which], minlength=len(rates))
    found = play_desk(desk(rules, rates, np.array(seats)))
    assert found.level_ratio[0, :-1] == pytest.approx((good / counted)[:-1], abs=POINTS)


@pytest.mark.parametrize(("load", "seats"), [(3.0, 5), (10.0, 12), (40.0, 44)])
def test_a_steady_desk_is_its_closed_form(load: float, seats: int) -> None:
    found = play_desk(desk(PHONE, np.full(12, load / 300), np.full(12, seats)))
    steady = performance(PHONE, np.array([load]), np.array([seats]))
    assert found.level_ratio[0, -1] == pytest.approx(float(steady.level("served_within")[0]), abs=0.01)
    assert found.abandoned[0, -1] / found.attempts[0, -1] == pytest.approx(float(steady.abandoned_ratio[0]), abs=0.01)


def test_those_who_come_again_are_counted_again() -> None:
    rates, seats = np.full(12, 50 / 300), np.full(12, 40.0)
    once, again = play_desk(desk(PHONE, rates, seats)), play_desk(desk(AGAIN, rates, seats))
    assert once.attempts[0] == pytest.approx(rates * 1800)
    more = again.attempts[0, -1] - once.attempts[0, -1]
    assert more == pytest.approx(0.5 * again.abandoned[0, -1], rel=0.01)
    assert again.event_level_ratio()[0] < once.event_level_ratio()[0]


def test_the_longest_wait_is_that_of_the_last_in_the_queue() -> None:
    """Patience 1800 s, 50 people who finish one in 300 s: with q waiting, 1800 ln(1 + q / 300) seconds."""
    found = play_desk(desk(PATIENT, np.full(24, 80 / 300), np.full(24, 50.0)))
    queue = found.backlog[0, -1]
    assert queue == pytest.approx(180, rel=0.02)
    assert found.longest_wait_seconds[0, -1] == pytest.approx(1800 * np.log(1.6), rel=0.02)


def test_tickets_are_worked_off_first_in_first_out() -> None:
    """60 an interval are finished: 180 come in two, so the last of them wait until the third is over."""
    tickets = np.array([[90.0, 90.0, 0.0, 0.0, 0.0], [60.0, 60.0, 0.0, 0.0, 0.0]])
    found = play_tickets(tickets, np.full(5, 60.0), 1, 1800)
    assert found.backlog.tolist() == [[30, 60, 0, 0, 0], [0, 0, 0, 0, 0]]
    assert found.longest_wait_seconds[0].tolist() == [1800, 1800, 0, 0, 0]
    assert found.level_ratio[0, :2] == pytest.approx([1.0, 1.0])
    late = play_tickets(tickets, np.full(5, 30.0), 1, 1800)
    assert late.level_ratio[0, :2] == pytest.approx([60 / 90, 0.0])
    assert late.event_level_ratio().tolist() == pytest.approx([60 / 180, 0.75])


def test_nobody_at_work_serves_nobody() -> None:
    found = play_desk(desk(PHONE, np.full(2, 0.05), np.zeros(2)))
    assert found.level_ratio.max() < 0.01
    assert np.isfinite(found.backlog).all()


@settings(max_examples=20)
@given(st.lists(st.integers(0, 90), min_size=2, max_size=6), st.integers(1, 80), st.integers(0, 20))
def test_more_people_never_make_it_worse(contacts: list[int], seats: int, more: int) -> None:
    rates = np.array(contacts, dtype=float) / 1800
    less, better = (play_desk(desk(AGAIN, rates, np.full(len(contacts), float(n)))) for n in (seats, seats + more))
    assert (better.level_ratio >= less.level_ratio - 0.01).all()
    assert (better.backlog <= less.backlog + 1e-3).all()


def test_paths_are_played_side_by_side() -> None:
    rates = np.array([10.0, 80, 60, 20]) / 300
    both = replace(desk(PHONE, rates, np.full(4, 50.0)), contacts=np.stack([rates * 1800, rates * 2700]))
    alone = [play_desk(replace(both, contacts=both.contacts[i : i + 1])) for i in (0, 1)]
    together = play_desk(both)
    assert together.level_ratio == pytest.approx(np.concatenate([one.level_ratio for one in alone]), rel=1e-12)
    weighed = together.event_level_ratio()
    assert (weighed >= together.level_ratio.min(axis=1)).all()
    assert weighed[1] < weighed[0]
