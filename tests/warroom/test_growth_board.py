"""Early warning and growth on one page: what stands, how it came, who owns it, and the coming meeting."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from campaign.pages import unbroken
from campaign.workspace import open_workspace
from playbooks.growth.publish import check_rules, open_rules
from playbooks.readiness.record import workspace_log
from tests.playbooks.growth.shops import shop
from warroom.growth.board import STATES
from warroom.growth.gather import read_board
from warroom.growth.routes import row_words
from warroom.service.access import Door
from warroom.service.run import site_app
from warroom.service.site import Site
from warroom.sparkline import EDGE, HEIGHT, WIDTH, sparkline

NOW = datetime(2026, 10, 25, 1, tzinfo=UTC)


def page(folder: Path, language: str = "en") -> str:
    with TestClient(site_app(Site(folder, Door("local", "a secret of this test", {}), lambda: NOW))) as client:
        answer = client.get("/growth", params={"lang": language})
    assert answer.status_code == 200
    return answer.text


@pytest.fixture(scope="module")
def fallen(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The feed sells 30 % less for two weeks, and NPS is just below its level."""
    return shop(tmp_path_factory.mktemp("shop") / "w", fall=0.3, nps=38)


def test_a_value_that_is_not_of_the_newest_day_says_its_day(fallen: Path) -> None:
    read = read_board(open_workspace(fallen), NOW)
    (roi,) = read.board.levels[0].warnings
    row = roi.rows[0]
    assert row.day is not None
    said = row_words(roi, row, read.dictionary, row.day + timedelta(days=7))
    assert said == f"{row_words(roi, row, read.dictionary, row.day)} · on {row.day}, the last that counts"


def test_every_level_says_what_stands_and_the_worst_comes_first(fallen: Path) -> None:
    board = read_board(open_workspace(fallen), NOW).board
    states = {w.rule.id: (level.level, w.state) for level in board.levels for w in level.warnings}
    assert states == {
        "roi-drop": (1, "red"),
        "retention-low": (2, "well"),
        "nps-low": (3, "amber"),
        "ltv-cac-low": (3, "well"),
    }
    (roi,) = board.levels[0].warnings
    assert [row.split for row in roi.rows if row.state != "well"] == ["feed"]
    assert roi.rows[0].split == "feed"
    for level in board.levels:
        for warning in level.warnings:
            assert [*map(STATES.index, (row.state for row in warning.rows))] == sorted(
                STATES.index(row.state) for row in warning.rows
            )
            for row in warning.rows:
                assert row.value is not None
                assert row.limit is not None
                assert len(row.values) == len(row.limits) == 28
                assert (row.value < row.limit) == (row.state in ("red", "amber"))


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("en", ["Level 2: operations", "NPS below 40", "Growth meeting · 2026-10-28 15:00", "Shared objectives"]),
        ("zh", ["二级：运营", "NPS 低于 40", "增长例会 · 2026-10-28 15:00", "共同目标", "警戒线"]),
    ],
)
def test_the_page_has_warnings_alerts_objectives_and_the_coming_meeting(
    fallen: Path, language: str, words: list[str]
) -> None:
    text = page(fallen, language)
    assert [word for word in words if word not in text] == []
    assert not re.search(r">nan|>None<| nan|\{\{", text)
    lines = re.findall(r'<svg class="spark page".*?aria-label="([^"]+)"', text)
    assert len(lines) == len(set(lines)) == 10 + 2  # four channels twice, two rules on everybody, two objectives


def test_programs_read_the_same_board(fallen: Path) -> None:
    with TestClient(site_app(Site(fallen, Door("local", "a secret of this test", {}), lambda: NOW))) as client:
        told = client.get("/api/growth").json()
        assert "/api/growth" in client.get("/openapi.json").json()["paths"]
    states = {warning["id"]: (warning["level"], warning["state"]) for warning in told["warnings"]}
    assert states["roi-drop"] == (1, "red")
    assert states["nps-low"] == (3, "amber")
    roi = next(warning for warning in told["warnings"] if warning["id"] == "roi-drop")
    assert roi["judged"][0]["split"] == "feed"
    assert roi["judged"][0]["value"] < roi["judged"][0]["limit"]
    assert told["meetings"][0]["starts_at"].startswith("2026-10-28T15:00")
    assert told["objectives"]


def test_programs_hear_what_the_board_lacks(folder: Path) -> None:
    with TestClient(site_app(Site(folder, Door("local", "a secret of this test", {}), lambda: NOW))) as client:
        answer = client.get("/api/growth")
    assert answer.status_code == 422
    assert answer.json()["detail"]


def test_looking_at_the_board_tells_nobody_that_a_rule_fired(fallen: Path, tmp_path: Path) -> None:
    workspace = open_workspace(fallen)
    page(fallen)
    assert workspace_log(workspace).events() == []
    fresh = open_workspace(shop(tmp_path / "w", fall=0.3))
    check_rules(open_rules(fresh, fresh.folder / "data"), NOW)
    assert [event.subject for event in workspace_log(fresh).events()] == ["roi-drop/feed"]


def test_a_workspace_without_values_sees_its_rules_and_what_is_missing(folder: Path) -> None:
    text = page(folder)
    assert "there are no daily values" in text
    assert unbroken("Next-day retention below 25 %") in text
    assert "spark" not in text


@given(st.lists(st.none() | st.floats(-1e6, 1e6), min_size=1, max_size=40), st.floats(-1e6, 1e6))
def test_a_line_stays_in_its_box_and_gaps_stay_gaps(values: list[float | None], limit: float) -> None:
    drawn = str(sparkline(values, [limit] * len(values), "x", "#000"))
    if all(value is None for value in values):
        assert drawn == ""
        return
    shown = re.findall(r'stroke="#000" .*?/>|points="([^"]+)" fill="none" stroke="#000"', drawn)
    runs = [run for run in shown if run]
    assert sum(len(run.split()) for run in runs) == sum(value is not None for value in values)
    corners = [
        tuple(map(float, pair.split(","))) for run in re.findall(r'points="([^"]+)"', drawn) for pair in run.split()
    ]
    assert all(EDGE - 0.1 <= x <= WIDTH - EDGE + 0.1 and EDGE - 0.1 <= y <= HEIGHT - EDGE + 0.1 for x, y in corners)
    places = np.array([x for run in runs for x in [float(pair.split(",")[0]) for pair in run.split()]])
    assert (np.diff(places) > 0).all()
