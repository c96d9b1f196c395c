"""The main job, end to end: the shipped example, a built wheel, and real traffic scored against what came.

A built wheel carries everything it needs: catalogs, templates, policies, examples.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from datetime import UTC
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from campaign.files import sha256
from campaign.language import ROOT
from campaign.traffic import TrafficModel, TrafficPaths
from campaign.workspace import open_workspace
from surgeplan.cli import main
from tests.made_once import ONE_ORDER, PACK_LINES, SHOP

CAMPAIGN = "double11-2026-opening"
NOW = "2026-11-07T20:00+08:00"
DATA = Path(os.environ.get("SURGEPLAN_DATA", ROOT.parent / "shared" / "data")) / "wc98_web_minute"
MATCH = "m41-belgium-south-korea"
FORECAST_FILES = ["traffic.json", "traffic.csv", "traffic_paths.npz", "traffic.png", "demand.csv", "demand_paths.npz"]
CONTRACT_FILES = [
    *FORECAST_FILES,
    "loadtest/scenario.json",
    "loadtest/locustfile.py",
    "playbook/autoscaling.json",
    "playbook/autoscaling.md",
    "playbook/staffing.csv",
    "playbook/roster.xlsx",
    "playbook/bot_training.csv",
    "playbook/checklist.json",
    "playbook/checklist.md",
    "playbook/checklist.html",
    "playbook/checklist.xlsx",
    "playbook/warroom.ics",
    "rehearsal.json",
    "rehearsal.html",
    "rehearsal.png",
    "index.html",
]


@pytest.fixture(scope="module")
def shop(pack: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the shop with its pack, to be changed."""
    return shutil.copytree(pack, tmp_path_factory.mktemp("main") / SHOP)


@pytest.fixture(scope="module")
def shop_of_a_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same made anew in an empty folder, by a wheel that is built and installed."""
    built, installed, elsewhere = (tmp_path_factory.mktemp(name) for name in ("built", "installed", "elsewhere"))
    python(["-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q", "-w", str(built), str(ROOT)], built)
    (wheel,) = built.glob("surgeplan-*.whl")
    python(["-m", "pip", "install", "--no-deps", "-q", "--target", str(installed), str(wheel)], built)
    where = python(["-c", "import surgeplan.cli; print(surgeplan.cli.__file__)"], elsewhere, installed)
    assert where.startswith(str(installed))
    for line in PACK_LINES:
        said = python(["-m", *shlex.split(line)], elsewhere, installed)
    assert "峰值副本数" in said
    return elsewhere / SHOP


def python(arguments: list[str], folder: Path, path: Path | None = None) -> str:
    environment = os.environ | ONE_ORDER | ({"PYTHONPATH": str(path)} if path else {})
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def hashes(out: Path) -> dict[str, str]:
    """Of the files that promise the same bytes."""
    files = [p for p in out.rglob("*") if p.suffix in (".json", ".csv", ".html", ".ics")]
    return {str(p.relative_to(out)): sha256(p) for p in files}


@pytest.mark.slow
def test_an_installed_wheel_does_the_main_job_from_any_folder(shop_of_a_wheel: Path) -> None:
    assert (shop_of_a_wheel / "out" / CAMPAIGN / "index.html").is_file()
    assert [p.name for p in shop_of_a_wheel.parent.iterdir()] == [SHOP]


@pytest.mark.slow
def test_the_same_inputs_and_seed_make_the_same_bytes(pack: Path, shop_of_a_wheel: Path) -> None:
    made = hashes(pack / "out" / CAMPAIGN)
    assert len(made) > 30
    assert hashes(shop_of_a_wheel / "out" / CAMPAIGN) == made


@pytest.mark.slow
def test_a_forecast_that_finds_its_back_tests_kept_has_the_same_bytes(pack: Path, shop: Path) -> None:
    assert (shop / "out" / "backtest-cache.json").is_file()
    out = shop / "out" / CAMPAIGN
    for file in FORECAST_FILES:
        (out / file).unlink()
    python(["-m", "surgeplan", "forecast", CAMPAIGN, "--workspace", SHOP, "--now", NOW], shop.parent)
    assert hashes(out) == hashes(pack / "out" / CAMPAIGN)


@pytest.mark.slow
def test_the_pack_has_every_file_of_the_contract(pack: Path) -> None:
    out = pack / "out" / CAMPAIGN
    assert not [name for name in CONTRACT_FILES if not (out / name).is_file()]
    assert list((out / "playbook" / "kubernetes").glob("*.yaml"))


@pytest.mark.slow
def test_every_json_says_its_schema_and_inputs(pack: Path) -> None:
    for file in (pack / "out" / CAMPAIGN).rglob("*.json"):
        content = json.loads(file.read_text("utf-8"))
        if isinstance(content, dict) and file.parent.name not in ("aws", "gcp", "sentinel"):  # formats of others
            assert content["schema_version"] == 1, file
    model = TrafficModel.model_validate_json((pack / "out" / CAMPAIGN / "traffic.json").read_text("utf-8"))
    assert model.inputs["surgeplan.yaml"] == sha256(pack / "surgeplan.yaml")
    assert model.inputs["history/traffic.parquet"] == sha256(pack / "history/traffic.parquet")


@pytest.mark.slow
def test_the_page_leads_to_every_file_and_needs_nothing_from_elsewhere(pack: Path) -> None:
    out = pack / "out" / CAMPAIGN
    page = (out / "index.html").read_text("utf-8")
    linked = set(re.findall(r'<a href="([^"]+)"', page))
    files = {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file() and not p.name.startswith(".")}
    assert files - {"index.html"} <= linked
    assert all((out / link).exists() for link in linked)
    assert not re.findall(r'(?:src|href)="(?:https?:)?//', page)
    assert "<script" not in page
    assert page.count("<svg") >= 2


@pytest.mark.slow
def test_another_language_changes_words_and_no_number(shop: Path, tmp_path: Path) -> None:
    before = json.loads((shop / "out" / CAMPAIGN / "playbook" / "autoscaling.json").read_text("utf-8"))
    assert main(["playbook", CAMPAIGN, "--workspace", str(shop), "--lang", "en"]) == 0
    after = json.loads((shop / "out" / CAMPAIGN / "playbook" / "autoscaling.json").read_text("utf-8"))
    steps = {
        name: [(s["starts_at_utc"], s["replicas"]) for s in plan["steps"]] for name, plan in after["services"].items()
    }
    assert steps == {
        name: [(s["starts_at_utc"], s["replicas"]) for s in plan["steps"]] for name, plan in before["services"].items()
    }
    assert "检查" not in (shop / "out" / CAMPAIGN / "playbook" / "checklist.md").read_text("utf-8").split("\n")[0]


@pytest.mark.slow
def test_a_real_match_is_forecast_three_days_before_and_scored(tmp_path: Path) -> None:
    assert DATA.is_dir(), "the World Cup data: see docs/examples/worldcup98.md, or set SURGEPLAN_DATA"
    cup = tmp_path / "worldcup98"
    assert main(["init", str(cup), "--example", "worldcup98", "--data", str(DATA)]) == 0
    assert main(["run", MATCH, "--workspace", str(cup)]) == 0
    model = TrafficModel.model_validate_json((cup / "out" / MATCH / "traffic.json").read_text("utf-8"))
    assert model.lead_days == pytest.approx(3)
    assert "m42-netherlands-mexico" in model.other_plans
    plan = open_workspace(cup).plan(MATCH)
    starts, ends = (np.datetime64(t.astimezone(UTC).replace(tzinfo=None), "s") for t in (plan.starts_at, plan.ends_at))
    paths = TrafficPaths.load(cup / "out" / MATCH / "traffic_paths.npz").within(starts, ends)
    with gzip.open(DATA / "requests_per_minute.csv.gz") as file:
        minutes = pd.read_csv(file, parse_dates=["ts_utc"]).set_index("ts_utc")["requests"] / 60
    came = minutes.reindex(pd.DatetimeIndex(paths.starts_at_utc)).to_numpy()
    last_week = minutes.reindex(pd.DatetimeIndex(paths.starts_at_utc) - pd.Timedelta(days=7)).to_numpy()
    peak = model.services["web"].peak_requests_per_second
    assert peak.p10 < came.max() < peak.p99
    wape = {name: np.abs(came - guess).sum() / came.sum() for name, guess in
            {"forecast": paths.quantiles("web")[1], "last week": last_week}.items()}  # fmt: skip
    assert wape["forecast"] < wape["last week"]
