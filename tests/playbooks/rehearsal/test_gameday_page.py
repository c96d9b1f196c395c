"""The game day's script as a phone shows it: what is practised first, and figures of the paths that were played."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from campaign.console import no_progress
from campaign.language import use_language
from campaign.numbers import spoken
from campaign.workspace import open_workspace
from playbooks.rehearsal.gameday import game_day
from playbooks.rehearsal.inputs import Inputs
from playbooks.rehearsal.publish_gameday import publish_game_day
from playbooks.rehearsal.replays import rehearsed
from tests.pictures import english_words, on_a_phone, too_small
from tests.playbooks.rehearsal import test_support
from tests.playbooks.rehearsal.test_gameday import ZONE, event
from tests.warroom.phones import chromium, is_as_wide_as_a_phone

__all__ = ["chromium", "event"]
pytestmark = pytest.mark.slow

SETTINGS = """schema_version: 1
time_zone: Asia/Shanghai
services: [{name: checkout}]
roles: {王磊: sre, 李静: sre}
switches:
  - {id: queue, effect: {checkout: 0.5}, action: 打开排队页, undo: 关闭排队页, executor: sre, drilled_seconds: 45}
"""
PLAN = """schema_version: 1
id: opening
name: 双11 开门红
kind: flagship
starts_at: 2026-11-10T20:00+08:00
ends_at: 2026-11-10T21:00+08:00
"""


def game_day_page(folder: Path, inputs: Inputs, language: str) -> Path:
    use_language(language)  # type: ignore[arg-type]
    (folder / "campaigns").mkdir()
    (folder / "surgeplan.yaml").write_text(SETTINGS, "utf-8")
    (folder / "campaigns" / "opening.yaml").write_text(PLAN, "utf-8")
    publish_game_day(open_workspace(folder), "opening", rehearsed(inputs), no_progress)
    return folder / "out" / "opening" / "gameday.html"


def test_it_begins_with_what_is_practised_and_what_that_would_lose(
    tmp_path: Path, chromium: Browser, event: Inputs
) -> None:
    page = on_a_phone(chromium, game_day_page(tmp_path, event, "en"))
    drills = game_day(rehearsed(event), (), ZONE, no_progress)
    practised = page.locator("h1 + ol li").all_inner_texts()
    assert practised == [f"{d.broken}: {spoken(d.lost_orders_mean)} orders lost on average" for d in drills]
    assert "of 40 of the forecast's paths" in page.inner_text("body")
    assert is_as_wide_as_a_phone(page)
    assert too_small(page) == []


def test_it_is_chinese_throughout_for_those_who_read_chinese(tmp_path: Path, chromium: Browser, event: Inputs) -> None:
    page = on_a_phone(chromium, game_day_page(tmp_path, replace(event, limits=()), "zh"))
    assert "sre（王磊、李静）：打开排队页" in page.inner_text("body")
    columns = ["switch", "drilled_at", "seconds_to_effect", "undone", "observer"]
    names = ["checkout", "opening", "queue", "SurgeplanReplicasMissing", "evidence", "drills.csv", *columns]
    assert english_words(page, *names) == set()


def test_the_bots_drill_is_among_them(tmp_path: Path, chromium: Browser) -> None:
    page = on_a_phone(chromium, game_day_page(tmp_path, test_support.event([700.0] * 20, seats=80), "zh"))
    practised = page.locator("h1 + ol li").all_inner_texts()
    assert practised[-1].startswith("机器人整整两小时不应答：chat 平均有")
    assert is_as_wide_as_a_phone(page)
