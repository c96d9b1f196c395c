"""The first minute of a stranger: three lines, a table, a plan, and as much of the pack as they can make."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from surgeplan.cli import main

FIRST = datetime(2026, 9, 20, tzinfo=UTC)
SETTINGS = "time_zone: Asia/Shanghai\nservices:\n  - name: storefront\n"
PLAN = "id: sale-{day}\nkind: sale\nstarts_at: 2026-{day}T20:00+08:00\nends_at: 2026-{day}T23:00+08:00\n"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """Three lines, six weeks of hourly traffic, one campaign before and one ahead; nobody measured a capacity."""
    hours = pd.date_range(FIRST, periods=24 * 42, freq="h")
    local = hours + timedelta(hours=8)
    rates = 3600 * 200 * np.exp(0.6 * np.sin(2 * np.pi * (local.hour.to_numpy() - 9) / 24))
    rates *= np.where((local.strftime("%m-%d") == "10-16") & local.hour.isin([20, 21, 22]), 2.5, 1.0)
    rates *= np.exp(0.03 * np.random.default_rng(1).standard_normal(len(hours)))
    (tmp_path / "history").mkdir()
    (tmp_path / "campaigns").mkdir()
    table = {"starts_at": [hour.isoformat() for hour in hours], "service": "storefront", "requests": rates.round()}
    pd.DataFrame(table).to_csv(tmp_path / "history" / "traffic.csv", index=False)
    for day in ("10-16", "11-03"):
        (tmp_path / "campaigns" / f"sale-{day}.yaml").write_text(PLAN.format(day=day), "utf-8")
    (tmp_path / "surgeplan.yaml").write_text(SETTINGS, "utf-8")
    return tmp_path


def run(workspace: Path, *more: str) -> int:
    where = ("run", "sale-11-03", "--workspace", str(workspace), "--now", "2026-10-31T20:00+08:00")
    return main(["--lang", "en", *where, *more])


def test_without_any_capacity_everything_else_is_made_and_what_is_missing_is_said(
    workspace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(workspace, "--json") == 0
    document = json.loads(capsys.readouterr().out)
    assert document["verdict"] is None
    assert document["replicas_at_peak"] == {}
    (missing,) = document["missing"]
    assert missing["what"] == "no service has a known capacity"
    made = set(document["files"])
    assert {"traffic.json", "loadtest/scenario.json", "playbook/checklist.html", "playbook/staffing.json"} <= made
    assert not {"playbook/autoscaling.json", "rehearsal.json"} & made

    page = (workspace / "out" / "sale-11-03" / "index.html").read_text("utf-8")
    assert "whether the system carries them is not known yet" in page
    assert page.count("surgeplan loadtest capacity SERVICE") == 2
