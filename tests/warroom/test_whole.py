"""All services together: the band of the sum comes from sample paths, and only from those of the very forecast."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from campaign.traffic import TrafficPaths
from campaign.workspace import open_workspace
from tests.warroom.live_event import CAMPAIGN, model_files, paths_of
from tests.warroom.live_system import PLAN
from warroom.handed import Handed, campaign_events, handed_over
from warroom.retrospective.score_forecast import score_forecast
from warroom.retrospective.timeline import Buckets
from warroom.whole import total_band, total_of

SYSTEM = "schema_version: 1\ntime_zone: Asia/Shanghai\nservices: [{name: storefront}, {name: checkout}]\n"


def two_services() -> TrafficPaths:
    """Two services that are high and low at different times: p90 of the sum lies below the sum of their p90."""
    one, other = paths_of(spread=0.2), paths_of(spread=0.2)
    mixed = np.concatenate([one.requests_per_second, other.requests_per_second[::-1]], axis=1)
    return replace(one, requests_per_second=mixed, services=("storefront", "checkout"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "campaigns").mkdir()
    (tmp_path / "surgeplan.yaml").write_text(SYSTEM)
    (tmp_path / "campaigns" / f"{CAMPAIGN}.yaml").write_text(PLAN)
    return tmp_path


def handed(folder: Path) -> Handed:
    workspace = open_workspace(folder)
    return handed_over(workspace, workspace.plan(CAMPAIGN), campaign_events(workspace, CAMPAIGN))


def test_the_sum_is_narrower_than_the_sum_of_quantiles(folder: Path) -> None:
    paths = two_services()
    model_files(folder, paths)
    band = total_band(folder / "out" / CAMPAIGN, handed(folder))
    assert band is not None
    assert np.array_equal(band.quantiles, total_of(paths).quantiles)
    added = sum(each.quantiles for each in handed(folder).bands.values())
    assert (band.quantiles[2] < 0.97 * added[2]).all()


def test_paths_of_another_forecast_say_nothing(folder: Path) -> None:
    model_files(folder, two_services())
    before = handed(folder)
    newest = folder / "out" / CAMPAIGN / "traffic.json"
    newest.write_text(newest.read_text().replace('"seed": 0', '"seed": 1'))
    assert total_band(folder / "out" / CAMPAIGN, before) is None


def test_the_retrospective_tells_how_much_of_the_total_was_inside_only_where_paths_do(folder: Path) -> None:
    model_files(folder, two_services())
    workspace = open_workspace(folder)
    plan, known = workspace.plan(CAMPAIGN), handed(folder)
    first = next(iter(known.bands.values()))
    came = {name: Buckets(first.starts, first.seconds, np.full(len(first.starts), 1000.0)) for name in known.bands}
    whole = total_band(workspace.out(CAMPAIGN), known)
    with_paths, without = (score_forecast(plan, workspace.plans, known, came, {}, band) for band in (whole, None))
    assert with_paths is not None
    assert without is not None
    assert with_paths.has_band
    assert with_paths.score.total.inside_p10_p90_ratio == 1.0
    assert not without.has_band
    assert without.score.total.inside_p10_p90_ratio is None
    part = score_forecast(plan, workspace.plans, known, {"checkout": came["checkout"]}, {}, whole)
    assert part is not None
    assert not part.has_band
