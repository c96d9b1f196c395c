"""The re-forecast: one of the paths plays reality, and the others must move toward it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from campaign.traffic import LiveSettings, TrafficPaths
from forecast.backtest.live import HALF_LIVES_SECONDS, WAYS, coarser, live_scores, live_settings
from forecast.nowcast import HALF_LIFE_SECONDS, answer, nowcast

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


def test_a_wider_range_keeps_its_middle() -> None:
    seen = {"web": np.full(MINUTES, 600.0)}
    now = STARTS + timedelta(hours=1)
    plain, wide = (nowcast(paths(), seen, now, scale_ratio=scale) for scale in (1.0, 2.0))
    middles = [np.median(made.requests_per_second, axis=0) for made in (plain, wide)]
    assert middles[1] == pytest.approx(middles[0], rel=1e-3)
    spreads = [np.log(made.requests_per_second).std(axis=0).mean() for made in (plain, wide)]
    assert spreads[1] == pytest.approx(2 * spreads[0], rel=0.02)


def test_five_minutes_are_the_mean_of_their_minutes() -> None:
    made, actual = coarser(paths(10), {"web": np.arange(MINUTES, dtype=float)})
    assert set(made.seconds.tolist()) == {300}
    assert made.requests_per_second[:, :, 0] == pytest.approx(paths(10).requests_per_second[:, :, :5].mean(axis=2))
    assert actual["web"][1] == 7.0


def wandering(count: int, minutes_to_forget: float, seed: int) -> TrafficPaths:
    """Paths whose common level drifts: what was seen loses its worth after that many minutes."""
    rng = np.random.default_rng(seed)
    keep = np.exp(-1.0 / minutes_to_forget)
    level = np.zeros((count, MINUTES))
    level[:, 0] = rng.normal(0, 0.3, count)
    for i in range(1, MINUTES):
        level[:, i] = keep * level[:, i - 1] + 0.3 * np.sqrt(1 - keep**2) * rng.normal(size=count)
    rates = 500.0 * np.exp(level[:, None, :] + rng.normal(0, 0.25, (count, 1, MINUTES)))
    times = np.datetime64(STARTS.replace(tzinfo=None), "s") + 60 * np.arange(MINUTES)
    return TrafficPaths(rates.astype(np.float32), ("web",), times, np.full(MINUTES, 60))


def scores(minutes_to_forget: float) -> list[np.ndarray]:
    found = []
    for seed in range(12):
        made = wandering(300, minutes_to_forget, seed)
        others = TrafficPaths(made.requests_per_second[1:], made.services, made.starts_at_utc, made.seconds)
        actual = {"web": made.requests_per_second[0, 0].astype(float)}
        found.append(live_scores(others, actual, STARTS, STARTS + timedelta(hours=6)))
    return found


def test_a_level_that_stays_is_averaged_over_longer_than_one_that_wanders() -> None:
    quick, slow = live_settings(scores(20.0)), live_settings(scores(5000.0))
    assert slow.half_life_seconds > quick.half_life_seconds
    assert quick.half_life_seconds in HALF_LIVES_SECONDS
    assert quick.campaigns == slow.campaigns == 12


def test_ranges_that_covered_as_said_stay_and_narrow_ones_are_widened() -> None:
    size = len(WAYS)
    right, wrong = (np.array([np.full(size, 0.1), np.full(size, square)]) for square in (1.0, 6.0))
    assert live_settings([right] * 20).scale_ratio == pytest.approx(1.0)
    assert live_settings([wrong] * 20).scale_ratio == pytest.approx(np.sqrt((5 + 120) / 25))
    assert live_settings([wrong]).scale_ratio < 1.4


def test_without_past_campaigns_the_usual_half_life_holds() -> None:
    none = live_settings([])
    assert (none.half_life_seconds, none.scale_ratio, none.campaigns) == (HALF_LIFE_SECONDS, 1.0, 0)
    unknown = np.full((2, len(WAYS)), np.nan)
    assert live_settings([unknown]) == none


def test_what_is_half_believed_moves_the_rest_half_as_far() -> None:
    seen, now = {"web": np.full(MINUTES, 900.0)}, STARTS + timedelta(hours=1)
    none, half, whole = (
        np.log(np.median(nowcast(paths(), seen, now, gain_ratio=gain).requests_per_second[:, 0, :30], axis=0)).mean()
        for gain in (0.0, 0.5, 1.0)
    )
    assert none == pytest.approx(np.log(500), abs=0.03)
    assert half == pytest.approx((none + whole) / 2, abs=0.02)


def test_where_a_level_fades_that_paths_take_for_lasting_less_of_it_is_believed() -> None:
    found = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        lasting = 500.0 * np.exp(rng.normal(0, 0.3, (300, 1, 1)) + rng.normal(0, 0.02, (300, 1, MINUTES)))
        real = wandering(2, 90.0, seed)
        believed = TrafficPaths(lasting.astype(np.float32), ("web",), real.starts_at_utc, real.seconds)
        came = {"web": real.requests_per_second[0, 0].astype(float)}
        found.append(live_scores(believed, came, STARTS, STARTS + timedelta(hours=6)))
    assert live_settings(found).gain_ratio < 1.0


def test_the_width_found_covers_what_comes() -> None:
    """Paths half as wide as reality: after the correction p90 holds nine times in ten again, about."""
    found, inside = [], []
    for seed in range(30):
        made = wandering(300, 200.0, seed)
        middle = np.median(made.requests_per_second[1:], axis=0)
        narrow = (middle * (made.requests_per_second[1:] / middle) ** 0.5).astype(np.float32)
        others = TrafficPaths(narrow, made.services, made.starts_at_utc, made.seconds)
        actual = {"web": made.requests_per_second[0, 0].astype(float)}
        if seed < 20:
            found.append(live_scores(others, actual, STARTS, STARTS + timedelta(hours=6)))
            continue
        lived = live_settings(found)
        moved = nowcast(others, actual, STARTS + timedelta(hours=2), 0, lived.half_life_seconds, lived.scale_ratio)
        high = np.quantile(moved.requests_per_second[:, 0], 0.9, axis=0)
        inside.append((actual["web"][120:] <= high).mean())
    assert lived.scale_ratio > 1.2
    assert 0.78 < float(np.mean(inside)) <= 1.0


def test_an_answer_worked_out_beforehand_is_the_quantile_of_the_re_forecast_for_whatever_comes() -> None:
    forecast, now = paths(), STARTS + timedelta(hours=2)
    learned = LiveSettings(half_life_seconds=900, scale_ratio=1.3, campaigns=2, gain_ratio=0.8)
    found = answer(forecast, now, 0.9, learned)
    assert found is not None
    came = np.random.default_rng(1).uniform(100, 900, (2, 2, 120))
    for campaign, rates in zip(came, found.rates(came), strict=True):
        actual = {"web": campaign[0], "orders": campaign[1]}
        whole = {name: np.concatenate([values, np.full(MINUTES - 120, np.nan)]) for name, values in actual.items()}
        moved = nowcast(forecast, whole, now, half_life_seconds=900, scale_ratio=1.3, gain_ratio=0.8)
        expected = np.quantile(np.log(moved.requests_per_second), 0.9, axis=0)
        assert np.log(rates) == pytest.approx(expected, abs=1e-5)


def test_there_is_no_answer_while_too_little_is_known() -> None:
    learned = LiveSettings(half_life_seconds=900, scale_ratio=1.0, campaigns=0)
    assert answer(paths(20), STARTS + timedelta(minutes=2), 0.9, learned) is None
