"""What drives the result: drawn ranges, their shares of the variance, and what to measure next."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from scipy.stats import triang

from playbooks.rehearsal.inputs import Inputs, on_paths, rehearse
from playbooks.rehearsal.judging import lost_orders
from playbooks.rehearsal.measuring import drivers, measure_next, rank_shares
from playbooks.rehearsal.sampling import Uncertain, even_draws, triangular
from playbooks.simulation.fleet import Demand, Fleet
from playbooks.simulation.retries import NO_RETRIES

PATHS, MINUTES = 200, 10


def event(demand_sd: float, capacity_sd: tuple[float, float]) -> Inputs:
    """Two services under the same load, ten replicas of about 100 each; how much varies is given."""
    rng = np.random.default_rng(3)
    size = 950 * np.exp(demand_sd * rng.standard_normal(PATHS))
    demand = np.repeat(np.stack([size, size])[:, :, None], MINUTES, axis=2).astype(np.float32)
    capacity = np.stack([100 * np.exp(sd * rng.standard_normal(PATHS)) for sd in capacity_sd])
    return Inputs(
        services=("checkout", "coupon"),
        starts_at_utc=datetime(2026, 11, 10, 12, 0, tzinfo=UTC),
        demand=Demand(demand),
        fleets=tuple(Fleet(row, 100.0, np.full(MINUTES, 10), target_ratio=None) for row in (0, 1)),
        limits=(),
        error_ratios=(0.001, 0.001),
        orders_per_request=(0.1, 0.1),
        costs_per_replica_hour=(3.0, 3.0),
        retries=NO_RETRIES,
        uncertain=Uncertain(capacity, np.ones(PATHS), even_draws(rng, PATHS)),
    )


def test_draws_are_even_and_a_range_is_a_triangle() -> None:
    draws = even_draws(np.random.default_rng(1), 1000)
    assert np.sort(draws) == pytest.approx((np.arange(1000) + 0.5) / 1000)
    found = triangular(80.0, 100.0, 130.0, draws)
    assert found.mean() == pytest.approx(triang.mean(0.4, 80, 50), rel=1e-3)
    assert found.min() > 80
    assert found.max() < 130
    assert triangular(5.0, 5.0, 5.0, draws).tolist() == [5.0] * 1000


def test_shares_of_variance_are_those_of_a_known_sum() -> None:
    rng = np.random.default_rng(2)
    drawn = rng.standard_normal((3, 4000))
    shares = rank_shares(drawn, 3 * drawn[0] + drawn[1])
    assert shares == pytest.approx([0.9, 0.1, 0.0], abs=0.03)


@pytest.mark.parametrize(
    ("demand_sd", "capacity_sd", "first", "next_one"),
    [
        (0.02, (0.1, 0.0), ("capacity", "checkout"), "checkout"),
        (0.02, (0.01, 0.1), ("capacity", "coupon"), "coupon"),
        (0.2, (0.02, 0.02), ("demand", ""), None),
    ],
)
def test_what_varies_most_is_named_first(
    demand_sd: float, capacity_sd: tuple[float, float], first: tuple[str, str], next_one: str | None
) -> None:
    inputs = event(demand_sd, capacity_sd)
    found = drivers(inputs, rehearse(inputs), {})
    assert (found[0].kind, found[0].name) == first
    assert found[0].variance_ratio > 0.4
    following = measure_next(found)
    if next_one is not None:
        assert following is not None
        assert next_one in following.en
        assert found[0].breaks_lowest_quarter_ratio > found[0].breaks_highest_quarter_ratio
    else:
        assert found[0].breaks_lowest_quarter_ratio < found[0].breaks_highest_quarter_ratio


def test_without_anything_that_varies_there_is_nothing_to_measure() -> None:
    inputs = event(0.1, (0.0, 0.0))
    found = drivers(inputs, rehearse(inputs), {})
    assert [one.kind for one in found] == ["demand"]
    assert measure_next(found) is None


def test_lost_orders_follow_each_paths_conversion_and_its_own_paths() -> None:
    inputs = event(0.1, (0.1, 0.1))
    assert inputs.uncertain is not None
    plain = lost_orders(inputs, rehearse(inputs))
    inputs.uncertain.conversion[:] = np.linspace(0.5, 1.5, PATHS)
    assert lost_orders(inputs, rehearse(inputs)) == pytest.approx(plain * np.linspace(0.5, 1.5, PATHS), rel=1e-5)
    few = np.array([3, 50, 199])
    chosen = on_paths(inputs, few)
    assert lost_orders(chosen, rehearse(chosen)) == pytest.approx(lost_orders(inputs, rehearse(inputs))[few], rel=1e-5)
