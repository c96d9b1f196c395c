"""The growth meeting's agenda: objectives, churn nodes, joint score, lasting peaks, page and calendar."""

from __future__ import annotations

import json
import shutil
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import icalendar
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shops import shop

from campaign.workspace import open_workspace
from metrics.daily import Daily
from playbooks.growth.agenda import next_start
from playbooks.growth.channels import _bounded, churn_nodes, joint_scores
from playbooks.growth.lasting import did_it_last
from playbooks.growth.objectives import _progress, key_results
from playbooks.growth.publish import open_rules
from surgeplan.cli import main

ZONE = ZoneInfo("Asia/Shanghai")
NOW = "2026-10-25T09:00+08:00"
EXPERIMENT = (
    "schema_version: 1\nid: copy\ntitle: {zh: 文案, en: Copy}\nmetric: orders\nusers_planned: 100\ncontrol: a\n"
    "variants: {a: {share: 1, users: 1000, successes: 80}, b: {share: 1, users: 1000, successes: 130}}\n"
)


def meeting(folder: Path, capsys: pytest.CaptureFixture[str], *more: str) -> dict[str, object]:
    assert main(["rules", "meeting", "--workspace", str(folder), "--now", NOW, "--json", *more]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def test_the_agenda_fills_itself(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shop(tmp_path, fall=0.3, lost_clicks=0.3)
    (folder / "experiments").mkdir()
    (folder / "experiments" / "copy.yaml").write_text(EXPERIMENT)
    agenda = meeting(folder, capsys)
    assert agenda["starts_at_utc"] == "2026-10-28T07:00:00+00:00"
    assert [a["rule"] for a in agenda["alerts"]] == ["roi-drop"]  # type: ignore[index, attr-defined]
    (node,) = agenda["churn_nodes"]  # type: ignore[misc]
    assert (node["channel"], node["step"]) == ("search", ["clicks", "sessions"])
    assert node["lost"] == pytest.approx(7 * 5000 * (0.8 - 0.56), rel=1e-3)
    assert node["lost_orders"] == pytest.approx(7 * 5000 * 0.24 * 200 / 4000, rel=1e-3)
    assert [e["winner"] for e in agenda["experiments"]] == ["b"]  # type: ignore[attr-defined]
    assert agenda["lasting_peaks"][0]["lasted"] is False  # type: ignore[index]
    assert set(agenda["inputs"]) >= {"bi/daily.csv", "bi/nps.csv", "rules.yaml", "experiments/copy.yaml"}  # type: ignore[call-overload]


def test_the_page_speaks_both_languages_and_fits(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shop(tmp_path, fall=0.3)
    page = folder / "out" / "meetings" / "growth-2026-10-28" / "agenda.html"
    meeting(folder, capsys, "--lang", "zh")
    assert "增长例会" in page.read_text("utf-8")
    meeting(folder, capsys, "--lang", "en")
    text = page.read_text("utf-8")
    assert "Growth meeting" in text
    assert "feed: 1." in text
    assert not [word for word in (">nan", ">None<", " nan", "{{") if word in text]


def test_an_action_is_overdue_from_the_day_after_it_was_due(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shop(tmp_path, fall=0.3)
    (alert,) = meeting(folder, capsys)["alerts"]  # type: ignore[misc]
    due = date.fromisoformat(alert["due_on"])
    for days_after, marked in ((0, 0), (1, 1)):
        shutil.rmtree(folder / "out" / "meetings")
        now = f"{due + timedelta(days=days_after)}T09:00+08:00"
        assert main(["rules", "meeting", "--workspace", str(folder), "--now", now, "--lang", "en"]) == 0
        (page,) = (folder / "out" / "meetings").glob("*/agenda.html")
        assert page.read_text("utf-8").count(">overdue<") == marked


def test_rules_without_values_are_named_by_their_titles(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = shop(tmp_path)
    (folder / "rules.yaml").write_text("rules:\n  - {id: roi-drop, guard: {least: {contacts: 1}}}\n")
    meeting(folder, capsys, "--lang", "zh")
    (page,) = (folder / "out" / "meetings").glob("*/agenda.html")
    text = page.read_text("utf-8").replace("\N{NO-BREAK SPACE}", " ")
    assert "渠道 ROI 连续三天低于基线 10 %（客服进线量）" in text
    assert "roi-drop" not in text


def test_the_calendar_repeats_on_wednesdays_and_replaces_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shop(tmp_path)
    meeting(folder, capsys)
    file = folder / "out" / "meetings" / "growth-2026-10-28" / "meeting.ics"
    calendar = icalendar.Calendar.from_ical(file.read_bytes())
    (event,) = calendar.walk("VEVENT")
    assert event["RRULE"].to_ical() == b"FREQ=WEEKLY;BYDAY=WE"
    assert event["UID"] == "meeting-growth@surgeplan"
    assert event["DTSTART"].dt == datetime(2026, 10, 28, 15, tzinfo=ZONE)
    assert calendar.walk("VTIMEZONE")
    before = file.read_bytes()
    meeting(folder, capsys)
    assert file.read_bytes() == before


def test_the_next_meeting_is_today_until_it_has_begun(tmp_path: Path) -> None:
    made = open_rules(open_workspace(shop(tmp_path)), tmp_path).rules.meetings[0]
    before, after = (datetime(2026, 10, 28, hour, tzinfo=ZONE) for hour in (9, 16))
    assert next_start(made, before, ZONE) == datetime(2026, 10, 28, 15, tzinfo=ZONE)
    assert next_start(made, after, ZONE) == datetime(2026, 11, 4, 15, tzinfo=ZONE)


def test_objectives_pool_parts_and_know_both_owners(tmp_path: Path) -> None:
    made = open_rules(open_workspace(shop(tmp_path)), tmp_path)
    results = key_results(made.rules.kpis, made.daily, made.dictionary.definitions, date(2026, 10, 25))
    cac, retention = results
    assert cac.now == pytest.approx(10_000 / 140)
    assert cac.met
    assert cac.progress_ratio == 1
    assert retention.now == pytest.approx(0.36)
    assert retention.objective.owners == ("marketing", "ops")


@pytest.mark.parametrize(
    ("start", "now", "target", "at_most", "progress"),
    [
        (100, 90, 80, True, 0.5), (100, 80, 80, True, 1), (100, 110, 80, True, 0), (0.25, 0.30, 0.35, False, 0.5),
        (0.40, 0.30, 0.35, False, 0), (70, 75, 80, True, 1), (70, 85, 80, True, 0),
    ],
)  # fmt: skip
def test_progress_is_the_share_of_the_way(
    start: float, now: float, target: float, at_most: bool, progress: float
) -> None:
    assert _progress(start, now, target, at_most) == pytest.approx(progress)


def test_the_score_moves_budget_towards_better_channels_but_not_far(tmp_path: Path) -> None:
    made = open_rules(open_workspace(shop(tmp_path, noise=0.0)), tmp_path)
    scores = joint_scores(made.daily, made.dictionary.definitions, made.rules.joint_score)
    assert [s.channel for s in scores] == ["push", "search", "feed", "kol"]
    assert sum(s.next_share for s in scores) == pytest.approx(1)
    assert all(0.8 - 1e-6 <= s.next_share / s.share <= 1.2 + 1e-6 for s in scores)
    assert np.prod([s.score for s in scores]) == pytest.approx(1)


@given(st.lists(st.floats(0.01, 10), min_size=2, max_size=8), st.floats(0, 0.9), st.randoms())
def test_shares_sum_to_one_and_stay_within_their_bound(values: list[float], most: float, random: object) -> None:
    shares = np.array(values) / np.sum(values)
    wished = shares * np.array([random.uniform(0.1, 9) for _ in values])  # type: ignore[attr-defined]
    made = _bounded(shares, wished, most)
    assert made.sum() == pytest.approx(1)
    assert np.all(made <= shares * (1 + most) * (1 + 1e-6))
    assert np.all(made >= shares * (1 - most) * (1 - 1e-6))


def test_no_churn_where_nothing_changed(tmp_path: Path) -> None:
    made = open_rules(open_workspace(shop(tmp_path)), tmp_path)
    assert churn_nodes(made.daily, made.dictionary.definitions, made.rules.churn) == []


def test_a_peak_that_lasts_is_told_from_one_that_does_not(tmp_path: Path) -> None:
    made = open_rules(open_workspace(shop(tmp_path)), tmp_path)
    lasting, definitions = made.rules.lasting, made.dictionary.definitions
    found = did_it_last("autumn", date(2026, 10, 10), made.daily, definitions, lasting)
    assert found
    assert found.kept == (pytest.approx(1.3 / 3),) * 7
    assert found.rise_kept[-1] == pytest.approx(0.3 / 2)
    assert found.lasted is False
    easy = lasting.model_copy(update={"kept_ratio": 0.1})
    lasted = did_it_last("autumn", date(2026, 10, 10), made.daily, definitions, easy)
    assert lasted
    assert lasted.lasted is True
    cut = Daily(made.daily.days[:75], {"active_users": {("a",): np.ones(75)}}, {}, {}, ())
    assert did_it_last("autumn", date(2026, 10, 10), cut, definitions, lasting).lasted is None  # type: ignore[union-attr]
    assert did_it_last("autumn", date(2027, 10, 10), made.daily, definitions, lasting) is None


def test_an_unknown_meeting_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["rules", "meeting", "growht", "--workspace", str(shop(tmp_path)), "--lang", "en"]
    assert main(command) == 2
    assert "there is no meeting growht\n  did you mean growth?" in capsys.readouterr().err
