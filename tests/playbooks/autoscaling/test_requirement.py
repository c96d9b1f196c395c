"""What a minute needs, and the laws it obeys."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import ndtri

from playbooks.autoscaling.requirement import (
    demand_quantile,
    newsvendor_ratio,
    paths_above,
    replicas_for,
    sure_quantile,
    widened,
)
from playbooks.autoscaling.steps import cheapest_cover
from playbooks.rehearsal.certainty import interval
from playbooks.simulation.startup import lead_minutes

paths = arrays(np.float32, st.tuples(st.integers(1, 12), st.integers(2, 12)), elements=st.floats(0, 1e5, width=32))


def floor(
    rates: np.ndarray, quantile_ratio: float = 0.9, capacity: float = 100.0, lead: int = 2, burst: float = 1.0
) -> np.ndarray:
    """What must be ordered in each minute, guard included."""
    return widened(replicas_for(demand_quantile(rates, quantile_ratio) * burst, capacity), 3, lead)


def replica_minutes(need: np.ndarray) -> int:
    return cheapest_cover(need, 3).replica_minutes


@given(paths, st.floats(1, 3))
def test_more_traffic_needs_no_fewer_replicas(rates: np.ndarray, factor: float) -> None:
    less, more = floor(rates), floor(rates * np.float32(factor))
    assert (more >= less).all()
    assert replica_minutes(more) >= replica_minutes(less)


@given(paths, st.floats(0.5, 0.98), st.floats(0.001, 0.019))
def test_a_stricter_risk_needs_no_fewer_replicas(rates: np.ndarray, quantile_ratio: float, stricter: float) -> None:
    less, more = floor(rates, quantile_ratio), floor(rates, quantile_ratio + stricter)
    assert (more >= less).all()
    assert (sure_quantile(rates, quantile_ratio + stricter) >= sure_quantile(rates, quantile_ratio)).all()
    assert replica_minutes(more) >= replica_minutes(less)


@pytest.mark.parametrize(("count", "above"), [(367, -1), (368, 0), (1000, 3), (2000, 11)])
def test_so_many_paths_may_be_above_a_hundredth_that_surely_holds(count: int, above: int) -> None:
    assert paths_above(count, 0.01) == above
    assert interval(above, count).high <= 0.01 if above >= 0 else interval(0, count).high > 0.01
    assert interval(above + 1, count).high > 0.01


def test_what_surely_holds_is_the_path_with_as_many_above_it() -> None:
    rates = np.random.default_rng(0).permutation(2000).astype(np.float32)[:, None]
    assert sure_quantile(rates, 0.99).tolist() == [1999 - 11]
    assert sure_quantile(rates[:300], 0.99).tolist() == [rates[:300].max()]


def test_a_plan_for_what_surely_holds_is_kept_on_other_paths_nearly_always() -> None:
    """The plain quantile is exceeded by more than it says about as often as not, the sure one in 2.5 % of plans."""
    rng = np.random.default_rng(1)
    plans = rng.lognormal(0, 0.3, (2000, 600)).astype(np.float32)
    least = np.exp(0.3 * ndtri(0.99))
    missed = [float((quantile(plans, 0.99) < least).mean()) for quantile in (demand_quantile, sure_quantile)]
    assert 0.35 < missed[0] < 0.65
    assert missed[1] < 0.045


@given(paths, st.floats(20, 200), st.floats(1, 3))
def test_a_smaller_capacity_needs_no_fewer_replicas(rates: np.ndarray, capacity: float, factor: float) -> None:
    less, more = floor(rates, capacity=capacity * factor), floor(rates, capacity=capacity)
    assert (more >= less).all()
    assert replica_minutes(more) >= replica_minutes(less)


@given(paths, st.integers(0, 5), st.integers(0, 5))
def test_a_longer_start_needs_no_fewer_replicas(rates: np.ndarray, lead: int, longer: int) -> None:
    less, more = floor(rates, lead=lead), floor(rates, lead=lead + longer)
    assert (more >= less).all()
    assert replica_minutes(more) >= replica_minutes(less)


@given(paths, st.integers(0, 4), st.integers(0, 4))
def test_a_guarded_floor_carries_a_drop_that_comes_early_or_late(rates: np.ndarray, late: int, early: int) -> None:
    required = replicas_for(demand_quantile(rates, 0.9), 100.0)
    held = widened(required, late, early)
    for shift in range(-early, late + 1):
        moved = required[np.clip(np.arange(len(required)) - shift, 0, len(required) - 1)]
        assert (held >= moved).all()


@pytest.mark.parametrize(
    ("rate", "capacity", "multiple", "replicas"),
    [(0, 100, 1, 0), (1, 100, 1, 1), (100, 100, 1, 1), (101, 100, 1, 2), (401, 100, 3, 6), (600, 100, 2, 6)],
)
def test_whole_replicas_in_whole_multiples(rate: float, capacity: float, multiple: int, replicas: int) -> None:
    assert replicas_for(np.array([float(rate)]), capacity, multiple).tolist() == [replicas]


def test_a_quantile_is_the_next_larger_path() -> None:
    rates = np.array([[10.0], [20.0], [30.0], [40.0]], np.float32)
    assert demand_quantile(rates, 0.5).tolist() == [30.0]
    assert demand_quantile(rates, 0.99).tolist() == [40.0]


def test_lead_is_start_node_and_executor_rounded_up_to_minutes() -> None:
    assert lead_minutes(90, 240, 30) == 6
    assert lead_minutes(91, 240, 30) == 7
    assert lead_minutes(0, 0, 0) == 0


def test_newsvendor_ratio_is_underage_over_both() -> None:
    assert newsvendor_ratio(99.0, 1.0) == pytest.approx(0.99)
