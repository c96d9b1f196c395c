"""What makes one service jump makes all: alerts that change alike are one message, each with its place in the log."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from campaign.store.live import Letter, Measured
from campaign.workspace import open_workspace
from playbooks.readiness.record import workspace_log
from tests.warroom.live_event import CAMPAIGN, LEVEL, START, model_files, paths_of
from tests.warroom.live_system import PLAN
from warroom.chat.targets import Target
from warroom.handed import campaign_events
from warroom.live.clocks.judge import judge
from warroom.live.expected.yardstick import expected_of
from warroom.live.state import live_store

SERVICES = ("checkout", "gateway", "storefront")
SYSTEM = (
    "schema_version: 1\ntime_zone: Asia/Shanghai\nservices: [{name: checkout}, {name: gateway}, {name: storefront}]\n"
)
TARGETS = (
    Target("wecom", "http://127.0.0.1:9/one", language="en"),
    Target("feishu", "http://127.0.0.1:9/two", language="zh"),
)
JUMP = START + timedelta(minutes=60)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("SURGEPLAN_STATE", raising=False)
    (tmp_path / "campaigns").mkdir()
    (tmp_path / "surgeplan.yaml").write_text(SYSTEM)
    (tmp_path / "campaigns" / f"{CAMPAIGN}.yaml").write_text(PLAN)
    one = paths_of()
    rates = np.repeat(one.requests_per_second, len(SERVICES), axis=1)
    model_files(tmp_path, replace(one, requests_per_second=rates, services=SERVICES))
    return tmp_path


def looked(folder: Path, minutes: int, jumping: tuple[str, ...] = SERVICES) -> list[Letter]:
    """The letters after looks of each minute up to so many after the jump, which only some services make."""
    workspace = open_workspace(folder)
    plan, store = workspace.plan(CAMPAIGN), live_store(workspace)
    for n in range(minutes):
        now = JUMP + (n + 1) * MINUTE
        at = [int((START + k * MINUTE).timestamp()) for k in range(int((now - START) / MINUTE))]
        rate = {name: 1.6 if name in jumping else 1.0 for name in SERVICES}
        store.keep(
            CAMPAIGN,
            [
                Measured("requests", name, 60, start, LEVEL * (rate[name] if start >= JUMP.timestamp() else 1.0), False)
                for name in SERVICES
                for start in at
            ],
        )
        log = campaign_events(workspace, CAMPAIGN)
        judge(workspace, plan, expected_of(workspace, plan, log, keeping=True), log, TARGETS, now, hourly=False)
    return store.letters(CAMPAIGN)


def test_three_services_that_jump_together_are_one_message_for_each_target(folder: Path) -> None:
    letters = looked(folder, 4)
    assert len(letters) == len(TARGETS)
    body = next(letter.body for letter in letters if "more like it" in letter.body["title"])
    assert body["title"].endswith("; 2 more like it")
    assert body["urgent"]
    told = [body["title"], *body["lines"]]
    assert all(any(name in line for line in told) for name in SERVICES)
    assert len([line for line in body["lines"] if line.startswith("Asked:")]) == 1
    assert any("另有 2 条同类" in letter.body["title"] for letter in letters)


def test_each_alert_has_its_own_place_in_the_log_and_is_told_once(folder: Path) -> None:
    looked(folder, 6)
    acts = [each for each in workspace_log(open_workspace(folder)).events() if each.kind == "alert"]
    assert sorted(str(act.body["about"]) for act in acts) == sorted(SERVICES)
    assert {act.body["change"] for act in acts} == {"fired"}


def test_one_that_jumps_alone_is_told_alone(folder: Path) -> None:
    letters = looked(folder, 4, ("gateway",))
    assert len(letters) == len(TARGETS)
    assert not any("more like it" in letter.body["title"] for letter in letters)
    assert any(letter.body["title"].startswith("Level ") and "gateway" in letter.body["title"] for letter in letters)
