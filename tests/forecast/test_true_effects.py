"""The synthetic shop knows what each channel and moment really does; the forecaster must find it."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from campaign.traffic import Effect, TrafficModel
from campaign.workspace import open_workspace
from forecast.publish import publish_forecast
from surgeplan.examples.double11.campaigns import simulated
from surgeplan.examples.double11.demand import Effect as TrueEffect
from surgeplan.examples.double11.demand import Shop, minute_of, simulate
from surgeplan.examples.double11.truth import NEXT_CAMPAIGN, SERVICES

pytestmark = pytest.mark.slow
NOW = datetime(2026, 11, 8, 12, tzinfo=UTC)
TO_90_PERCENT = 1.6449 / 1.2816


@pytest.fixture(scope="module")
def forecasts(pack: Path, tmp_path_factory: pytest.TempPathFactory) -> list[TrafficModel]:
    """Of the next campaign as its pack has it, three days before, and of the one after it."""
    made = TrafficModel.model_validate_json((pack / "out" / NEXT_CAMPAIGN / "traffic.json").read_text("utf-8"))
    folder = shutil.copytree(pack, tmp_path_factory.mktemp("effects") / "shop")
    return [made, publish_forecast(open_workspace(folder), "double11-2026-livestream", None, NOW)]


@pytest.fixture(scope="module")
def shop() -> Shop:
    return simulate(simulated(), 0)


def interval(effect: Effect) -> tuple[float, float]:
    """The 90 % interval of an effect, from its p10 and p90 on the log scale."""
    found = effect.added_requests_per_second
    low = found.p50 * (found.p10 / found.p50) ** TO_90_PERCENT
    return low, found.p50 * (found.p90 / found.p50) ** TO_90_PERCENT


def found_for(true: TrueEffect, model: TrafficModel) -> Effect | None:
    """The forecast's effect of that driver on that service that is largest soonest after the true one begins."""
    name = "campaign" if true.driver == "plateau" else true.driver
    after = timedelta(0) if true.driver != "plateau" else timedelta(hours=-1)
    same = [e for e in model.effects if e.driver == name and e.service == true.service and e.at_utc >= true.at + after]
    return min(same, key=lambda e: e.at_utc, default=None)


def truly_added(true: TrueEffect, found: Effect, shop: Shop) -> float:
    """A plateau is compared at the minute the forecast names, everything else at its own strongest minute."""
    if true.driver != "plateau":
        return true.added_requests_per_second
    return true.relative * float(shop.base[SERVICES.index(true.service), minute_of(found.at_utc)])


def test_most_true_effects_lie_inside_their_90_percent_intervals(forecasts: list[TrafficModel], shop: Shop) -> None:
    inside = []
    for model in forecasts:
        for true in (effect for effect in shop.effects if effect.campaign == model.campaign):
            found = found_for(true, model)
            assert found is not None, true.driver
            low, high = interval(found)
            inside.append(low <= truly_added(true, found, shop) <= high)
    assert len(inside) >= 30
    assert float(np.mean(inside)) >= 0.85


def test_the_peak_that_really_comes_is_inside_the_range(forecasts: list[TrafficModel], shop: Shop) -> None:
    model = forecasts[0]
    plan = next(plan for plan in simulated() if plan.id == NEXT_CAMPAIGN)
    window = slice(minute_of(plan.starts_at), minute_of(plan.ends_at))
    really = float(shop.demand[:, window].sum(axis=0).max())
    found = model.total.peak_requests_per_second
    assert found.p10 <= really <= found.p90
    assert abs(found.p50 / really - 1.0) < 0.15
    assert model.knowledge == "good"
