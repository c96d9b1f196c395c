"""Published and computed oracle values, to the printed digits."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq

from playbooks.staffing import erlang

LOADS = np.array([5.0, 10, 50, 100, 500, 1000, 5000])
DEFINITIONS = (
    "served_within",
    "answered_within",
    "virtual_wait_within",
    "short_abandons_dropped",
    "short_abandons_good",
)


def fewest(load, level="served_within", patience=120.0, within=20.0, handle=300.0, target=0.8):
    loads = np.atleast_1d(np.asarray(load, dtype=float))
    return erlang.fewest_agents(
        lambda n: erlang.with_patience(loads, n, handle, patience, within).level(level) >= target, loads
    )


@pytest.mark.parametrize(
    ("lines", "load", "digits"),
    [(15, 8.108, 3), (10, 4.4612, 4), (20, 12.0306, 4), (30, 20.3373, 4), (50, 37.9014, 4), (100, 84.0642, 4)],
)
def test_traffic_that_lines_carry_at_one_percent_blocking(lines: int, load: float, digits: int) -> None:
    found = brentq(lambda a: float(erlang.blocking(lines, a)) - 0.01, 0.1, lines)
    assert round(found, digits) == load


def test_blocking_of_thirty_lines_at_twenty_five_erlangs() -> None:
    assert round(float(erlang.blocking(30, 25)), 6) == 0.052603


def test_lines_for_two_percent_blocking() -> None:
    assert erlang.lines_for_blocking(np.array([10.0, 0.0]), 0.02).tolist() == [17, 0]


@pytest.mark.parametrize(("lines", "load"), [(1, 5000), (40, 800), (3, 50), (200, 190), (5000, 4900), (7, 0.01)])
def test_blocking_is_exact_from_far_overload_to_far_below(lines: int, load: float) -> None:
    a, inverse = Fraction(load), Fraction(1)
    for n in range(1, lines + 1):
        inverse = 1 + n / a * inverse if lines <= 200 else 1 + Fraction(n / load * float(inverse))
    exact = math.log(inverse.numerator) - math.log(inverse.denominator)
    assert float(erlang.log_inverse_blocking(lines, load)) == pytest.approx(exact, rel=1e-10, abs=1e-10)


def test_erlang_c_of_ten_erlangs() -> None:
    assert round(float(erlang.waiting(14, 10)), 7) == 0.1741319
    assert round(float(erlang.served_within_without_abandonment(14, 10, 180, 20)), 5) == 0.88835
    assert round(float(erlang.mean_wait_without_abandonment(14, 10, 180)), 5) == 7.83594
    assert round(float(erlang.waiting(11, 10)), 7) == 0.6821182
    assert round(float(erlang.served_within_without_abandonment(11, 10, 180, 20)), 7) == 0.3896138


def test_erlang_c_of_a_hundred_erlangs_and_more() -> None:
    assert float(erlang.waiting(132, 123)) == pytest.approx(0.3211161792617, abs=1e-12)
    assert float(erlang.blocking(132, 123)) == pytest.approx(0.0312428, abs=5e-8)
    load = 100 / 3
    assert round(float(erlang.waiting(40, load)), 4) == 0.1907
    assert round(float(erlang.served_within_without_abandonment(40, load, 120, 20)), 4) == 0.9372
    assert round(float(erlang.mean_wait_without_abandonment(40, load, 120)), 2) == 3.43


def test_square_root_staffing_of_four_hundred_erlangs() -> None:
    agents = 400 + 0.5 * math.sqrt(400)
    assert round(float(erlang.served_within_without_abandonment(agents, 400, 240, 20)), 5) == 0.77826


def test_three_agents_mean_wait() -> None:
    assert round(float(erlang.mean_wait_without_abandonment(3, 2, 10)), 4) == 4.4444


def test_abandonment_halves_the_wait_that_erlang_c_expects() -> None:
    patient = float(erlang.mean_wait_without_abandonment(50, 48, 60))
    real = erlang.with_patience(48, 50, 60, 120, 20)
    assert round(patient, 1) == 20.8
    assert round(float(real.abandoned_ratio), 4) == 0.0309
    assert round(float(real.mean_wait_seconds), 2) == 3.71
    assert round(float(real.occupancy_ratio), 4) == 0.9303


@pytest.mark.parametrize(
    ("agents", "load", "delayed"),
    [(10, 10, 0.5420702855), (50, 40, 0.0703350667), (5000, 5050, 0.76098467476)],
)
def test_patience_as_long_as_handling_is_a_poisson_tail(agents: int, load: int, delayed: float) -> None:
    found = erlang.with_patience(load, agents, 60, 60, 20).delayed_ratio
    assert float(found) == pytest.approx(delayed, abs=1e-10)


def test_endless_patience_is_erlang_c() -> None:
    found = erlang.with_patience(10, 14, 180, 1.8e9, 20)
    assert float(found.delayed_ratio) == pytest.approx(0.1741319336, abs=1e-7)
    assert float(found.served_within_ratio) == pytest.approx(0.88835, abs=1e-6)


def test_erlang_a_of_ten_erlangs() -> None:
    found = erlang.with_patience(10, np.array([8, 10, 12, 14]), 180, 60, 20)
    assert found.delayed_ratio.round(4).tolist() == [0.6252, 0.4234, 0.2404, 0.1115]
    assert found.abandoned_ratio.round(4).tolist() == [0.2784, 0.1575, 0.0759, 0.0303]
    assert found.mean_wait_seconds.round(2).tolist() == [16.70, 9.45, 4.55, 1.82]
    assert found.served_within_ratio.round(4).tolist() == [0.5276, 0.7180, 0.8603, 0.9438]


def test_fewest_agents_by_load_with_and_without_abandonment() -> None:
    assert fewest(LOADS).tolist() == [7, 12, 51, 98, 459, 902, 4373]
    assert erlang.agents_without_abandonment(LOADS, 300, 0.8, 20).tolist() == [8, 14, 57, 108, 513, 1015, 5019]


@pytest.mark.parametrize(
    ("patience_minutes", "agents"), [(0.5, 86), (1, 92), (2, 98), (3, 100), (5, 103), (10, 105), (1e6, 108)]
)
def test_longer_patience_needs_more_agents(patience_minutes: float, agents: int) -> None:
    assert fewest(100, patience=patience_minutes * 60).tolist() == [agents]


@pytest.mark.parametrize(
    ("definition", "agents"),
    [
        ("served_within", 98),
        ("short_abandons_dropped", 96),
        ("short_abandons_good", 95),
        ("answered_within", 95),
        ("virtual_wait_within", 97),
    ],
)
def test_each_definition_gives_its_own_headcount(definition: str, agents: int) -> None:
    assert fewest(100, level=definition).tolist() == [agents]


def birth_death(load: float, agents: int, handle: float, patience: float) -> tuple[float, float]:
    """Waiting and abandoned shares straight from the balance equations, in log space."""
    top = agents + int(60 + 12 * math.sqrt(load) + 5 * load * patience / handle)
    states = np.arange(1, top)
    leave = np.minimum(states, agents) / handle + np.maximum(states - agents, 0) / patience
    log_weight = np.concatenate([[0.0], np.cumsum(np.log(load / handle / leave))])
    weight = np.exp(log_weight - log_weight.max())
    share = weight / weight.sum()
    queue = share @ np.maximum(np.arange(top) - agents, 0)
    return float(share[agents:].sum()), float(queue / patience / (load / handle))


@settings(max_examples=60)
@given(st.floats(0.1, 800), st.floats(0.3, 1.6), st.floats(30, 900), st.floats(20, 600))
def test_closed_form_is_the_birth_death_chain(load: float, ratio: float, handle: float, patience: float) -> None:
    agents = max(1, round(load * ratio))
    found = erlang.with_patience(load, agents, handle, patience, 20)
    delayed, abandoned = birth_death(load, agents, handle, patience)
    assert float(found.delayed_ratio) == pytest.approx(delayed, abs=1e-9)
    assert float(found.abandoned_ratio) == pytest.approx(abandoned, abs=1e-9)
    assert float(found.mean_wait_seconds) == pytest.approx(float(found.abandoned_ratio) * patience, rel=1e-9)


@settings(max_examples=60)
@given(st.floats(0.05, 3000), st.floats(30, 1800), st.floats(10, 3600), st.floats(1, 300), st.sampled_from(DEFINITIONS))
def test_more_agents_never_serve_worse(
    load: float, handle: float, patience: float, within: float, definition: str
) -> None:
    agents = np.unique(np.linspace(0, 1.3 * load + 5, 40).round()).astype(int)
    level = erlang.with_patience(load, agents, handle, patience, within).level(definition)
    assert np.all(np.diff(level) > -1e-9)
    assert np.all((level >= -1e-9) & (level <= 1 + 1e-9))


@settings(max_examples=40)
@given(st.floats(0.05, 3000), st.floats(20, 3600), st.floats(0.5, 0.95))
def test_never_more_agents_than_erlang_c(load: float, patience: float, target: float) -> None:
    with_abandonment = fewest(load, patience=patience, target=target)
    assert with_abandonment[0] <= erlang.agents_without_abandonment(np.array([load]), 300, target, 20)[0]


def test_fewest_agents_is_found_from_any_guess() -> None:
    wanted = np.array([1, 2, 7, 100, 4999])
    for guess in (1, 50, 10_000):
        assert erlang.fewest_agents(lambda n: n >= wanted, np.full(5, guess)).tolist() == wanted.tolist()


def test_far_from_balance_nothing_overflows() -> None:
    loads = np.array([1e-6, 0.01, 3000.0, 5000.0, 1e5])
    found = erlang.with_patience(loads, np.array([5000, 1, 1, 4000, 90_000]), 300, 7200, 20)
    for values in vars(found).values():
        assert np.all(np.isfinite(values))
    assert found.abandoned_ratio[2] == pytest.approx(1 - 1 / 3000, abs=1e-6)
