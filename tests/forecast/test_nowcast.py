"""The re-forecast: one of the paths plays reality, and the others must move toward it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from campaign.traffic import TrafficPaths
from forecast.nowcast import nowcast

STARTS = datetime(2026, 11, 10, 12, tzinfo=UTC)
MINUTES = 360


def paths(count: int = 600) -> TrafficPaths:
    """A shared level per path on two services, and each minute's own noise."""
    rng = np.random.default_rng(0)
    level = rng.normal(0, 0.3, (count, 1, 1))
    noise = rng.normal(0, 0.03, (count, 2, MINUTES))
    rates = np.exp(np.log([[[500.0], [50.0]]]) + level + noise)
    times = np.datetime64(STARTS.replace(tzinfo=None), "s") + 60 * np.arange(MINUTES)
    return TrafficPaths(rates.astype(np.float32), ("web", "orders"), times, np.full(MINUTES, 60))


def test_the_rest_of_the_day_follows_what_was_seen() -> None:
    forecast = paths()
    now = STARTS + timedelta(hours=2)
    actual = {"web": np.full(MINUTES, 900.0)}
    moved = nowcast(forecast, actual, now)
    middle = np.median(moved.requests_per_second, axis=0)
    assert moved.starts_at_utc[0] == np.datetime64(now.replace(tzinfo=None), "s")
    assert middle[0, :30].mean() == pytest.approx(900, rel=0.08)
    assert middle[1, :30].mean() == pytest.approx(90, rel=0.08)


def test_knowing_more_narrows_the_range() -> None:
    forecast = paths()
    moved = nowcast(forecast, {"web": np.full(MINUTES, 500.0)}, STARTS + timedelta(hours=2))
    before = forecast.requests_per_second[:, 0, 120:].std(axis=0).mean()
    assert moved.requests_per_second[:, 0, :60].std(axis=0).mean() < 0.4 * before


def test_the_truth_stays_inside_its_interval_about_as_often_as_said() -> None:
    forecast = paths(800)
    inside = []
    for truth in range(60):
        others = np.delete(forecast.requests_per_second, truth, axis=0)
        ensemble = TrafficPaths(others, forecast.services, forecast.starts_at_utc, forecast.seconds)
        actual = {"web": forecast.requests_per_second[truth, 0].astype(float)}
        moved = nowcast(ensemble, actual, STARTS + timedelta(hours=1), seed=truth)
        high = np.quantile(moved.requests_per_second[:, 1], 0.9, axis=0)
        inside.append((forecast.requests_per_second[truth, 1, 60:] <= high).mean())
    assert 0.8 < float(np.mean(inside)) < 0.98


def test_the_future_is_not_looked_at() -> None:
    now = STARTS + timedelta(hours=1)
    seen = np.full(MINUTES, 600.0)
    changed = seen.copy()
    changed[60:] = 5000.0
    one, other = (nowcast(paths(), {"web": values}, now) for values in (seen, changed))
    assert np.array_equal(one.requests_per_second, other.requests_per_second)


def test_too_little_seen_changes_nothing() -> None:
    forecast = paths()
    nothing = nowcast(forecast, {"web": np.full(MINUTES, np.nan)}, STARTS + timedelta(hours=1))
    assert np.array_equal(nothing.requests_per_second, forecast.requests_per_second[:, :, 60:])


def test_minutes_missing_in_between_do_no_harm() -> None:
    seen = np.full(MINUTES, 700.0)
    seen[10:50] = np.nan
    moved = nowcast(paths(), {"web": seen}, STARTS + timedelta(hours=1))
    assert np.isfinite(moved.requests_per_second).all()
    assert np.median(moved.requests_per_second[:, 0, :10]) == pytest.approx(700, rel=0.1)
