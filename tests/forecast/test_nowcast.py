"""The re-forecast: one of the paths plays reality, and the others must move toward it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from numpy.typing import NDArray

from campaign.traffic import LiveSettings, PhaseWidth, TrafficPaths
from forecast.backtest.live import (
    DRIFT_SD,
    DRIFT_SECONDS,
    HALF_LIVES_SECONDS,
    LAGS_SECONDS,
    LOOKS,
    OF_MEAN,
    WIDTH_PATHS,
    LiveScore,
    changes,
    coarser,
    drift_of,
    live_scores,
    live_settings,
    own_widths,
    surely_best,
    tried,
)
from forecast.nowcast import HALF_LIFE_SECONDS, UNTAUGHT, answer, drifting, interval_quantiles, nowcast, width_ratio

Floats = NDArray[np.float64]

STARTS = datetime(2026, 11, 10, 12, tzinfo=UTC)
MINUTES = 360
ENDS = STARTS + timedelta(minutes=MINUTES)


def paths(count: int = 600) -> TrafficPaths:
    """A shared level per path on two services, and each minute's own noise."""
    rng = np.random.default_rng(0)
    level = rng.normal(0, 0.3, (count, 1, 1))
    noise = rng.normal(0, 0.03, (count, 2, MINUTES))
    rates = np.exp(np.log([[[500.0], [50.0]]]) + level + noise)
    times = np.datetime64(STARTS.replace(tzinfo=None), "s") + 60 * np.arange(MINUTES)
    return TrafficPaths(rates.astype(np.float32), ("web", "orders"), times, np.full(MINUTES, 60))


def taught(**known: object) -> LiveSettings:
    """What is taken where nothing was learned, but for some of it."""
    return UNTAUGHT.model_copy(update=known)


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


def test_a_source_that_has_been_silent_for_days_leaves_numbers() -> None:
    hours = 24 * 20
    rates = np.exp(np.random.default_rng(1).normal(5.0, 0.2, (50, 1, hours))).astype(np.float32)
    times = np.datetime64(STARTS.replace(tzinfo=None), "s") + 3600 * np.arange(hours)
    long = TrafficPaths(rates, ("web",), times, np.full(hours, 3600))
    actual = np.where(np.arange(hours) < 24, 200.0, np.nan)
    moved = nowcast(long, {"web": actual}, STARTS + timedelta(days=15), tried(HALF_LIVES_SECONDS[0]))
    assert np.isfinite(moved.requests_per_second).all()


def test_a_wider_range_keeps_its_middle() -> None:
    seen = {"web": np.full(MINUTES, 600.0)}
    now = STARTS + timedelta(hours=1)
    plain, wide = (nowcast(paths(), seen, now, taught(scale_ratio=scale)) for scale in (1.0, 2.0))
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


def scores(minutes_to_forget: float) -> list[LiveScore]:
    found = []
    for seed in range(12):
        made = wandering(300, minutes_to_forget, seed)
        others = TrafficPaths(made.requests_per_second[1:], made.services, made.starts_at_utc, made.seconds)
        actual = {"web": made.requests_per_second[0, 0].astype(float)}
        found.append(live_scores(others, actual, STARTS, ENDS))
    return found


def learned_from(found: list[LiveScore]) -> LiveSettings:
    return live_settings(found, paths(), STARTS, ENDS)


def test_a_level_that_stays_is_averaged_over_longer_than_one_that_wanders() -> None:
    quick, slow = learned_from(scores(20.0)), learned_from(scores(5000.0))
    assert slow.half_life_seconds > quick.half_life_seconds
    assert quick.half_life_seconds in HALF_LIVES_SECONDS
    assert quick.campaigns == slow.campaigns == 12


def missed(times: float, minute: float = 1.0) -> LiveScore:
    """A campaign whose hours were missed by so many times the standard deviation that the paths have themselves, with
    any half-life, whose minutes lay so many times further off their hours, and which strayed as the paths do."""
    hours, own = own_widths(few(), STARTS, ENDS, tried(HALF_LIFE_SECONDS, *learned_drift([])))
    return LiveScore(np.tile(hours / OF_MEAN * times, (len(HALF_LIVES_SECONDS), 1)), STRAYED, own * minute**2)


STRAYED = np.full(len(LAGS_SECONDS), np.nan)


def few() -> TrafficPaths:
    """As many paths as settings are learned from."""
    forecast = paths()
    return replace(forecast, requests_per_second=forecast.requests_per_second[:WIDTH_PATHS])


def strayed_by(forecast: TrafficPaths) -> Floats:
    """As far as these paths stray from their middle."""
    rough, _ = coarser(forecast, {})
    logs = np.log(rough.requests_per_second.sum(axis=1, dtype=np.float64))
    return changes(logs - np.median(logs, axis=0), rough, STARTS, ENDS)


def learned_drift(strayed: list[Floats]) -> tuple[float, float]:
    return drift_of(few(), strayed, STARTS, ENDS)


def test_ranges_as_wide_as_earlier_misses_stay_and_narrow_ones_are_widened() -> None:
    assert learned_from([missed(1.0)] * 20).scale_ratio == pytest.approx(1.0)
    assert learned_from([missed(2.0)] * 20).scale_ratio == pytest.approx((2 + 40) / 22)
    assert learned_from([missed(2.0)]).scale_ratio == pytest.approx((2 + 2) / 3)


def test_however_narrow_a_forecast_was_made_its_hours_get_as_wide_as_earlier_misses() -> None:
    forecast = few()
    middle = np.median(forecast.requests_per_second, axis=0)
    narrowed = (middle * (forecast.requests_per_second / middle) ** 0.6).astype(np.float32)
    narrow = replace(forecast, requests_per_second=narrowed)
    hours, minutes = own_widths(forecast, STARTS, ENDS, tried(HALF_LIFE_SECONDS, 0.0))
    calm = LiveScore(np.tile(hours / OF_MEAN, (len(HALF_LIVES_SECONDS), 1)), strayed_by(forecast), minutes)
    found = live_settings([calm] * 1000, narrow, STARTS, ENDS)
    without = own_widths(narrow, STARTS, ENDS, tried(HALF_LIFE_SECONDS, found.drift_sd, found.drift_seconds))[0]
    ratios = [phase.scale_ratio for phase in found.phases]
    assert without.mean() < 0.9 * hours.mean()
    assert ratios * without == pytest.approx(hours, rel=0.02)


def test_minutes_as_far_off_their_hour_as_paths_have_it_are_not_widened_and_others_by_what_is_missing() -> None:
    _, own = own_widths(few(), STARTS, ENDS, tried(HALF_LIFE_SECONDS, *learned_drift([])))
    same, further = (learned_from([missed(1.0, times)] * 1000) for times in (1.0, 3.0))
    assert (same.minute_sd_up, same.minute_sd_down) == pytest.approx((0.0, 0.0), abs=1e-3)
    assert further.minute_sd_up == pytest.approx(np.sqrt(8 * own[0]), rel=0.01)
    assert further.minute_sd_down == pytest.approx(np.sqrt(8 * own[1]), rel=0.01)


def test_hours_teach_nothing_about_minutes() -> None:
    made = wandering(50, 200.0, 0)
    hourly = made.requests_per_second.reshape(50, 1, -1, 60).mean(axis=3)
    by_hour = TrafficPaths(hourly, made.services, made.starts_at_utc[::60], np.full(MINUTES // 60, 3600))
    score = live_scores(by_hour, {"web": hourly[0, 0].astype(float)}, STARTS, ENDS)
    assert np.isnan(score.apart).all()
    learned = live_settings([score] * 5, by_hour, STARTS, ENDS)
    assert (learned.minute_sd_up, learned.minute_sd_down) == (0.0, 0.0)


def test_without_past_campaigns_the_usual_half_life_and_walk_hold() -> None:
    none = learned_from([])
    assert (none.half_life_seconds, none.scale_ratio, none.campaigns) == (HALF_LIFE_SECONDS, 1.0, 0)
    assert none.drift_sd == pytest.approx(DRIFT_SD, rel=0.05)
    assert none.drift_seconds == DRIFT_SECONDS
    unknown = LiveScore(np.full((len(HALF_LIVES_SECONDS), len(LOOKS)), np.nan), STRAYED, np.full(2, np.nan))
    assert learned_from([unknown]) == none


def test_what_is_half_believed_moves_the_rest_half_as_far() -> None:
    seen, now = {"web": np.full(MINUTES, 900.0)}, STARTS + timedelta(hours=1)
    moved = [nowcast(paths(), seen, now, taught(gain_ratio=gain)).requests_per_second for gain in (0.0, 0.5, 1.0)]
    none, half, whole = (np.log(np.median(each[:, 0, :30], axis=0)).mean() for each in moved)
    assert none == pytest.approx(np.log(500), abs=0.03)
    assert half == pytest.approx((none + whole) / 2, abs=0.02)


def fading(seed: int) -> tuple[TrafficPaths, dict[str, Floats]]:
    """Paths whose level lasts, and what came, whose level does not."""
    rng = np.random.default_rng(seed)
    lasting = 500.0 * np.exp(rng.normal(0, 0.3, (300, 1, 1)) + rng.normal(0, 0.02, (300, 1, MINUTES)))
    real = wandering(2, 90.0, seed)
    believed = TrafficPaths(lasting.astype(np.float32), ("web",), real.starts_at_utc, real.seconds)
    return believed, {"web": real.requests_per_second[0, 0].astype(float)}


def test_where_a_level_fades_that_paths_take_for_lasting_less_of_it_is_believed_the_further_ahead() -> None:
    known = [fading(seed) for seed in range(20)]
    found = [live_scores(*each, STARTS, ENDS) for each in known[:12]]
    now, gained = STARTS + timedelta(hours=2), []
    for believed, _ in known[12:]:
        seen, lived = {"web": np.full(MINUTES, 900.0)}, live_settings(found, believed, STARTS, ENDS)
        moved = [nowcast(believed, seen, now, each).requests_per_second[:, 0] for each in (lived, UNTAUGHT)]
        middles = [np.log(np.median(each, axis=0) / 500.0) for each in moved]
        gained.append([[middle[:10].mean(), middle[-60:].mean()] for middle in middles])
    (soon, late), (trusting_soon, trusting_late) = np.mean(gained, axis=0)
    assert soon == pytest.approx(trusting_soon, rel=0.15)
    assert late < 0.7 * trusting_late


def test_a_campaign_whose_course_strays_from_every_path_stays_inside_hours_later() -> None:
    """What paths of one shape cannot know: minutes three hours ahead, in the band eight times in ten, about."""
    known = [fading(seed) for seed in range(60)]
    found = [live_scores(*each, STARTS, ENDS) for each in known[:12]]
    now, inside = STARTS + timedelta(hours=2), []
    for believed, came in known[12:]:
        row = []
        for each in (live_settings(found, believed, STARTS, ENDS), UNTAUGHT):
            moved = nowcast(believed, came, now, each)
            low, _, high, _ = interval_quantiles(moved.requests_per_second[:, 0].astype(float), moved.seconds, each)
            row.append(((came["web"][120:] >= low) & (came["web"][120:] <= high)).mean())
        inside.append(row)
    learned, trusting = np.mean(inside, axis=0)
    assert trusting < 0.4
    assert 0.7 < learned < 0.92


def test_the_walk_that_paths_lack_is_found_and_none_where_they_stray_as_much() -> None:
    lags = np.array(LAGS_SECONDS)
    seen = np.where(lags < MINUTES * 60, 0.2 * np.sqrt(2 * (1 - np.exp(-lags / 4800.0))) / OF_MEAN, np.nan)
    deviation, memory = learned_drift([seen] * 1000)
    assert deviation == pytest.approx(0.2, rel=0.1)
    assert memory == 4800.0
    assert learned_drift([strayed_by(few())] * 1000)[0] < 0.02


def test_a_walk_takes_the_place_of_what_lasts_and_widens_nothing_before_anything_is_seen() -> None:
    forecast = paths()
    plain = np.log(forecast.requests_per_second).std(axis=0)
    whole = drifting(forecast, taught(drift_sd=0.2, drift_seconds=3600.0), 0).std(axis=0)
    assert whole.mean() == pytest.approx(plain.mean(), rel=0.03)


WALKING = UNTAUGHT.model_copy(update={"drift_sd": 0.15, "drift_seconds": 3600.0})


def test_the_more_is_seen_the_narrower_the_rest() -> None:
    forecast = wandering(800, 600.0, 3)
    came = {"web": forecast.requests_per_second[0, 0].astype(float)}
    others = replace(forecast, requests_per_second=forecast.requests_per_second[1:])
    widths = []
    for hours in (0.5, 1, 2, 3, 4, 5):
        moved = nowcast(others, came, STARTS + timedelta(hours=hours), WALKING)
        low, high = np.quantile(np.log(moved.requests_per_second[:, 0, -60:]), [0.1, 0.9], axis=0)
        widths.append((high - low).mean())
    assert (np.diff(widths) < 0.01).all()
    assert widths[-1] < 0.9 * widths[0]


def test_the_band_begins_at_what_is_being_seen_and_opens_from_there() -> None:
    for level in (250.0, 500.0, 900.0):
        moved = nowcast(paths(), {"web": np.full(MINUTES, level)}, STARTS + timedelta(hours=2), WALKING)
        low, middle, high = np.quantile(moved.requests_per_second[:, 0], [0.1, 0.5, 0.9], axis=0)
        assert middle[:5].mean() == pytest.approx(level, rel=0.06)
        assert low[:5].mean() < level < high[:5].mean()
        widths = np.log(high / low)
        assert widths[:10].mean() < widths[60:70].mean() <= widths[-60:].mean() + 0.02


def test_where_nothing_differs_from_the_forecast_its_middle_stays() -> None:
    forecast = paths()
    middle = np.median(forecast.requests_per_second, axis=0).astype(float)
    along = dict(zip(forecast.services, middle, strict=True))
    moved = nowcast(forecast, along, STARTS + timedelta(hours=2), WALKING)
    assert np.median(moved.requests_per_second, axis=0) == pytest.approx(middle[:, 120:], rel=0.04)


@pytest.mark.parametrize("level", [0.0, 1e-9, 1e9])
def test_whatever_comes_the_re_forecast_is_made_of_numbers_that_are_not_negative(level: float) -> None:
    moved = nowcast(paths(), {"web": np.full(MINUTES, level)}, STARTS + timedelta(hours=5), WALKING)
    assert np.isfinite(moved.requests_per_second).all()
    assert (moved.requests_per_second >= 0).all()


def test_hours_into_a_campaign_the_paths_stay_apart() -> None:
    """No path is dropped or weighed: nothing degenerates, however far from the forecast and however long."""
    moved = nowcast(paths(), {"web": np.full(MINUTES, 2000.0)}, STARTS + timedelta(hours=5, minutes=30), WALKING)
    last = moved.requests_per_second[:, 0, -1]
    assert len(np.unique(last)) > 0.99 * len(last)
    assert np.log(last).std() > 0.5 * WALKING.drift_sd * np.sqrt(1 - np.exp(-2 * 1800 / 3600))


def test_the_range_is_as_wide_as_re_forecasts_missed_at_the_same_phase_and_never_wider_later() -> None:
    calm = missed(1.0)
    by_phase = np.array([1.5, 1.0, 1.0, 0.5])
    early, late = (replace(calm, errors=calm.errors * ratios) for ratios in (by_phase, by_phase[::-1]))
    hours, _ = own_widths(few(), STARTS, ENDS, tried(HALF_LIFE_SECONDS, *learned_drift([])))
    ratios = [phase.scale_ratio for phase in learned_from([early] * 200).phases]
    assert ratios == pytest.approx(np.maximum(by_phase, 0.6), rel=0.05)
    for found in (learned_from([early] * 200), learned_from([late] * 200)):
        assert (np.diff(hours * [phase.scale_ratio for phase in found.phases]) < 1e-9).all()


def test_between_two_phases_the_widening_lies_between_theirs() -> None:
    at = (STARTS + timedelta(hours=1), STARTS + timedelta(hours=3))
    phases = tuple(PhaseWidth(at_utc=time, scale_ratio=ratio) for time, ratio in zip(at, (1.0, 2.0), strict=True))
    settings = taught(phases=phases, scale_ratio=1.5)
    found = [width_ratio(settings, STARTS + timedelta(hours=hours)) for hours in (0, 1, 2, 3, 5)]
    assert found == pytest.approx([1.0, 1.0, 1.5, 2.0, 2.0])
    assert width_ratio(taught(scale_ratio=1.3), STARTS) == 1.3


def test_the_usual_half_life_gives_way_to_a_surely_better_one_only() -> None:
    rng = np.random.default_rng(0)
    same = 0.2 * np.exp(rng.normal(0, 0.3, (10, 1))) * np.ones((10, len(HALF_LIVES_SECONDS)))
    usual = HALF_LIVES_SECONDS.index(HALF_LIFE_SECONDS)
    lucky, better = same.copy(), same.copy()
    lucky[0, 4] *= 0.5
    better[:, 3] *= 0.9
    assert surely_best(same) == surely_best(lucky[:1]) == usual
    assert surely_best(better) == 3


def too_narrow(seed: int) -> tuple[TrafficPaths, dict[str, Floats]]:
    """Paths half as wide as what comes."""
    made = wandering(300, 200.0, seed)
    middle = np.median(made.requests_per_second[1:], axis=0)
    narrow = (middle * (made.requests_per_second[1:] / middle) ** 0.5).astype(np.float32)
    return replace(made, requests_per_second=narrow), {"web": made.requests_per_second[0, 0].astype(float)}


def test_the_width_found_covers_what_comes() -> None:
    """Paths half as wide as reality: after the correction p90 holds nine times in ten again, about."""
    found = [live_scores(*too_narrow(seed), STARTS, ENDS) for seed in range(12)]
    lived, inside = live_settings(found, too_narrow(12)[0], STARTS, ENDS), []
    for seed in range(12, 72):
        others, actual = too_narrow(seed)
        row = []
        for settings in (lived, UNTAUGHT):
            moved = nowcast(others, actual, STARTS + timedelta(hours=2), settings)
            _, _, high, _ = interval_quantiles(moved.requests_per_second[:, 0].astype(float), moved.seconds, settings)
            row.append((actual["web"][120:] <= high).mean())
        inside.append(row)
    learned, believed = np.mean(inside, axis=0)
    assert believed < 0.8 < 0.84 < learned < 0.95


def test_an_answer_worked_out_beforehand_is_the_quantile_of_the_re_forecast_for_whatever_comes() -> None:
    forecast, now = paths(), STARTS + timedelta(hours=2)
    learned = taught(half_life_seconds=900, scale_ratio=1.3, gain_ratio=0.8, drift_sd=0.15)
    found = answer(forecast, now, 0.9, learned)
    assert found is not None
    came = np.random.default_rng(1).uniform(100, 900, (2, 2, 120))
    for campaign, rates in zip(came, found.rates(came), strict=True):
        actual = {"web": campaign[0], "orders": campaign[1]}
        whole = {name: np.concatenate([values, np.full(MINUTES - 120, np.nan)]) for name, values in actual.items()}
        moved = nowcast(forecast, whole, now, learned)
        expected = np.quantile(np.log(moved.requests_per_second), 0.9, axis=0)
        assert np.log(rates) == pytest.approx(expected, abs=1e-5)


RESTLESS = LiveSettings(half_life_seconds=900, scale_ratio=1.3, campaigns=4, minute_sd_up=0.2, minute_sd_down=0.1)
CALM = RESTLESS.model_copy(update={"minute_sd_up": 0.0, "minute_sd_down": 0.0})


def test_an_answer_knows_how_far_minutes_lie_off_their_hour() -> None:
    forecast, now = paths(), STARTS + timedelta(hours=2)
    found = answer(forecast, now, 0.9, RESTLESS)
    assert found is not None
    came = np.full((1, 2, 120), 300.0)
    whole = {name: np.full(MINUTES, 300.0) for name in forecast.services}
    moved = nowcast(forecast, whole, now, RESTLESS)
    _, _, p90, _ = interval_quantiles(moved.requests_per_second.astype(float), moved.seconds, RESTLESS)
    assert np.log(found.rates(came)[0]) == pytest.approx(np.log(p90), abs=1e-5)


def test_minutes_are_widened_by_their_own_deviation_as_variances_add_and_keep_their_middle() -> None:
    draws, seconds = paths().requests_per_second.astype(float), np.full(MINUTES, 60)
    calm, restless = (np.log(interval_quantiles(draws, seconds, each)) for each in (CALM, RESTLESS))
    assert restless[1] == pytest.approx(calm[1])
    up, down = (each[2] - each[1] for each in (calm, restless)), (each[1] - each[0] for each in (calm, restless))
    for (before, after), own in ((up, 0.2), (down, 0.1)):
        assert after**2 - before**2 == pytest.approx((1.2816 * own) ** 2 * 59 / 60, rel=1e-3)


def test_widening_intervals_leaves_hours_as_they_were() -> None:
    draws = paths().requests_per_second.reshape(600, 2, -1, 60).mean(axis=3).astype(float)
    hours = np.full(MINUTES // 60, 3600)
    calm, restless = (interval_quantiles(draws, hours, each) for each in (CALM, RESTLESS))
    assert restless == pytest.approx(calm, rel=1e-12)


def test_the_longer_an_interval_the_less_of_its_own_deviation_is_left() -> None:
    draws = np.exp(np.random.default_rng(0).normal(5, 0.1, (500, 1)))
    lengths = (60, 300, 900, 1800, 3600, 7200)
    highs = [interval_quantiles(draws, np.array([length]), RESTLESS)[2, 0] for length in lengths]
    assert highs[:5] == sorted(highs[:5], reverse=True)
    assert highs[4] == highs[5] == pytest.approx(np.quantile(draws, 0.9))


@pytest.mark.parametrize("level", [0.0, 1e-9, 1e-3, 1e6])
def test_quantiles_of_intervals_keep_their_order_and_are_never_negative(level: float) -> None:
    draws = level * np.random.default_rng(1).exponential(1.0, (400, 50)) ** 3
    draws[:200, :10] = 0.0
    found = interval_quantiles(draws, np.full(50, 60), RESTLESS)
    assert (np.diff(found, axis=0) >= 0).all()
    assert (found >= 0).all()
    assert np.isfinite(found).all()


def restless(seed: int) -> tuple[TrafficPaths, dict[str, np.ndarray]]:
    """Paths of which one comes, but for deviations of its minutes that last three minutes and that no path knows."""
    rng = np.random.default_rng(seed)
    level = rng.normal(0, 0.2, (250, 1, 1)) + rng.normal(0, 0.1, (250, 1, MINUTES // 60)).repeat(60, axis=2)
    rates = 500.0 * np.exp(level + rng.normal(0, 0.03, (250, 1, MINUTES)))
    own, keep = np.zeros(MINUTES), np.exp(-1 / 3)
    for i in range(1, MINUTES):
        own[i] = keep * own[i - 1] + 0.25 * np.sqrt(1 - keep**2) * rng.normal()
    times = paths(1).starts_at_utc
    known = TrafficPaths(rates[1:].astype(np.float32), ("web",), times, np.full(MINUTES, 60))
    return known, {"web": rates[0, 0] * np.exp(own)}


def test_eight_of_ten_minutes_come_inside_the_band_of_intervals_where_the_paths_alone_hold_fewer() -> None:
    found, inside = [], []
    for seed in range(40):
        others, actual = restless(seed)
        if seed < 12:
            found.append(live_scores(others, actual, STARTS, ENDS))
            continue
        lived = live_settings(found, others, STARTS, ENDS)
        now = STARTS + timedelta(hours=2)
        moved = nowcast(others, actual, now, lived)
        calm = lived.model_copy(update={"minute_sd_up": 0.0, "minute_sd_down": 0.0})
        draws = moved.requests_per_second[:, 0].astype(float)
        bands = [interval_quantiles(draws, moved.seconds, each) for each in (lived, calm)]
        came = actual["web"][120:]
        inside.append([((came >= band[0]) & (came <= band[2])).mean() for band in bands])
    with_own, without = np.mean(inside, axis=0)
    assert without < 0.7 < 0.75 < with_own < 0.86


def test_settings_of_a_traffic_model_that_was_written_before_minutes_were_learned_are_read() -> None:
    old = LiveSettings.model_validate({"half_life_seconds": 300, "scale_ratio": 1.2, "campaigns": 5})
    assert (old.gain_ratio, old.minute_sd_up, old.minute_sd_down) == (1.0, 0.0, 0.0)
    assert (old.drift_sd, old.phases) == (0.0, ())


def test_there_is_no_answer_while_too_little_is_known() -> None:
    learned = LiveSettings(half_life_seconds=900, scale_ratio=1.0, campaigns=0)
    assert answer(paths(20), STARTS + timedelta(minutes=2), 0.9, learned) is None
