"""When forecasts are made anew, and what their owners hear."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from campaign.files import sha256, write_json
from campaign.traffic import Peak, Quantiles, TrafficModel
from campaign.workspace import open_workspace
from tests.warroom.conftest import NOW
from warroom.refresh.changes import Level, told
from warroom.refresh.due import due, last_night
from warroom.refresh.worker import Refresher
from warroom.service.site import Site

START = datetime(2026, 11, 10, 12, tzinfo=UTC)


def model(p90: float, as_of: datetime, plan_hash: str = "", peak_at: datetime = START) -> TrafficModel:
    quantiles = Quantiles(p10=p90 / 2, p50=p90 * 0.8, p90=p90, p99=p90 * 1.3)
    peak = Peak(peak_requests_per_second=quantiles, peak_at_utc=peak_at)
    return TrafficModel.model_validate(
        {
            "campaign": "d11", "as_of_utc": as_of, "lead_days": 21.0, "status": "draft", "seed": 0, "paths": 10,
            "inputs": {"campaigns/d11.yaml": plan_hash}, "services": {"storefront": peak}, "total": peak,
            "starts_at_utc": START, "ends_at_utc": START, "knowledge": "some", "back_test": {"campaigns": 0},
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("now", "expected"),
    [
        (START - timedelta(days=29), ()),
        (START - timedelta(days=28), ("d11",)),
        (START - timedelta(days=4), ("d11",)),
        (START - timedelta(days=3), ()),
        (START + timedelta(days=1), ()),
    ],
)
def test_forecasts_are_made_from_d28_until_they_are_frozen(
    folder: Path, now: datetime, expected: tuple[str, ...]
) -> None:
    assert due(open_workspace(folder), now) == expected


def test_a_forecast_is_due_once_a_night_and_when_its_plan_has_changed(folder: Path) -> None:
    workspace = open_workspace(folder)
    file = workspace.out("d11") / "traffic.json"
    plan_hash = sha256(workspace.plan_file("d11"))
    write_json(file, model(100, NOW - timedelta(hours=2), plan_hash).model_dump(mode="json"))
    assert due(workspace, NOW) == ()
    assert due(workspace, NOW + timedelta(days=1)) == ("d11",)
    workspace.plan_file("d11").write_text(workspace.plan_file("d11").read_text("utf-8") + "# changed\n", "utf-8")
    assert due(workspace, NOW) == ("d11",)


def test_the_night_is_the_workspaces(folder: Path) -> None:
    assert last_night(open_workspace(folder), NOW) == datetime(2026, 10, 19, 19, tzinfo=UTC)


def test_owners_hear_only_what_matters(folder: Path) -> None:
    zone = open_workspace(folder).settings.zone
    before = Level(80, 100, START)
    assert told(before, model(104, NOW), zone) == ()
    rises = [str(s) for s in told(before, model(120, NOW), zone)]
    assert rises == ["The peak that is planned for (p90) rises by 20 %: 100 → 120 requests/s."]
    moved = [str(s) for s in told(before, model(100, NOW, peak_at=START + timedelta(hours=4)), zone)]
    assert moved == ["The peak moves from 11-10 20:00 to 11-11 00:00."]
    assert str(told(None, model(100, NOW), zone)[0]).startswith("First forecast: peak 80 requests/s")


def test_plans_saved_one_after_another_are_forecast_once(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    looks: list[float] = []
    refresher = Refresher(site, lambda *_: None, settled_seconds=0.2)
    monkeypatch.setattr(refresher, "_refresh", lambda: looks.append(time.monotonic()))
    refresher.start()
    wait_until(lambda: len(looks) == 1)
    for _ in range(10):
        refresher.poke("d11")
        time.sleep(0.02)
    poked = time.monotonic()
    wait_until(lambda: len(looks) == 2)
    refresher.stop()
    assert looks[1] >= poked + 0.1
    assert len(looks) == 2


def wait_until(done: Callable[[], bool]) -> None:
    latest = time.monotonic() + 20
    while not done():
        assert time.monotonic() < latest
        time.sleep(0.01)
