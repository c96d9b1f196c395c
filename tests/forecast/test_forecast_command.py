"""`surgeplan forecast` on a small workspace: its files, their bytes, and its refusals."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from small_shop import BEGINS, SERVICES, sale, true_rates

from campaign.demand import DemandPaths
from campaign.traffic import TrafficModel, TrafficPaths
from forecast.epochs import epoch, naive_utc
from forecast.explain.effects_file import EffectsFile
from surgeplan.cli import main

DAYS = 45
PAST = tuple(sale(day) for day in (20, 28, 36))
NEXT = sale(47)
SETTINGS = """\
schema_version: 1
time_zone: Asia/Shanghai
language: en
services: [{name: web}, {name: orders}]
funnel: [{stage: visit, requests: {web: 5, orders: 0.5}}]
desks: [{name: chat, channel: chat, handle_seconds: 300, service_level: {ratio: 0.8, seconds: 60}}]
"""
FILES = ("traffic.json", "traffic.csv", "traffic_paths.npz", "traffic.png", "traffic.svg", "traffic.html")
FILES += ("demand.csv", "demand_paths.npz", "effects.json")


def make_workspace(folder: Path, days: int = DAYS) -> Path:
    """Five-minute buckets of the small shop, orders by the hour, and its plans."""
    (folder / "campaigns").mkdir(parents=True)
    (folder / "history").mkdir()
    (folder / "surgeplan.yaml").write_text(SETTINGS, "utf-8")
    for plan in (*PAST, NEXT):
        text = plan.model_dump_json(exclude_defaults=True)
        (folder / "campaigns" / f"{plan.id}.yaml").write_text(text, "utf-8")
    starts = epoch(BEGINS) + 300 * np.arange(days * 288)
    rng = np.random.default_rng(0)
    counts = rng.poisson(true_rates(PAST, starts, 300, {}) * 300)
    times = [f"{t}+00:00" for t in naive_utc(starts)]
    lines = ["starts_at,service,requests"]
    for name, row in zip(SERVICES, counts, strict=True):
        lines += [f"{at},{name},{count}" for at, count in zip(times, row, strict=True)]
    (folder / "history" / "traffic.csv").write_text("\n".join(lines) + "\n", "utf-8")
    orders = rng.poisson(counts[1].reshape(-1, 12).sum(axis=1) / 40.0)
    rows = [f"{at},{n}" for at, n in zip(times[::12], orders, strict=True)]
    (folder / "history" / "orders.csv").write_text("\n".join(["starts_at,orders", *rows]) + "\n", "utf-8")
    return folder


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = make_workspace(tmp_path_factory.mktemp("shop"))
    assert main(["forecast", NEXT.id, "--workspace", str(folder), "--now", "2026-02-20T00:00+00:00"]) == 0
    return folder


def test_past_campaigns_forecast_again_in_several_processes_give_the_same_bytes(
    workspace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("forecast.backtest.cache.WORTH_SPREADING", 1)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    folder = make_workspace(tmp_path / "shop")
    assert main(["forecast", NEXT.id, "--workspace", str(folder), "--now", "2026-02-20T00:00+00:00"]) == 0
    for name in ("out/backtest-cache.json", f"out/{NEXT.id}/traffic.csv", f"out/{NEXT.id}/traffic_paths.npz"):
        assert (folder / name).read_bytes() == (workspace / name).read_bytes()


def test_the_picture_shows_the_busiest_minute_beside_the_band_of_five(workspace: Path) -> None:
    assert "busiest minute" in (workspace / "out" / NEXT.id / "traffic.svg").read_text("utf-8")


def test_it_writes_every_file_of_the_contract(workspace: Path) -> None:
    out = workspace / "out" / NEXT.id
    assert all((out / name).stat().st_size > 0 for name in FILES)
    model = TrafficModel.model_validate_json((out / "traffic.json").read_text("utf-8"))
    assert model.campaign == NEXT.id
    assert model.lead_days == pytest.approx(3.0)
    assert set(model.inputs) >= {"surgeplan.yaml", "history/traffic.csv", "history/orders.csv"}
    assert model.knowledge == "some"
    assert model.back_test.campaigns >= 1
    assert "web" in EffectsFile.model_validate_json((out / "effects.json").read_text("utf-8")).noise_sd


def test_the_csv_says_the_same_as_the_paths(workspace: Path) -> None:
    out = workspace / "out" / NEXT.id
    rows = list(csv.DictReader(io.StringIO((out / "traffic.csv").read_text("utf-8"))))
    paths = TrafficPaths.load(out / "traffic_paths.npz")
    web = [row for row in rows if row["service"] == "web"]
    assert len(rows) == 2 * len(paths.starts_at_utc)
    assert {row["seconds"] for row in rows} == {"300"}
    middle = [float(row["requests_per_second_p50"]) for row in web]
    assert middle == pytest.approx(paths.quantiles("web")[1], rel=1e-5)


def test_the_peak_includes_what_five_minutes_hide(workspace: Path) -> None:
    model = TrafficModel.model_validate_json((workspace / "out" / NEXT.id / "traffic.json").read_text("utf-8"))
    assert model.peak_minute_factor is not None
    assert 1.0 < model.peak_minute_factor.p50 < 1.3


def test_demand_runs_from_a_week_before_to_two_weeks_after(workspace: Path) -> None:
    out = workspace / "out" / NEXT.id
    demand = DemandPaths.load(out / "demand_paths.npz")
    first = (NEXT.starts_at - timedelta(days=7)).replace(tzinfo=None)
    last = (NEXT.ends_at + timedelta(days=14)).replace(tzinfo=None)
    assert demand.hours_utc[0] == np.datetime64(first, "s")
    assert demand.hours_utc[-1] + np.timedelta64(3600, "s") == np.datetime64(last, "s")
    assert demand.desks == ("chat",)
    assert len(demand.sessions) == len(TrafficPaths.load(out / "traffic_paths.npz").requests_per_second)
    for values in (demand.sessions, demand.orders, demand.contacts):
        assert np.isfinite(values).all()
        assert (values >= 0).all()
    assert (out / "demand.csv").read_text("utf-8").startswith("starts_at_utc,seconds,measure,desk,p10,p50,p90,p99\n")


def test_the_same_inputs_and_seed_give_the_same_bytes_with_a_cold_and_a_warm_cache(workspace: Path) -> None:
    out = workspace / "out" / NEXT.id
    before = {name: (out / name).read_bytes() for name in FILES}
    assert main(["forecast", NEXT.id, "--workspace", str(workspace), "--now", "2026-02-20T00:00+00:00"]) == 0
    assert {name: (out / name).read_bytes() for name in FILES} == before


def test_json_on_stdout_is_the_file(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["forecast", NEXT.id, "--workspace", str(workspace), "--now", "2026-02-20T00:00+00:00", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((workspace / "out" / NEXT.id / "traffic.json").read_text("utf-8"))


def test_chinese_words_come_with_the_language(workspace: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["forecast", NEXT.id, "--workspace", str(workspace), "--now", "2026-02-20T00:00+00:00", "--lang", "zh"])
    printed = capsys.readouterr().out
    assert code == 0
    assert "每秒请求峰值" in printed
    assert "同类活动经验：三到七场" in printed


def test_a_forecast_of_a_past_start_is_marked_historical(workspace: Path) -> None:
    model = TrafficModel.model_validate_json((workspace / "out" / NEXT.id / "traffic.json").read_text("utf-8"))
    assert model.historical is (NEXT.starts_at.isoformat() <= "2026-02-20T00:00+00:00")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["sale-74"], "campaigns/: there is no campaign sale-74\n  did you mean sale-47?"),
        (
            [NEXT.id, "--as-of", "2026-02-22T12:00+00:00"],
            "--as-of: 2026-02-22T12:00:00+00:00 is not before the campaign's start 2026-02-21T12:00:00+00:00\n"
            "  a forecast made during a campaign is a re-forecast: use an earlier time",
        ),
        ([NEXT.id, "--as-of", "2026-02-20"], "--as-of: 2026-02-20 has no offset"),
        (
            [NEXT.id, "--as-of", "2026-01-15T00:00+00:00"],
            "history/traffic: history is 10.0 days long; a forecast needs two weeks\n"
            "  add older traffic, hourly sums are enough",
        ),
        (
            [NEXT.id, "--as-of", "2025-12-01T00:00+00:00"],
            "history/traffic: there is no traffic before 2025-12-01T00:00:00+00:00\n"
            "  add history/traffic.csv with starts_at, service, requests",
        ),
    ],
)
def test_refusals_say_what_is_wrong_and_leave_files_alone(
    workspace: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    out = workspace / "out" / NEXT.id
    before = {name: (out / name).read_bytes() for name in FILES}
    assert main(["forecast", *arguments, "--workspace", str(workspace)]) == 2
    assert said in capsys.readouterr().err
    assert {name: (out / name).read_bytes() for name in FILES} == before
