"""What one target carries at most, and what more replicas are worth."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaign.capacity import CapacityRange
from loadtest.knee import Step
from loadtest.scaling_law import fit_usl, saturated, saturated_throughput, scaling_of_replicas, throughput

NONE = np.zeros((1, 1), np.int64), np.ones(1)


def _step(came: float, done: float, mean_ms: float = 20.0, seconds: int = 1) -> Step:
    return Step(came, mean_ms, 0.1, *NONE, np.full(seconds, came), np.full(seconds, done))


def test_usl_keeps_silent_without_a_saturated_step():
    n = np.array([1, 4, 8, 16, 32, 64.0])
    x = throughput(n, (100, 0.2, 0.001))
    steps = [_step(v, v, 1000 * k / v) for k, v in zip(n, x, strict=True)]
    assert fit_usl(steps) is None

    usl = fit_usl([*steps[:-1], _step(600, float(x[-1]), 1000 * 64 / float(x[-1]))])
    assert usl is not None
    assert usl.peak_requests_per_second == pytest.approx(
        float(throughput(np.arange(1, 200.0), (100, 0.2, 0.001)).max()), rel=0.02
    )


def test_fewer_requests_than_wanted_by_chance_saturate_nothing():
    assert not saturated(Step(100, 20.0, 0.1, *NONE, np.full(9, 95.0), np.full(9, 95.0)))
    assert saturated(_step(100, 95, seconds=10))


def test_requests_that_a_short_step_cuts_through_saturate_nothing():
    assert not saturated(_step(36, 34.5, mean_ms=38, seconds=2))
    assert saturated(_step(200, 150, mean_ms=400, seconds=3))


def test_what_saturated_steps_replied_to_is_the_throughput():
    done = np.random.default_rng(1).poisson(200, 30).astype(float)
    steps = [_step(150, 150, seconds=30), Step(240, 900.0, 0.1, *NONE, np.full(30, 240.0), done)]
    found = saturated_throughput(steps, np.random.default_rng(0))

    assert found is not None
    assert found.mid == done.mean()
    assert 190 < found.low < found.mid < found.high < 210
    assert saturated_throughput(steps[:1], np.random.default_rng(0)) is None


def _exact(value: float) -> CapacityRange:
    return CapacityRange(low=value * 0.999, mid=value, high=value * 1.001)


@settings(max_examples=25)
@given(st.floats(10, 1e4), st.floats(0, 0.5), st.floats(0, 0.1))
def test_the_law_over_replicas_is_found_again_from_exact_figures(one, contention, coherency):
    n = np.array([1.0, 2.0, 4.0])
    carried = {int(k): _exact(float(x)) for k, x in zip(n, throughput(n, (one, contention, coherency)), strict=True)}
    found = scaling_of_replicas(carried, np.random.default_rng(0))

    assert found is not None
    assert found.requests_per_second_of_one.mid == pytest.approx(one, rel=1e-6)
    assert found.contention.mid == pytest.approx(contention, abs=1e-6)
    assert found.coherency.mid == pytest.approx(coherency, abs=1e-6)
    assert [e.replicas for e in found.expected] == [8, 16]
    assert found.expected[0].efficiency_ratio.mid == pytest.approx(1 / (1 + 7 * contention + 56 * coherency))


def test_two_numbers_of_replicas_say_nothing_about_a_third():
    assert scaling_of_replicas({1: _exact(100), 4: _exact(300)}, np.random.default_rng(0)) is None


def test_the_interval_of_what_eight_replicas_are_worth_covers_the_truth():
    truth, n, rng = (200.0, 0.06, 0.004), np.array([1.0, 2.0, 4.0]), np.random.default_rng(5)
    expected = 1 / (1 + 7 * truth[1] + 56 * truth[2])
    covered = 0
    for _ in range(50):
        carried = {}
        for k, x in zip(n, throughput(n, truth), strict=True):
            steps = [Step(1.2 * x, 900.0, 0.1, *NONE, np.full(20, 1.2 * x), rng.poisson(x, 20).astype(float))]
            carried[int(k)] = saturated_throughput(steps, rng)
        found = scaling_of_replicas(carried, rng)
        covered += found.expected[0].efficiency_ratio.low <= expected <= found.expected[0].efficiency_ratio.high
    assert covered >= 44


def test_figures_whose_seconds_never_differ_still_leave_what_two_runs_differ_by():
    carried = {k: CapacityRange(low=x, mid=x, high=x) for k, x in ((1, 50.0), (2, 90.8), (4, 147.2))}
    eight = scaling_of_replicas(carried, np.random.default_rng(0)).expected[0].efficiency_ratio

    assert eight.high - eight.low > 0.05
