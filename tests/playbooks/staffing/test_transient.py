"""The exact chain: it settles into the closed forms, carries backlogs over, and agrees with simulation in a surge."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from playbooks.staffing import surge
from playbooks.staffing.requirement import Rules, performance
from playbooks.staffing.simulation_check import arrivals, simulate
from playbooks.staffing.transient import empty, fewest_seats, places_needed, play

PHONE = Rules((300.0,), 120, "served_within", 0.8, 20)
CHAT = Rules((480.0, 570.0, 690.0), 180, "served_within", 0.8, 30)
SURGE = np.array([10, 10, 80, 80, 60, 40, 25, 15, 10]) / 300


@pytest.mark.parametrize(("rules", "load", "seats"), [(PHONE, 100, 98), (PHONE, 10, 10), (CHAT, 230, 73)])
@pytest.mark.parametrize(
    "definition",
    ["served_within", "answered_within", "virtual_wait_within", "short_abandons_dropped", "short_abandons_good"],
)
def test_after_hours_of_the_same_rate_it_is_the_closed_form(
    rules: Rules, load: float, seats: int, definition: str
) -> None:
    asked = replace(rules, definition=definition)
    rate = load / rules.seconds_at_full
    last = play(np.full(16, rate), np.full(16, float(seats)), 1800, asked, empty(600))[-1]
    steady = performance(asked, np.array([float(load)]), np.array([seats]))
    assert last.level_ratio == pytest.approx(float(steady.level(asked.definition)[0]), abs=1e-6)
    assert last.abandoned_ratio == pytest.approx(float(steady.abandoned_ratio[0]), abs=1e-6)
    assert last.occupancy_ratio == pytest.approx(float(steady.occupancy_ratio[0]), abs=1e-6)
    assert last.wait_seconds == pytest.approx(float(steady.mean_wait_seconds[0]), abs=1e-3)


def test_a_backlog_carries_over_where_patience_is_long() -> None:
    patient = replace(PHONE, patience_seconds=1800)
    seats = np.full(9, 50.0)
    level = [one.level_ratio for one in play(SURGE, seats, 1800, patient, empty(400))]
    alone = performance(patient, SURGE * 300, seats.astype(int)).level("served_within")
    assert alone[5] > 0.9
    assert level[5] < 0.6


def test_the_chain_agrees_with_simulation_through_a_surge() -> None:
    seats = np.array([14, 14, 78, 80, 66, 46, 30, 20, 14], dtype=float)
    predicted = np.array([one.level_ratio for one in play(SURGE, seats, 1800, PHONE, empty(300))])
    rng = np.random.default_rng(3)
    good, offered = np.zeros(9), np.zeros(9)
    for _ in range(120):
        arrived = arrivals(SURGE * 1800, 1800, rng)
        outcome = simulate(arrived, seats.astype(int).tolist(), 1800, PHONE, rng)
        interval = np.minimum(arrived // 1800, 8).astype(int)
        kept = outcome.served & (outcome.waited_seconds <= 20)
        good += np.bincount(interval[kept], minlength=9)
        offered += np.bincount(interval, minlength=9)
    # People whose shift ends finish what they have, which the chain leaves out: reality is the better of the two.
    assert np.all(good / offered > predicted - 0.03)
    assert np.all(good / offered < predicted + 0.09)
    assert (good.sum() / offered.sum()) == pytest.approx(np.average(predicted, weights=SURGE), abs=0.025)


def test_seats_chosen_in_sequence_keep_every_promise_and_one_fewer_breaks_it() -> None:
    rules = replace(PHONE, abandonment_max_ratio=0.05, occupancy_max_ratio=0.95)
    guess = np.array([12.0, 12, 80, 80, 60, 40, 28, 18, 12])
    seats, binding = fewest_seats(SURGE, guess, 1800, rules, empty(400))
    whole = np.ceil(seats - 1e-9)
    assert set(binding) <= {"service_level", "abandonment", "occupancy"}
    for i, outcome in enumerate(play(SURGE, seats, 1800, rules, empty(400))):
        assert outcome.level_ratio >= 0.8 - 0.01
        assert outcome.abandoned_ratio <= 0.05 + 0.004
        if i == 2:
            fewer = np.concatenate([seats[:2], [whole[2] - 1]])
            met = play(SURGE[:3], fewer, 1800, rules, empty(400))[-1]
            assert met.level_ratio < 0.8 or met.abandoned_ratio > 0.05 or met.occupancy_ratio > 0.95


def test_no_contacts_in_a_surge_need_nobody() -> None:
    seats, binding = fewest_seats(np.array([0.1, 0.0]), np.array([30.0, 0.0]), 1800, PHONE, empty(100))
    assert seats[1] == 0
    assert binding[1] == "none"


def test_there_are_places_for_everybody_who_waits() -> None:
    places = places_needed(PHONE, np.array([1.0]), np.array([10.0]))
    last = play(np.array([1.0] * 8), np.full(8, 10.0), 1800, PHONE, empty(places))[-1]
    assert last.ends.shares[-1] < 1e-9
    assert last.abandoned_ratio == pytest.approx(1 - 10 / 300, abs=1e-3)


def test_a_surge_is_found_with_the_interval_before_it() -> None:
    load = np.array([0, 5, 5, 5, 40, 30, 5, 5, 0, 50, 5], dtype=float)
    assert surge.surge_stretches(load, 2.0) == [slice(3, 6), slice(9, 10)]
    assert surge.surge_stretches(np.zeros(4), 2.0) == []
