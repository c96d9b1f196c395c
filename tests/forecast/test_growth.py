"""Growth beyond a week: believed where it proved itself, ignored where it is noise."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from forecast.baseline.growth import Growth, daily_levels, learned_growth, trend_moves, with_growth, year_moves
from forecast.baseline.ridge import Baseline, fit_baseline

UTC = ZoneInfo("UTC")


def hourly(levels: np.ndarray, seed: int = 0) -> pd.DataFrame:
    """A day-and-week rhythm on the given daily log levels."""
    hours = np.arange(len(levels) * 24)
    rhythm = 0.6 * np.sin(2 * np.pi * hours / 24) + 0.2 * ((hours // 24) % 7 >= 5)
    noise = np.random.default_rng(seed).normal(0, 0.02, len(hours))
    index = pd.date_range("2024-01-01", periods=len(hours), freq="h").as_unit("s")
    return pd.DataFrame({"web": 200 * np.exp(np.repeat(levels, 24) + rhythm + noise)}, index=index)


def fitted(frame: pd.DataFrame, lead: int) -> tuple[Baseline, Baseline, Growth]:
    masked = np.zeros(frame.shape, dtype=bool)
    horizon = pd.date_range(frame.index[-1] + pd.Timedelta(hours=1), periods=24 * (lead + 3), freq="h").as_unit("s")
    still = fit_baseline(frame, masked, horizon, UTC, None, lead)
    moved, growth = with_growth(still, frame, masked, lead)
    return still, moved, growth


@pytest.mark.parametrize("lead", [14, 21, 28])
def test_a_shop_that_grows_goes_on_growing_and_slows_down(lead: int) -> None:
    per_day = 0.006
    still, moved, growth = fitted(hourly(per_day * np.arange(150)), lead)
    at = len(still.hours) - 60
    truth = per_day * lead
    gained = float(moved.log_requests_per_second[at, 0] - still.log_requests_per_second[at, 0])
    assert growth.trend_weight > 0.7
    assert 0.4 * truth < gained < truth * 1.05
    assert growth.error_ratio < 1.0
    assert np.all(moved.level_sd <= still.level_sd)


def test_a_level_that_wanders_is_left_where_it_is() -> None:
    wandering = np.cumsum(np.random.default_rng(3).normal(0, 0.02, 200))
    still, moved, growth = fitted(hourly(wandering), 21)
    assert growth.trend_weight < 0.35
    away = np.abs(moved.log_requests_per_second - still.log_requests_per_second).max()
    assert away < 0.1


def test_last_years_rise_before_the_season_comes_again() -> None:
    days = np.arange(2 * 364 + 300)
    season = 0.5 * np.exp(-(((days % 364) - 330) ** 2) / (2 * 12.0**2))
    levels = season + np.random.default_rng(1).normal(0, 0.01, len(days))
    moves = year_moves(levels[:, None], np.array([21.0]))
    truth = 0.5 * (np.exp(-((320 - 330) ** 2) / 288) - np.exp(-((299 - 330) ** 2) / 288))
    assert moves[0, 0] == pytest.approx(truth, abs=0.12)
    assert learned_growth(levels[:, None], 21).year_weight > 0.5


def test_up_to_a_week_nothing_moves() -> None:
    still, moved, growth = fitted(hourly(0.01 * np.arange(90)), 5)
    assert moved is still
    assert growth == Growth()


def test_too_little_history_to_prove_anything_moves_nothing() -> None:
    assert learned_growth(np.zeros((40, 1)), 21) == Growth()
    assert np.all(year_moves(np.zeros((100, 2)), np.array([1.0, 20.0])) == 0)


def test_the_damped_trend_never_runs_away() -> None:
    steep = 0.05 * np.arange(60)[:, None]
    assert trend_moves(steep, np.array([10_000.0]))[0, 0] < 0.05 * 25


def test_masked_days_and_holes_leave_no_nan() -> None:
    frame = hourly(np.zeros(60))
    frame.iloc[100:300] = np.nan
    masked = np.zeros(frame.shape, dtype=bool)
    masked[400:500] = True
    base = fit_baseline(frame, masked, pd.DatetimeIndex([]), UTC, None, 10)
    assert np.isfinite(daily_levels(base, frame, masked)).all()
