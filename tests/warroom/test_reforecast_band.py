"""The re-forecast's band: by the minute as wide as past campaigns taught, by the hour what the paths say."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from campaign.traffic import LiveSettings, TrafficPaths
from tests.warroom.live_event import LEVEL, START, paths_of
from warroom.live.actions.outcome import over_hour
from warroom.live.expected.reforecast import as_document, reforecast
from warroom.retrospective.timeline import Buckets

NOW = START + timedelta(hours=2)
CALM = LiveSettings(half_life_seconds=1200, scale_ratio=1.0, campaigns=4)
RESTLESS = CALM.model_copy(update={"minute_sd_up": 0.2, "minute_sd_down": 0.1})


def again(settings: LiveSettings | None) -> TrafficPaths:
    starts = int(START.timestamp()) + 60 * np.arange(120)
    came = Buckets(starts, np.full(120, 60), np.full(120, LEVEL * 1.2))
    return reforecast(paths_of(), {"storefront": came}, NOW, settings)


def test_the_band_that_is_watched_is_wider_by_the_minute_and_its_middle_stays() -> None:
    calm, restless = (as_document(again(each), "", each)["services"]["storefront"] for each in (CALM, RESTLESS))
    assert restless["p50"] == calm["p50"]
    assert (np.array(restless["p90"]) > 1.1 * np.array(calm["p90"])).all()
    assert (np.array(restless["p10"]) < 0.95 * np.array(calm["p10"])).all()
    assert (np.diff([restless[name] for name in ("p10", "p50", "p90", "p99")], axis=0) >= 0).all()


def test_the_hour_in_which_a_decision_is_judged_knows_nothing_of_its_minutes() -> None:
    hour = int(NOW.timestamp())
    calm, restless = (over_hour(again(each), "storefront", hour) for each in (CALM, RESTLESS))
    assert np.array_equal(calm, restless)


def test_without_anything_learned_the_band_is_what_the_paths_say() -> None:
    ahead = again(None)
    found = as_document(ahead, "", None)["services"]["storefront"]
    plain = np.quantile(ahead.requests_per_second[:, 0].astype(float), [0.1, 0.5, 0.9, 0.99], axis=0)
    assert list(found.values()) == pytest.approx(plain, rel=1e-5)
