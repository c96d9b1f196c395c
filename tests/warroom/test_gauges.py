"""What Prometheus reads of a campaign that is on: the documented gauges, with what the live state says."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from campaign.language import ROOT
from campaign.workspace import open_workspace
from tests.warroom.live_event import CAMPAIGN, END, START, came, model_files
from warroom.export.gauges import LABELS
from warroom.live.clocks.sync import sync
from warroom.live.due import HOUR
from warroom.live.state import live_state
from warroom.service.access import Door
from warroom.service.run import site_app
from warroom.service.site import Site

Samples = dict[str, list[tuple[dict[str, str], float]]]
LATE = timedelta(minutes=9)


@pytest.fixture
def folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("SURGEPLAN_STATE", raising=False)
    model_files(folder)
    return folder


def scraped(folder: Path, now: datetime) -> Samples:
    site = Site(folder, Door("local", "a secret of this test", {}), lambda: now)
    with TestClient(site_app(site)) as client:
        return samples_of(client.get("/metrics").text)


def samples_of(text: str) -> Samples:
    found: Samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


def value(found: Samples, name: str, **labels: str) -> float:
    (only,) = [v for own, v in found.get(name, []) if labels.items() <= own.items()]
    return only


def synced(folder: Path, hours: int, factor: float = 1.0, since: datetime | None = None) -> datetime:
    now = START + hours * HOUR + LATE
    came(folder, now - timedelta(minutes=3), factor, since)
    sync(open_workspace(folder), CAMPAIGN, now, (), lambda _: None)
    return now


def test_gauges_say_what_the_live_state_says(folder: Path) -> None:
    now = synced(folder, 2)
    found = scraped(folder, now)
    state = live_state(open_workspace(folder), CAMPAIGN, now)
    band = state.minutes["storefront"]
    place = next(i for i, at in enumerate(band.starts_at) if at <= now.timestamp() < at + band.seconds[i])
    for name in ("p10", "p50", "p90", "p99"):
        labels = {"campaign": CAMPAIGN, "service": "storefront", "quantile": name}
        assert value(found, "surgeplan_forecast_requests_per_second", **labels) == getattr(band.frozen, name)[place]
        assert band.reforecast is not None
        again = value(found, "surgeplan_reforecast_requests_per_second", **labels)
        assert again == getattr(band.reforecast, name)[place]
    assert value(found, "surgeplan_actual_requests_per_second", service="storefront") == pytest.approx(1000)
    capacity = state.capacities["storefront"]
    assert value(found, "surgeplan_capacity_requests_per_second", service="storefront") == capacity.requests_per_second
    assert value(found, "surgeplan_headroom_ratio", service="storefront") == capacity.headroom_ratio
    assert value(found, "surgeplan_time_to_capacity_seconds", service="storefront") == math.inf
    assert value(found, "surgeplan_last_sync_age_seconds", campaign=CAMPAIGN) == 0
    assert value(found, "surgeplan_alert_level", campaign=CAMPAIGN) == 0
    assert value(found, "surgeplan_marker_timestamp_seconds", kind="opening") == START.timestamp()


def test_an_alert_that_stands_is_a_gauge_with_its_owner(folder: Path) -> None:
    now = synced(folder, 5, 1.45, START + 3 * HOUR)
    found = scraped(folder, now)
    assert value(found, "surgeplan_alert_level") >= 2
    assert value(found, "surgeplan_alert_open", rule="hourly", subject="requests", direction="up", owner="sre") >= 1


def test_what_is_stale_is_told_and_what_is_not_known_has_no_sample(folder: Path) -> None:
    now = synced(folder, 1) + 5 * HOUR
    sync(open_workspace(folder), CAMPAIGN, now, (), lambda _: None)
    found = scraped(folder, now)
    assert value(found, "surgeplan_source_stale", measure="traffic") == 1
    assert value(found, "surgeplan_source_age_seconds", measure="traffic") == 5 * 3600 + 180
    assert value(found, "surgeplan_oldest_watermark_age_seconds") >= 5 * 3600
    assert "surgeplan_actual_requests_per_second" not in found


@pytest.mark.parametrize("now", [START - timedelta(hours=7), END + timedelta(hours=7)])
def test_a_campaign_that_is_not_on_has_no_gauges_of_now(folder: Path, now: datetime) -> None:
    found = scraped(folder, now)
    assert not set(LABELS) & set(found)


def test_a_live_state_that_cannot_be_read_is_told_and_the_rest_of_the_page_stays(folder: Path) -> None:
    (folder / "rules.yaml").write_text("live: {capacity: {fires_minutes: soon}}\n")
    found = scraped(folder, START)
    assert value(found, "surgeplan_live_up", campaign=CAMPAIGN) == 0
    assert value(found, "surgeplan_forecast_peak_requests_per_second", service="storefront", quantile="p50") > 900
    assert "surgeplan_forecast_requests_per_second" not in found


def test_syncs_without_a_source_list_each_file_of_history_once(folder: Path) -> None:
    for hours in (1, 2, 3):
        now = synced(folder, hours)
    measures = [source.measure for source in live_state(open_workspace(folder), CAMPAIGN, now).sources]
    assert sorted(measures) == sorted(set(measures))


def test_the_gauges_are_documented_with_their_labels() -> None:
    page = (ROOT / "docs" / "sre" / "prometheus.md").read_text("utf-8")
    documented = {name: tuple(re.findall(r"`(\w+)`", labels)) for name, labels in documented_rows(page)}
    assert documented == {name: labels for name, (_, labels) in LABELS.items()}


def documented_rows(page: str) -> Iterator[tuple[str, str]]:
    yield from re.findall(r"^\| `(surgeplan_\w+)` \| ([^|]*) \|", page, re.M)
