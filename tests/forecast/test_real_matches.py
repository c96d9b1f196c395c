"""Matches of the last week in the World Cup data: forecast three days before, against what really came."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from campaign.traffic import TrafficModel
from campaign.workspace import open_workspace
from forecast.epochs import epoch
from forecast.history import open_history
from forecast.publish import publish_forecast
from surgeplan.cli import main

DATA = Path(os.environ.get("SURGEPLAN_DATA", Path(__file__).parents[3] / "shared" / "data")) / "wc98_web_minute"
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not DATA.is_dir(), reason="the World Cup data is not here")]
MATCHES = ("m45-argentina-croatia", "m47-colombia-england", "m50-brazil-chile")


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cup") / "workspace"
    assert main(["init", str(folder), "--example", "worldcup98", "--data", str(DATA)]) == 0
    return folder


@pytest.fixture(scope="module")
def forecasts(workspace: Path) -> dict[str, TrafficModel]:
    """Of each match three days before it began."""
    opened = open_workspace(workspace)
    begins = {match: opened.plan(match).starts_at for match in MATCHES}
    return {match: publish_forecast(opened, match, None, at - timedelta(days=3)) for match, at in begins.items()}


@pytest.mark.parametrize("match", MATCHES)
def test_a_match_of_the_last_week_comes_inside_what_was_said_three_days_before(
    workspace: Path, forecasts: dict[str, TrafficModel], match: str
) -> None:
    opened, model = open_workspace(workspace), forecasts[match]
    plan = opened.plan(match)
    assert model.lead_days == pytest.approx(3.0)
    assert model.as_of_utc == plan.starts_at - timedelta(days=3)
    came = open_history(opened).buckets("web", plan.starts_at, plan.ends_at)
    peak = float(came["requests_per_second"].max())
    assert model.total.peak_requests_per_second.p10 * 0.5 < peak <= model.total.peak_requests_per_second.p99
    assert model.back_test.campaigns >= 8


def test_overlapping_matches_are_part_of_the_forecast(forecasts: dict[str, TrafficModel]) -> None:
    assert "m48-romania-tunisia" in forecasts["m47-colombia-england"].other_plans


def test_back_tests_beat_last_week_on_real_flash_crowds(workspace: Path) -> None:
    from forecast.backtest.publish import publish_backtest

    made = publish_backtest(open_workspace(workspace), datetime(1998, 6, 28, tzinfo=UTC), with_prophet=False)
    ours, floor = made.over_all["surgeplan"], made.over_all["last-week"]
    assert ours.campaigns >= 40
    assert ours.wape_ratio < 0.8 * floor.wape_ratio
    assert ours.peaks_within_p90 is not None
    assert 0.75 <= ours.peaks_within_p90 / ours.campaigns <= 1.0
    assert not made.last_week_wins
    assert epoch(made.campaigns[0].as_of_utc) < epoch(made.campaigns[-1].as_of_utc)
