"""A small workspace with a traffic model that the tests write themselves: one hour, a step at the opening."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from campaign.files import write_json
from campaign.traffic import BackTest, Peak, Quantiles, TrafficModel, TrafficPaths

STARTS = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
OPENING = datetime(2026, 11, 10, 12, 30, tzinfo=UTC)

SETTINGS = """schema_version: 1
time_zone: Asia/Shanghai
services:
  - {name: storefront, slo: {p99_ms: 300, error_ratio: 0.01}}
  - {name: checkout, slo: {p99_ms: 500, error_ratio: 0.01}}
funnel:
  - {stage: product, endpoint: "GET /p/{sku}", continues_ratio: 0.5, think_seconds: 0.2, requests: {storefront: 2}}
  - {stage: checkout, endpoint: "POST /checkout", requests: {storefront: 1, checkout: 1}}
"""

PLAN = """schema_version: 1
id: opening
kind: flagship
starts_at: 2026-11-10T20:00+08:00
ends_at: 2026-11-10T21:00+08:00
moments:
  - {at: 2026-11-10T20:30:00+08:00, kind: opening}
"""


def small_paths() -> TrafficPaths:
    """Eleven paths over sixty minutes: storefront 25 then 100 times the path's level, checkout a fifth of it."""
    level = np.linspace(0.5, 1.5, 11)
    shape = np.where(np.arange(60) < 30, 25.0, 100.0)
    storefront = level[:, None] * shape
    rates = np.stack([storefront, storefront / 5], axis=1).astype(np.float32)
    starts = np.datetime64("2026-11-10T12:00:00", "s") + np.arange(60) * np.timedelta64(60, "s")
    return TrafficPaths(rates, ("storefront", "checkout"), starts, np.full(60, 60))


def small_model(paths: TrafficPaths) -> TrafficModel:
    peaks = {
        name: Peak(
            peak_requests_per_second=Quantiles.of(paths.requests_per_second[:, i].max(axis=1)), peak_at_utc=OPENING
        )
        for i, name in enumerate(paths.services)
    }
    return TrafficModel(
        campaign="opening",
        as_of_utc=STARTS,
        lead_days=3,
        inputs={},
        seed=0,
        paths=len(paths.requests_per_second),
        starts_at_utc=STARTS,
        ends_at_utc=datetime(2026, 11, 10, 13, 0, tzinfo=UTC),
        knowledge="some",
        services=peaks,
        total=peaks["storefront"],
        back_test=BackTest(campaigns=0),
    )


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace with settings, one plan and its traffic model."""
    (tmp_path / "campaigns").mkdir()
    (tmp_path / "surgeplan.yaml").write_text(SETTINGS, "utf-8")
    (tmp_path / "campaigns" / "opening.yaml").write_text(PLAN, "utf-8")
    paths = small_paths()
    write_json(tmp_path / "out/opening/traffic.json", small_model(paths).model_dump(mode="json"))
    paths.save(tmp_path / "out/opening/traffic_paths.npz")
    return tmp_path


def read(path: Path) -> dict:
    return json.loads(path.read_text("utf-8"))
