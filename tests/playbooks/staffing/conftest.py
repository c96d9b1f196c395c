"""A small workspace with demand, as the forecast would leave it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from campaign.console import no_progress
from campaign.demand import DemandPaths
from campaign.workspace import open_workspace
from playbooks.staffing.publish import publish_staffing

NOW = datetime(2026, 11, 7, 12, tzinfo=UTC)

SETTINGS = """\
schema_version: 1
time_zone: Asia/Shanghai
services:
  - name: storefront
desks:
  - name: chat
    channel: chat
    concurrency: 3
    handle_seconds: 240
    patience_seconds: 120
    shrinkage_ratio: 0.25
    occupancy_max_ratio: 0.85
    service_level: {definition: first_response_within, ratio: 0.8, seconds: 60}
    opens: "08:00"
    closes: "02:00"
    shifts:
      - {name: early, starts: "08:00", hours: 8, break_minutes: 60}
      - {name: mid, starts: "13:00", hours: 8, break_minutes: 60}
      - {name: late, starts: "18:00", hours: 8, break_minutes: 60}
    bot: {resolved_ratio: {low: 0.3, mid: 0.45, high: 0.6}}
  - name: hotline
    channel: phone
    handle_seconds: 300
    shrinkage_ratio: 0.25
    service_level: {ratio: 0.8, seconds: 20}
    opens: "08:00"
    closes: "24:00"
  - name: mail
    channel: ticket
    handle_seconds: 600
    service_level: {definition: resolved_within, ratio: 0.9, seconds: 86400}
    opens: "09:00"
    closes: "18:00"
    shifts:
      - {name: day, starts: "09:00", hours: 9, break_minutes: 60}
      - {name: half, starts: "13:00", hours: 5}
"""
PLAN = """\
schema_version: 1
id: d11
kind: flagship
starts_at: 2026-11-10T20:00+08:00
ends_at: 2026-11-12T00:00+08:00
offers:
  - {id: cut-300-50, title: 满300减50, rules: 每满300减50, ends_at: 2026-11-12T00:00+08:00}
"""
DESKS = {"chat": 120.0, "hotline": 25.0, "mail": 12.0}


def demand(desks: dict[str, float], paths: int = 12, intervals: int = 480) -> DemandPaths:
    """Ten days from 4 November, 00:00 in Shanghai, with a surge from the opening on."""
    rng = np.random.default_rng(11)
    starts = np.datetime64("2026-11-03T16:00:00") + np.arange(intervals) * np.timedelta64(1800, "s")
    hour, day = (np.arange(intervals) / 2) % 24, np.arange(intervals) / 48
    opening = 6 + 20 / 24
    shape = 0.2 + np.exp(-(((hour - 15) / 6) ** 2)) + 4 * np.where(day >= opening, np.exp(-(day - opening) / 0.4), 0)
    level = np.array(list(desks.values()))[None, :, None] * np.exp(rng.normal(0, 0.2, (paths, 1, 1)))
    contacts = rng.poisson(level * shape[None, None, :]).astype(np.float32)
    hours = starts[::2]
    per_hour = np.ones((paths, len(hours)), np.float32)
    return DemandPaths(per_hour, per_hour, contacts, tuple(desks), hours, starts)


def make_in(folder: Path, settings: str = SETTINGS, desks: dict[str, float] | None = None) -> Path:
    (folder / "campaigns").mkdir()
    (folder / "surgeplan.yaml").write_text(settings, "utf-8")
    (folder / "campaigns" / "d11.yaml").write_text(PLAN, "utf-8")
    demand(DESKS if desks is None else desks).save(folder / "out" / "d11" / "demand_paths.npz")
    return folder


@pytest.fixture
def make_workspace(tmp_path: Path) -> Callable[..., Path]:
    """Writes a workspace with demand into a folder of its own."""
    return partial(make_in, tmp_path)


@pytest.fixture(scope="session")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace that has been planned once, to be read only."""
    folder = make_in(tmp_path_factory.mktemp("planned"))
    publish_staffing(open_workspace(folder), "d11", NOW, no_progress)
    return folder


@pytest.fixture
def settings_text() -> str:
    """surgeplan.yaml of these workspaces."""
    return SETTINGS


@pytest.fixture
def make_demand() -> Callable[..., DemandPaths]:
    """Demand for desks by their size; `paths` and `intervals` as wanted."""
    return demand
