"""Contacts that come again because nobody answered: the fixed point of load and abandonment, in plan and simulation."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks.staffing.erlang import with_patience
from playbooks.staffing.redials import load_with_redials
from playbooks.staffing.requirement import Rules, performance, required_seats
from playbooks.staffing.simulation_check import arrivals, simulate
from playbooks.staffing.transient import empty, places_needed, play

PHONE = Rules((300.0,), 120, "served_within", 0.8, 20, redial_ratio=0.5)
CHAT = Rules((480.0, 570.0, 690.0), 180, "served_within", 0.8, 30, redial_ratio=0.5)


def effective(load: np.ndarray, agents: np.ndarray, redial: float) -> np.ndarray:
    return load_with_redials(lambda all_load: given_up(all_load, agents), load, agents.astype(float), redial)


def given_up(load: np.ndarray, agents: np.ndarray) -> np.ndarray:
    return with_patience(load, agents, 300, 120, 20).abandoned_ratio


def test_half_calling_again_is_the_known_fixed_point() -> None:
    load, agents = np.array([100.0]), np.array([90])
    found = effective(load, agents, 0.5)
    assert found[0] == pytest.approx(110.4, abs=0.05)
    assert given_up(found, agents)[0] == pytest.approx(0.189, abs=0.0005)
    assert given_up(load, agents)[0] == pytest.approx(0.116, abs=0.0005)
    assert performance(PHONE, load, agents).abandoned_ratio[0] == pytest.approx(0.189, abs=0.0005)


@pytest.mark.parametrize("redial", [0.1, 0.5, 0.9])
def test_the_point_is_fixed_at_every_size_and_even_far_beyond_the_agents(redial: float) -> None:
    load, agents = np.array([0.0, 3.0, 100.0, 800.0, 5000.0]), np.array([2, 0, 90, 400, 5200])
    found = effective(load, agents, redial)
    assert found == pytest.approx(load + redial * given_up(found, agents) * found, rel=1e-6)


def test_nobody_calling_again_changes_nothing() -> None:
    assert effective(np.array([100.0]), np.array([90]), 0.0).tolist() == [100.0]


@pytest.mark.parametrize("rules", [PHONE, CHAT])
def test_redials_need_people_and_those_people_keep_the_promise_with_them(rules: Rules) -> None:
    load = np.array([100.0])
    alone = np.ceil(required_seats(replace(rules, redial_ratio=0.0), load).seats).astype(int)
    whole = np.ceil(required_seats(rules, load).seats - 1e-9).astype(int)
    assert whole[0] > alone[0]
    assert performance(rules, load, whole).level("served_within")[0] >= 0.8
    assert performance(rules, load, alone).level("served_within")[0] < 0.8


@settings(max_examples=30)
@given(st.sampled_from([PHONE, CHAT]), st.floats(0.05, 300), st.floats(1.0, 1.5), st.floats(0.0, 0.8))
def test_more_contacts_and_more_redials_never_need_fewer(rules: Rules, load: float, more: float, redial: float) -> None:
    some, greater = (replace(rules, redial_ratio=ratio) for ratio in (redial, redial + 0.1))
    low, high = required_seats(some, np.array([load, load * more])).seats
    assert low <= high + 1e-6
    assert low <= required_seats(greater, np.array([load])).seats[0] + 1e-6


@pytest.mark.parametrize(("rules", "load", "seats"), [(PHONE, 100, 90), (PHONE, 100, 60), (CHAT, 230, 66)])
def test_the_exact_chain_settles_at_the_fixed_point(rules: Rules, load: float, seats: int) -> None:
    rates, people = np.full(16, load / rules.seconds_at_full), np.full(16, float(seats))
    last = play(rates, people, 1800, rules, empty(places_needed(rules, rates, people)))[-1]
    steady = performance(rules, np.array([float(load)]), np.array([seats]))
    assert last.abandoned_ratio == pytest.approx(float(steady.abandoned_ratio[0]), abs=1e-4)
    assert last.level_ratio == pytest.approx(float(steady.level("served_within")[0]), abs=1e-4)
    assert last.offered_per_second == pytest.approx(rates[0] / (1 - 0.5 * last.abandoned_ratio), rel=1e-4)
    assert last.ends.coming_again == pytest.approx(0.5 * last.abandoned_ratio * last.offered_per_second * 600, rel=0.06)


def test_in_the_exact_chain_nobody_is_lost_on_the_way_back() -> None:
    rates = np.array([0.3, 0.0, 0.0, 0.0, 0.0, 0.0])
    outcomes = play(rates, np.array([0.0, 200, 200, 200, 200, 200]), 1800, PHONE, empty(300))
    came = sum(one.offered_per_second * 1800 for one in outcomes)
    given_up = sum(one.offered_per_second * one.abandoned_ratio * 1800 for one in outcomes)
    assert came == pytest.approx(540 + 0.5 * given_up, rel=1e-3)
    assert outcomes[-1].ends.coming_again < 0.5


def test_a_surge_with_redials_is_simulated_as_the_chain_predicts() -> None:
    contacts = np.array([10, 10, 80, 80, 60, 40, 25, 15, 10]) * 6.0
    seats = np.array([12, 12, 72, 76, 70, 48, 32, 22, 14])
    predicted = play(contacts / 1800, seats.astype(float), 1800, PHONE, empty(600))
    rng = np.random.default_rng(5)
    good, offered = np.zeros(9), np.zeros(9)
    for _ in range(60):
        outcome = simulate(arrivals(contacts, 1800, rng), seats.tolist(), 1800, PHONE, rng)
        interval = np.minimum(outcome.arrived_seconds // 1800, 8).astype(int)
        good += np.bincount(interval[outcome.served & (outcome.waited_seconds <= 20)], minlength=9)
        offered += np.bincount(interval, minlength=9)
    expected = np.array([one.offered_per_second * 1800 for one in predicted])
    assert expected.sum() > 1.04 * contacts.sum()
    assert offered / 60 == pytest.approx(expected, rel=0.05)
    level = np.array([one.level_ratio for one in predicted])
    assert good.sum() / offered.sum() == pytest.approx(np.average(level, weights=expected), abs=0.03)
