"""How far intervals scatter: busy ones count, sides apart, and a deviation lasts as its hours are alike."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from forecast.baseline.scatter import Scatter, scatter_of, two_sided
from forecast.epochs import HOUR
from forecast.paths.joint import interval_noise

HOURS = 24 * 200


def left(sd: np.ndarray | float, correlation: float = 0.0) -> np.ndarray:
    rng = np.random.default_rng(5)
    found = rng.standard_normal(HOURS)
    for i in range(1, HOURS):
        found[i] = correlation * found[i - 1] + np.sqrt(1 - correlation**2) * found[i]
    return np.asarray(found * sd)


def test_wild_nights_do_not_widen_busy_days() -> None:
    day = np.sin(2 * np.pi * np.arange(HOURS) / 24) > 0
    found = scatter_of(left(np.where(day, 0.1, 0.6)), np.where(day, 4.0, 0.0))
    assert 0.1 <= found.up[0] < 0.15
    assert 0.1 <= found.down[0] < 0.15


def test_days_of_rain_widen_only_the_way_down() -> None:
    both = left(1.0)
    found = scatter_of(np.where(both > 0, 0.1, 0.4) * both, np.zeros(HOURS))
    assert found.up[0] == pytest.approx(0.1, rel=0.1)
    assert found.down[0] == pytest.approx(0.4, rel=0.1)


def test_hours_that_are_not_known_say_nothing() -> None:
    holes = left(0.2)
    holes[::3] = np.nan
    assert scatter_of(holes, np.zeros(HOURS)).up[0] == pytest.approx(0.2, rel=0.1)


@given(correlation=st.floats(0.3, 0.8))
def test_paths_keep_of_an_hour_what_history_keeps(correlation: float) -> None:
    found = scatter_of(left(0.2, correlation), np.zeros(HOURS))
    assert found.correlation[0] == pytest.approx(correlation, abs=0.06)
    drawn = interval_noise(found, np.full(48, HOUR), 400, np.random.default_rng(0))[:, 0]
    assert np.std(drawn) == pytest.approx(1.0, abs=0.05)
    assert np.mean(drawn[:, 1:] * drawn[:, :-1]) == pytest.approx(found.kept_ratio(HOUR)[0], abs=0.06)


def test_each_side_is_stretched_by_its_own_spread() -> None:
    assert two_sided(np.array([-1.0, 0.0, 2.0]), np.array(0.1), np.array(0.5)) == pytest.approx([-0.5, 0.0, 0.2])


def test_services_are_put_side_by_side() -> None:
    one = Scatter(np.array([0.1]), np.array([0.2]), np.array([0.5]), np.array([0.0]))
    assert Scatter.joined([one, one]).down == pytest.approx([0.2, 0.2])
