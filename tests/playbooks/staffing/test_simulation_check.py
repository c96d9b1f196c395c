"""The formulas against a simulation that shares none of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from playbooks.staffing.requirement import Rules, performance
from playbooks.staffing.simulation_check import arrivals, simulate

PHONE = Rules((300.0,), 120, "served_within", 0.8, 20)
CHAT = Rules((480.0, 570.0, 690.0), 180, "served_within", 0.8, 30)
CASES = [
    (replace(PHONE, handle_seconds=(180.0,), patience_seconds=60), 10, 10),
    (PHONE, 30, 30),
    (PHONE, 100, 98),
    (PHONE, 100, 80),
    (CHAT, 2 / 60 * 690, 8),
    (CHAT, 20 / 60 * 690, 73),
]


@pytest.mark.parametrize(("rules", "load", "agents"), CASES)
def test_formulas_agree_with_simulation(rules: Rules, load: float, agents: int) -> None:
    rng = np.random.default_rng(7)
    rate = load / rules.seconds_at_full
    contacts = np.full(round(60_000 / rate / 1800), rate * 1800)
    outcome = simulate(arrivals(contacts, 1800, rng), [agents], 1800, rules, rng)
    good = outcome.served & (outcome.waited_seconds <= rules.within_seconds)
    batches = np.array([part.mean() for part in np.array_split(good, 20)])
    error = max(4 * batches.std(ddof=1) / np.sqrt(20), 0.006)
    found = performance(rules, np.array([float(load)]), np.array([agents]))
    assert good.mean() == pytest.approx(float(found.served_within_ratio[0]), abs=error)
    assert 1 - outcome.served.mean() == pytest.approx(float(found.abandoned_ratio[0]), abs=max(error, 0.01))


def test_nobody_is_served_by_nobody_and_all_give_up_in_the_end() -> None:
    rng = np.random.default_rng(0)
    outcome = simulate(arrivals(np.full(4, 50.0), 1800, rng), [0, 0, 0, 0], 1800, PHONE, rng)
    assert not outcome.served.any()
    assert outcome.waited_seconds.mean() == pytest.approx(120, rel=0.3)


def test_people_who_come_later_serve_those_still_waiting() -> None:
    patient = replace(PHONE, patience_seconds=3.6e6)
    rng = np.random.default_rng(0)
    outcome = simulate(np.full(20, 10.0), [0, 40], 1800, patient, rng)
    assert outcome.served.all()
    assert np.allclose(outcome.waited_seconds[outcome.served], 1790)


def test_an_agent_going_home_finishes_what_is_in_hand() -> None:
    rng = np.random.default_rng(0)
    outcome = simulate(np.array([1790.0, 1900.0]), [1, 0], 1800, PHONE, rng)
    assert outcome.served.tolist() == [True, False]


@pytest.mark.slow
@pytest.mark.parametrize("load", np.geomspace(0.5, 1000, 25).round(2))
def test_erlang_a_is_within_the_simulations_confidence_at_25_loads(load: float) -> None:
    agents = max(1, round(load * 0.97))
    rng = np.random.default_rng(round(load * 100))
    rate = load / 300
    contacts = np.full(max(40, round(200_000 / rate / 1800)), rate * 1800)
    outcome = simulate(arrivals(contacts, 1800, rng), [agents], 1800, PHONE, rng)
    good = outcome.served & (outcome.waited_seconds <= PHONE.within_seconds)
    warm = outcome.arrived_seconds > 3600
    batches = np.array([part.mean() for part in np.array_split(good[warm], 30)])
    found = performance(PHONE, np.array([float(load)]), np.array([agents]))
    allowed = 4 * batches.std(ddof=1) / np.sqrt(30)
    assert good[warm].mean() == pytest.approx(float(found.served_within_ratio[0]), abs=allowed)
