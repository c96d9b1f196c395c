import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.scenario import Burst
from loadtest.schedule import burst_arrivals, counts_per_second, even_arrivals, poisson_arrivals, segments_of

RATES = st.lists(st.integers(0, 200), min_size=1, max_size=40).map(lambda r: np.array(r, float))


def test_even_arrivals_put_each_second_s_rate_into_that_second():
    rates = np.array([50.0] * 9 + [400.0] + [50.0] * 10)

    assert counts_per_second(even_arrivals(rates), 20).tolist() == rates.tolist()


def test_half_a_second_of_flash_is_sent_whole():
    rates = np.array([10.0, 400.0, 10.0])
    at = even_arrivals(rates)

    assert ((at >= 1) & (at < 1.5)).sum() == 200


@given(RATES, st.integers(0, 2**32))
def test_poisson_arrivals_rise_and_keep_out_of_seconds_without_rate(rates, seed):
    at = poisson_arrivals(rates, np.random.default_rng(seed))

    assert (np.diff(at) >= 0).all()
    assert not counts_per_second(at, len(rates))[rates == 0].any()


def test_poisson_counts_have_the_curve_s_mean_and_a_dispersion_of_one():
    rates = np.array([40.0, 160.0] * 2000)
    counts = counts_per_second(poisson_arrivals(rates, np.random.default_rng(5)), len(rates))

    assert abs(counts[1::2].mean() - 160) < 4 * np.sqrt(160 / 2000)
    assert abs(counts[::2].var() / counts[::2].mean() - 1) < 0.15


@given(RATES)
def test_segments_give_the_rates_back(rates):
    segments = segments_of(rates)

    assert [s.arrivals_per_second for s in segments for _ in range(s.seconds)] == rates.tolist()
    assert [s.from_seconds for s in segments][1:] == np.cumsum([s.seconds for s in segments])[:-1].tolist()


def test_a_burst_of_half_a_second_is_whole_and_where_it_belongs():
    burst = Burst(from_seconds=9.3, seconds=0.5, arrivals_per_second=800)
    even, drawn = burst_arrivals(burst, None), burst_arrivals(burst, np.random.default_rng(0))

    assert len(even) == 400
    assert (even.min(), even.max()) == pytest.approx((9.3 + 0.5 / 800, 9.8 - 0.5 / 800))
    assert len(drawn) == pytest.approx(400, abs=80)
    assert ((drawn >= 9.3) & (drawn < 9.8)).all()
