"""Calibration and scoring: what earlier campaigns teach, and nothing that came later."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.traffic import TrafficModel
from forecast.backtest.again import actual_on, last_week, wape
from forecast.backtest.scores_file import interval, score_of
from forecast.epochs import HOUR, moment_of
from forecast.evidence import Evidence
from forecast.paths.calibration import Calibration, Score, calibrated, calibration_from, moved
from forecast.paths.grid import Grid
from forecast.paths.tail import Tail
from forecast.uplift.episodes import Stretch


def score(actual: float, p50: float = 100.0, p90: float = 130.0, kind: str = "sale") -> Score:
    return Score("x", kind, 0.1, actual, p50 * p50 / p90, p50, p90, p90 * 1.2, actual, p50, 0.2, 0.3, 80.0, 8.0)


def test_without_earlier_campaigns_nothing_is_corrected() -> None:
    rates = np.ones((3, 1, 2), dtype=np.float32)
    assert calibrated(rates, calibration_from([], "sale", 8.0)) is rates


def test_peaks_that_always_came_higher_lift_the_forecast_and_many_misses_widen_it() -> None:
    low = calibration_from([score(140.0)] * 12, "sale", 8.0)
    wild = calibration_from([score(190.0), score(60.0)] * 6, "sale", 8.0)
    tame = calibration_from([score(101.0), score(99.0)] * 6, "sale", 8.0)
    assert low.bias > 0.05
    assert wild.scale_ratio(0.2) > 1.5 > 1.0 > tame.scale_ratio(0.2)
    assert abs(wild.bias) < 0.05


def test_a_volume_that_is_right_under_peaks_that_are_not_moves_peaks_alone() -> None:
    peaky = [replace(score(70.0), volume_actual=100.0)] * 12
    made = calibration_from(peaky, "sale", 8.0)
    assert abs(made.bias) < 0.01
    assert made.peak_bias < -0.05


def test_a_habit_of_peaks_is_believed_sooner_the_more_alike_they_are() -> None:
    alike, apart = ([replace(score(p), volume_actual=100.0) for p in peaks] for peaks in ((78.0, 82.0), (55.0, 116.0)))
    believed = [calibration_from(scores * 2, "sale", 8.0).peak_bias for scores in (alike, apart)]
    assert believed[0] < 1.5 * believed[1] < 0.0
    volumes = [replace(score(140.0), volume_actual=140.0), replace(score(70.0), volume_actual=70.0)] * 4
    assert abs(calibration_from(volumes, "sale", 8.0).peak_bias) < 1e-9


def test_campaigns_of_other_kinds_count_less() -> None:
    own, other = (calibration_from([score(140.0, kind=kind)] * 3, "sale", 8.0).bias for kind in ("sale", "tour"))
    assert own > other > 0


def test_paths_are_moved_around_their_middle_and_keep_their_order() -> None:
    rates = np.exp(np.random.default_rng(0).normal(0, 0.3, (501, 1, 4))).astype(np.float32)
    rates[:, 0, 0] *= 50.0
    made = calibrated(rates, Calibration(bias=0.1, miss=0.6, weight=1e9, campaigns=5))
    assert np.median(made, axis=0) == pytest.approx(np.median(rates, axis=0) * np.exp(0.1), rel=0.02)
    assert np.array_equal(np.argsort(rates[:, 0, 0]), np.argsort(made[:, 0, 0]))


@given(peak_bias=st.floats(-1.5, 1.5), miss=st.floats(0.05, 1.0), weight=st.floats(0.0, 20.0))
def test_peaks_of_corrected_paths_are_the_corrected_peaks(peak_bias: float, miss: float, weight: float) -> None:
    rates = np.exp(np.random.default_rng(1).normal(0, 0.4, (101, 2, 6))).astype(np.float32)
    calibration = Calibration(0.1, peak_bias, 0.1, miss, weight, 5, tail=Tail(say_ratio=0.5))
    found = calibrated(rates, calibration).sum(axis=1).max(axis=1)
    assert found == pytest.approx(moved(rates.sum(axis=1).max(axis=1), calibration), rel=1e-3)


def test_lowering_the_peak_leaves_the_order_of_a_path_and_its_quiet_hours() -> None:
    rates = np.linspace(1.0, 100.0, 50, dtype=np.float32)[None, None, :].repeat(3, axis=0)
    made = calibrated(rates, Calibration(peak_bias=-1.2, campaigns=5))
    assert (np.diff(made, axis=-1) > 0).all()
    assert made[0, 0, 0] == pytest.approx(1.0, rel=0.05)


def test_what_came_is_averaged_over_each_interval_and_missing_stays_missing() -> None:
    starts = np.arange(0, 7200, 60, dtype=np.int64)
    rates = np.where(starts < 3600, 10.0, 20.0)
    rates[100] = np.nan
    nothing = pd.DataFrame({"web": []}, index=pd.DatetimeIndex([]))
    evidence = Evidence(nothing, (Stretch("web", starts, np.full(120, 60), rates),))
    grid = Grid(np.array([0, 1800, 3600, 5400]), np.array([1800, 3600, 1800, 1800]))
    found = actual_on(evidence, grid)[0]
    assert found[:3] == pytest.approx([10.0, 15.0, 20.0])
    assert np.isnan(found[3])


def test_last_week_never_looks_past_as_of() -> None:
    hours = np.arange(0, 40 * 24) * HOUR
    hourly = pd.DataFrame({"web": hours / HOUR}, index=pd.DatetimeIndex(hours.astype("datetime64[s]")))
    evidence = Evidence(hourly, ())
    as_of = 20 * 24 * HOUR
    wanted = np.array([as_of + 3 * 24 * HOUR, as_of + 9 * 24 * HOUR])
    found = last_week(evidence, wanted, moment_of(as_of))
    assert found == pytest.approx([(20 + 3 - 7) * 24, (20 + 9 - 14) * 24])


def test_scores_by_hand() -> None:
    assert wape(np.array([1.0, 3.0]), np.array([2.0, 2.0])) == 0.5
    made = score_of(np.array([10.0, 40.0]), np.array([10.0, 30.0]), np.linspace(20.0, 60.0, 401))
    assert (made.within_p90, made.within_p99) == (True, True)
    assert made.peak_error_ratio == 0.0
    assert made.p90_to_peak_ratio == pytest.approx(1.4, rel=0.01)


def test_the_binomial_interval_is_clopper_pearsons() -> None:
    low, high = interval(9, 10)
    assert (low, high) == (pytest.approx(0.5550, abs=1e-4), pytest.approx(0.9975, abs=1e-4))


def test_the_record_of_the_traffic_model_still_reads_files_without_the_newer_keys() -> None:
    assert TrafficModel.model_fields["bridge"].default is None
    assert TrafficModel.model_fields["assumptions_said"].default == ()
