from datetime import datetime, timedelta, timezone

import numpy as np
import pytest

from campaign.traffic import SecondProfile, TrafficPaths
from loadtest.curves import Curve, chosen_curve, compressed, parts_of, steepest_window, with_flashes

AT = np.datetime64("2026-11-10T12:00:00", "s")


def _paths(rates):
    rates = np.array(rates, np.float32)[:, None, :]
    starts = AT + np.arange(rates.shape[2]) * np.timedelta64(60, "s")
    return TrafficPaths(rates, ("shop",), starts, np.full(rates.shape[2], 60))


def test_a_quantile_curve_is_lifted_to_the_quantile_of_the_peak():
    paths = _paths([[10, 0, 0], [0, 10, 0], [0, 0, 10]])
    curve, lifts = chosen_curve(paths, "p50", {"shop": 10.0})
    assert curve.total.max() == 0

    paths = _paths([[10, 4, 0], [4, 10, 0], [4, 4, 10]])
    curve, lifts = chosen_curve(paths, "p50", {"shop": 10.0})
    assert lifts["shop"] == pytest.approx(2.5)
    assert curve.total.max() == pytest.approx(10)
    assert len(curve.total) == 180


def test_the_worst_path_is_the_one_with_the_highest_total():
    curve, lifts = chosen_curve(_paths([[1, 2, 3], [9, 1, 1], [2, 2, 2]]), "worst", {})

    assert curve.total[[0, 60, 120]].tolist() == [9, 1, 1]
    assert lifts == {"shop": 1.0}


def test_a_flash_keeps_the_requests_of_its_seconds():
    curve = Curve(np.full((1, 120), 30.0), ("shop",), AT)
    moment = datetime(2026, 11, 10, 20, 1, tzinfo=timezone(timedelta(hours=8)))
    flashed = with_flashes(
        curve, [SecondProfile(service="shop", moment=moment, from_seconds=-1, shares=(0.1, 0.7, 0.2))]
    )

    assert flashed.total.sum() == pytest.approx(curve.total.sum())
    assert flashed.total[59:62] == pytest.approx([9, 63, 18])


def test_compression_keeps_rates_and_spares_the_real_time_parts():
    rates = np.concatenate([np.full(100, 10.0), np.full(20, 80.0), np.full(95, 10.0)])
    parts = parts_of(215, [(100, 120)], 10)
    played = compressed(rates[None], parts)[0]

    assert [part.run_seconds for part in parts] == [10, 20, 10]
    assert played.tolist() == [10.0] * 10 + [80.0] * 20 + [10.0] * 10


def test_the_steepest_window_holds_the_moment_and_its_rise():
    total = np.concatenate([np.full(3600, 10.0), np.full(3600, 100.0), np.full(3600, 40.0)])
    first = steepest_window(total, 3600, 3600)

    assert first <= 3300
    assert first + 3600 >= 3900
    assert steepest_window(total[:100], 50, 3600) == 0
