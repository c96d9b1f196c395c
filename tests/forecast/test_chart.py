"""The picture of a forecast: what it compares."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from forecast.epochs import HOUR, epochs
from forecast.evidence import Evidence
from forecast.explain.chart import day_peaks
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
