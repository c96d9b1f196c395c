"""The picture of a forecast: what it compares."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest

from campaign.traffic import TrafficPaths
from forecast.epochs import HOUR, epochs
from forecast.evidence import Evidence
from forecast.explain.chart import day_peaks, past_total, total_quantiles
from forecast.uplift.episodes import Stretch

SHANGHAI = ZoneInfo("Asia/Shanghai")


def flat_days() -> pd.DataFrame:
    """Three days of a hundred requests per second on two services together."""
    hours = pd.date_range("2026-06-17", periods=72, freq="h")
    return pd.DataFrame({"web": 60.0, "api": 40.0}, index=hours)


def minutes(service: str, rates: list[float]) -> Stretch:
    starts = epochs(pd.date_range("2026-06-18 12:00", periods=len(rates), freq="min"))
    return Stretch(service, starts, np.full(len(rates), 60, dtype=np.int64), np.array(rates))


def test_a_campaigns_day_is_as_high_as_its_busiest_minute_since_the_forecasts_peak_is_a_minute_too() -> None:
    opening = (minutes("web", [60.0, 900.0, 60.0]), minutes("api", [40.0, 600.0, 40.0]))

    found = day_peaks(Evidence(flat_days(), opening), SHANGHAI)

    assert found.loc["2026-06-18"] == 1500.0
    assert found.loc["2026-06-17"] == 100.0


def test_days_are_the_zones_own() -> None:
    busy = flat_days()
    busy.loc["2026-06-17 16:00", "web"] = 960.0

    found = day_peaks(Evidence(busy, (), finest_seconds=HOUR), SHANGHAI)

    assert found.loc["2026-06-17"] == 100.0
    assert found.loc["2026-06-18"] == 1000.0


def test_a_service_that_began_later_hides_no_earlier_day_or_campaign() -> None:
    young = flat_days()
    young.loc[:"2026-06-18", "api"] = float("nan")
    opening = (minutes("web", [60.0, 900.0, 60.0]), minutes("api", [float("nan")] * 3))

    found = day_peaks(Evidence(young, opening), SHANGHAI)

    assert found.loc["2026-06-17"] == 60.0
    assert found.loc["2026-06-18"] == 900.0


def test_a_minute_that_one_service_does_not_know_is_no_peak() -> None:
    gap = (minutes("web", [60.0, 900.0, 60.0]), minutes("api", [40.0, float("nan"), 40.0]))

    found = day_peaks(Evidence(flat_days(), gap), SHANGHAI)

    assert found.loc["2026-06-18"] == 100.0


def test_the_band_begins_where_its_bucket_does_however_long_that_is() -> None:
    seconds = np.array([3600, *[60] * 60, 3600])
    starts = np.datetime64("2026-06-18T11:00") + np.concatenate([[0], np.cumsum(seconds)[:-1]]).astype("timedelta64[s]")
    rates = np.where(seconds == 3600, 50.0, 100.0)[None, None].repeat(2, axis=1).astype(np.float32)

    grid, quantiles = total_quantiles(TrafficPaths(rates, ("web", "api"), starts, seconds))

    assert grid.seconds.tolist() == [3600, *[300] * 12, 3600]
    assert grid.starts[1] - grid.starts[0] == 3600
    assert quantiles[:, 0].tolist() == [100.0] * 4
    assert quantiles[:, 1].tolist() == [200.0] * 4


def test_past_hours_stay_as_high_as_they_were_until_they_end_and_what_is_not_known_is_not_drawn() -> None:
    starts = epochs(pd.date_range("2026-06-18 12:00", periods=3, freq="h"))
    hours = np.full(3, HOUR)
    opening = (
        Stretch("web", starts, hours, np.array([60.0, 900.0, 300.0])),
        Stretch("api", starts, hours, np.array([40.0, 600.0, float("nan")])),
    )

    grid, rates = past_total(Evidence(flat_days(), opening), int(starts[0]), int(starts[-1] + HOUR))

    assert len(grid.starts) == 36
    assert rates[:24].tolist() == pytest.approx([100.0] * 12 + [1500.0] * 12)
    assert np.isnan(rates[24:]).all()
