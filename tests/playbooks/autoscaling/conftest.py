"""A small workspace with a coupon drop: x8 within a minute at 20:00, decaying over twenty minutes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from campaign.files import write_json
from campaign.traffic import BackTest, Peak, Quantiles, TrafficModel, TrafficPaths
from campaign.workspace import open_workspace
from playbooks.autoscaling.publish import publish_autoscaling

STARTS_AT = datetime(2026, 11, 10, 12, 0, tzinfo=UTC)
AS_OF = STARTS_AT - timedelta(days=3)
SETTINGS = """\
schema_version: 1
time_zone: Asia/Shanghai
language: en
services:
  - name: storefront
    capacity_requests_per_second_per_replica: 100
    replicas: {today: 8, min: 4, max: 400}
    startup_seconds_p99: 90
    cpu_cores: 2
    memory_gib: 4
    slo: {p99_ms: 300}
    cost_per_replica_hour: 0.9
  - name: checkout
    capacity_requests_per_second_per_replica: 50
    replicas: {today: 4, min: 2, max: 400}
    startup_seconds_p99: 90
    cpu_cores: 2
    memory_gib: 4
    slo: {p99_ms: 300}
    cost_per_replica_hour: 0.9
"""
PLAN = """\
schema_version: 1
id: coupon-drop
name: Coupon drop
kind: flash-sale
starts_at: 2026-11-10T20:00+08:00
ends_at: 2026-11-10T22:00+08:00
moments:
  - {at: 2026-11-10T20:00:00+08:00, kind: coupon-drop}
"""

FUNNEL = """\
funnel:
  - {stage: home, endpoint: "GET /", continues_ratio: 0.5, value_rank: 3, requests: {storefront: 4}}
  - {stage: product, endpoint: "GET /p/{sku}", continues_ratio: 0.2, value_rank: 2, requests: {storefront: 3}}
  - {stage: checkout, endpoint: "POST /orders", value_rank: 1, requests: {storefront: 1, checkout: 5}}
"""


def drop_paths(paths: int = 100, level_ratio: float = 0.2, seed: int = 0, growth: float = 8.0) -> NDArray[np.float32]:
    """[path, minute] from six hours before the start to six hours after the end, 400 requests per second at rest."""
    minutes = np.arange(14 * 60)
    drop = np.where(minutes >= 360, (growth - 1) * np.exp(-(minutes - 360) / 20.0), 0.0)
    level = np.exp(level_ratio * np.random.default_rng(seed).standard_normal((paths, 1)))
    return (400 * (1 + drop) * level).astype(np.float32)


def traffic_paths(rates: dict[str, NDArray[np.float32]], starts_at: datetime = STARTS_AT) -> TrafficPaths:
    first = np.datetime64(starts_at.replace(tzinfo=None) - timedelta(hours=6), "s")
    minutes = next(iter(rates.values())).shape[1]
    return TrafficPaths(
        np.stack(list(rates.values()), axis=1),
        tuple(rates),
        first + np.arange(minutes) * np.timedelta64(60, "s"),
        np.full(minutes, 60),
    )


def traffic_model(paths: TrafficPaths, campaign: str, as_of: datetime = AS_OF) -> TrafficModel:
    peaks = {
        name: Peak(
            peak_requests_per_second=Quantiles.of(paths.requests_per_second[:, i].max(axis=1)),
            peak_at_utc=STARTS_AT,
        )
        for i, name in enumerate(paths.services)
    }
    return TrafficModel(
        campaign=campaign,
        as_of_utc=as_of,
        lead_days=3,
        inputs={},
        seed=0,
        paths=len(paths.requests_per_second),
        starts_at_utc=STARTS_AT - timedelta(hours=6),
        ends_at_utc=STARTS_AT + timedelta(hours=8),
        knowledge="good",
        services=peaks,
        total=next(iter(peaks.values())),
        back_test=BackTest(campaigns=4),
    )


def write_traffic(folder: Path, campaign: str, paths: TrafficPaths) -> None:
    out = folder / "out" / campaign
    paths.save(out / "traffic_paths.npz")
    write_json(out / "traffic.json", traffic_model(paths, campaign).model_dump(mode="json"))


def write_workspace(folder: Path, settings: str = SETTINGS, plan: str = PLAN) -> Path:
    """Settings, one plan and its traffic on both services, checkout at a fifth of the storefront's."""
    (folder / "campaigns").mkdir(parents=True, exist_ok=True)
    (folder / "surgeplan.yaml").write_text(settings, "utf-8")
    (folder / "campaigns" / "coupon-drop.yaml").write_text(plan, "utf-8")
    rates = drop_paths()
    write_traffic(folder, "coupon-drop", traffic_paths({"storefront": rates, "checkout": rates / 5}))
    return folder


@pytest.fixture
def workspace_folder(tmp_path: Path) -> Callable[..., Path]:
    """Make the small workspace, with other settings or another plan where asked for."""
    return lambda settings=SETTINGS, plan=PLAN: write_workspace(tmp_path, settings, plan)


@pytest.fixture(scope="session")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small workspace with its playbook and no trial of the executor, made once: copy it before editing."""
    folder = write_workspace(tmp_path_factory.mktemp("published"))
    (folder / "autoscaling.yaml").write_text("try_out_hours_before: 0\n", "utf-8")
    publish_autoscaling(open_workspace(folder), "coupon-drop", AS_OF)
    return folder


@pytest.fixture(scope="session")
def published_within_limits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with a quota that ends before the demand does, and a funnel that says what to refuse first."""
    tight = SETTINGS.replace("{today: 8, min: 4, max: 400}", "{today: 8, min: 4, max: 30}") + FUNNEL
    folder = write_workspace(tmp_path_factory.mktemp("limited"), tight)
    publish_autoscaling(open_workspace(folder), "coupon-drop", AS_OF)
    return folder


@pytest.fixture(scope="session")
def published_by_rate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small workspace whose HPAs scale on requests per second."""
    folder = write_workspace(tmp_path_factory.mktemp("by_rate"))
    (folder / "autoscaling.yaml").write_text("hpa_metric: rate\nhpa_rate_metric: shop_rps\nnamespace: shop\n", "utf-8")
    publish_autoscaling(open_workspace(folder), "coupon-drop", AS_OF)
    return folder


@pytest.fixture
def small_drop() -> Callable[..., NDArray[np.float32]]:
    return drop_paths


@pytest.fixture
def as_of() -> datetime:
    return AS_OF


@pytest.fixture
def settings_text() -> str:
    return SETTINGS


@pytest.fixture
def plan_text() -> str:
    return PLAN


@pytest.fixture
def store_traffic() -> Callable[..., None]:
    """Write the traffic files of a campaign: {service: [path, minute]}."""
    return lambda folder, campaign, rates, starts_at=STARTS_AT: write_traffic(
        folder, campaign, traffic_paths(rates, starts_at)
    )
