"""`surgeplan backtest` on a small workspace, and the bridge that a forecast explains itself with."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from small_shop import BEGINS, SERVICES, sale, true_rates

from campaign.traffic import TrafficModel
from forecast.backtest.scores_file import LEVELS, BackTestFile
from forecast.epochs import epoch, naive_utc
from surgeplan.cli import main

DAYS = 62
PAST = (*(sale(day) for day in (20, 28, 36)), *(sale(day, kind="festival", reach=2e5) for day in (44, 52)))
NOW = "2026-03-08T00:00+00:00"
SETTINGS = """\
schema_version: 1
time_zone: UTC
services: [{name: web}, {name: orders}]
funnel: [{stage: visit, requests: {web: 5, orders: 0.5}}]
"""


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Hourly traffic of the small shop, so that Prophet as a peer stays cheap."""
    folder = tmp_path_factory.mktemp("tested")
    (folder / "campaigns").mkdir()
    (folder / "history").mkdir()
    (folder / "surgeplan.yaml").write_text(SETTINGS, "utf-8")
    for plan in PAST:
        (folder / "campaigns" / f"{plan.id}.yaml").write_text(plan.model_dump_json(exclude_defaults=True), "utf-8")
    minutes = epoch(BEGINS) + 60 * np.arange(DAYS * 1440)
    rates = true_rates(PAST, minutes, 60, {}).reshape(2, -1, 60).mean(axis=2)
    counts = np.random.default_rng(0).poisson(rates * 3600)
    times = [f"{t}+00:00" for t in naive_utc(minutes[::60])]
    lines = ["starts_at,service,requests"]
    for name, row in zip(SERVICES, counts, strict=True):
        lines += [f"{at},{name},{count}" for at, count in zip(times, row, strict=True)]
    (folder / "history" / "traffic.csv").write_text("\n".join(lines) + "\n", "utf-8")
    return folder


@pytest.fixture(scope="module")
def tested(workspace: Path) -> BackTestFile:
    assert main(["backtest", "--workspace", str(workspace), "--now", NOW]) == 0
    return BackTestFile.model_validate_json((workspace / "out" / "backtest.json").read_text("utf-8"))


def test_every_past_campaign_is_forecast_as_of_its_own_lead(tested: BackTestFile) -> None:
    assert [test.campaign for test in tested.campaigns] == [plan.id for plan in PAST]
    assert tested.lead_days == 3.0
    for test, plan in zip(tested.campaigns, PAST, strict=True):
        assert test.as_of_utc == plan.starts_at - timedelta(days=3)
        assert test.peak_hour_requests_per_second > 0


def test_the_three_peers_stand_beside_it_on_every_campaign_and_for_every_kind(tested: BackTestFile) -> None:
    methods = {"surgeplan", "last-week", "prophet"}
    assert methods <= set(tested.over_all)
    assert set(tested.by_kind) == {"sale", "festival"}
    assert methods <= set(tested.by_kind["festival"])
    assert "prophet-events" in tested.over_all
    assert tested.over_all["surgeplan"].campaigns == 5
    assert tested.over_all["surgeplan"].wape_ratio < tested.over_all["last-week"].wape_ratio
    assert not tested.last_week_wins


def test_reliability_says_for_each_level_how_often_peaks_stayed_below(tested: BackTestFile) -> None:
    assert tuple(point.level for point in tested.reliability) == LEVELS
    shares = [point.share_ratio for point in tested.reliability]
    assert shares == sorted(shares)
    assert tested.over_all["surgeplan"].peaks_within_p90_interval is not None


def test_the_picture_is_drawn(workspace: Path, tested: BackTestFile) -> None:
    assert tested.campaigns
    assert (workspace / "out" / "backtest.png").read_bytes().startswith(b"\x89PNG")


def test_one_kind_at_another_lead(workspace: Path, tested: BackTestFile, capsys: pytest.CaptureFixture[str]) -> None:
    assert tested.lead_days == 3.0
    asked = ["backtest", "--workspace", str(workspace), "--now", NOW, "--kind", "festival", "--lead-days", "14"]
    assert main([*asked, "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["lead_days"] == 14.0
    assert [test["campaign"] for test in document["campaigns"]] == ["sale-44", "sale-52"]
    assert set(document["by_kind"]) == {"festival"}


def test_a_table_for_people_with_every_method(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backtest", "--workspace", str(workspace), "--now", NOW, "--kind", "festival"]) == 0
    printed = capsys.readouterr().out
    assert "2 past campaigns, each forecast 3 days before it, by hour on the total" in printed
    for name in ("this forecast", "the same hours of last week", "Prophet"):
        assert f"\n{name}" in printed
    assert "written: out/backtest.json, out/backtest.png" in printed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--kind", "sail"], "--kind: there is no campaign of kind sail\n  did you mean sale?"),
        (
            ["--lead-days", "50"],
            "campaigns/: no past campaign has two weeks of history before its own lead\n"
            "  add older traffic, or plans of past campaigns",
        ),
    ],
)
def test_refusals(workspace: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str) -> None:
    assert main(["backtest", "--workspace", str(workspace), "--now", NOW, *arguments]) == 2
    assert said in capsys.readouterr().err


def test_the_bridge_leads_from_the_last_peak_of_the_kind_to_p50_and_p90_without_a_gap(workspace: Path) -> None:
    coming = sale(63, reach=8e5)
    plan = workspace / "campaigns" / f"{coming.id}.yaml"
    plan.write_text(coming.model_dump_json(exclude_defaults=True), "utf-8")
    try:
        assert main(["forecast", coming.id, "--workspace", str(workspace), "--now", NOW]) == 0
    finally:
        plan.unlink()
    model = TrafficModel.model_validate_json((workspace / "out" / coming.id / "traffic.json").read_text("utf-8"))
    bridge = model.bridge
    assert bridge is not None
    assert bridge.from_campaign == "sale-36"
    assert PAST[2].starts_at <= bridge.from_peak_at_utc < PAST[2].ends_at
    reached = bridge.from_peak_requests_per_second
    for step in bridge.steps:
        reached += step.change_requests_per_second
        assert step.reaches_requests_per_second == pytest.approx(reached, rel=1e-4, abs=1e-3)
    names = [step.step for step in bridge.steps]
    assert names[:2] == ["luck", "ordinary traffic"]
    assert names[-2:] == ["unseen minutes", "uncertainty"]
    found = model.total.peak_requests_per_second
    assert bridge.steps[-1].reaches_requests_per_second == pytest.approx(found.p90, rel=1e-4)
    assert bridge.steps[-2].reaches_requests_per_second == pytest.approx(found.p50, rel=1e-4)
    push = next(step for step in bridge.steps if step.step == "push")
    assert push.change_requests_per_second > 0
