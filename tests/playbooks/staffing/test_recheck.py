"""`surgeplan staffing`: what if, and what an edited roster costs in service level."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path

import pytest
from openpyxl import load_workbook

from campaign.workspace import open_workspace
from playbooks.staffing.recheck import recheck_roster, what_if
from surgeplan.cli import main


def run(capsys: pytest.CaptureFixture[str], folder: Path, *words: str) -> tuple[int, str, str]:
    code = main(["staffing", "d11", "--workspace", str(folder), "--lang", "en", *words])
    told = capsys.readouterr()
    return code, told.out, told.err


def test_more_people_never_achieve_less(planned: Path) -> None:
    workspace = open_workspace(planned)
    levels = [what_if(workspace, "d11", "hotline", agents) for agents in (10, 25, 40, 80)]
    ratios = [one.service_level_ratio for one in levels]
    assert ratios == sorted(ratios)
    assert levels[0].abandoned_ratio > levels[-1].abandoned_ratio
    assert [one.keeps_promise for one in levels] == [False, *(r >= 0.8 for r in ratios[1:])]
    assert levels[-1].missing_agent_hours == 0


def test_too_few_people_build_a_backlog_that_clears_later(planned: Path) -> None:
    found = what_if(open_workspace(planned), "d11", "hotline", 12)
    assert found.backlog_max > 2
    assert found.backlog_clear_at_utc is None or found.backlog_clear_at_utc > found.worst_at_utc - timedelta(hours=12)


def test_too_few_people_make_tickets_late(planned: Path) -> None:
    workspace = open_workspace(planned)
    few, many = (what_if(workspace, "d11", "mail", agents) for agents in (4, 60))
    assert few.oldest_ticket_hours > 24 >= many.oldest_ticket_hours
    assert not few.keeps_promise
    assert many.keeps_promise


def test_what_if_speaks_and_its_exit_code_says_whether_the_promise_is_kept(
    planned: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, _ = run(capsys, planned, "--desk", "hotline", "--agents", "80")
    assert code == 0
    assert out.startswith("hotline with 80 people, 11-10 20:00 to 11-12 00:00\n  service level: ")
    assert out.splitlines()[-1] == "next: surgeplan checklist d11"
    code, out, _ = run(capsys, planned, "--desk", "hotline", "--agents", "2", "--json")
    assert code == 1
    assert json.loads(out)["keeps_promise"] is False


def test_without_a_question_the_plan_is_shown(planned: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, planned)
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()[1:4]] == ["chat", "hotline", "mail"]
    assert "replayed on 12 sample paths around the peak" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--desk", "chatt", "--agents", "3"), "--desk: there is no desk chatt\n  did you mean chat?\n"),
        (("--desk", "chat"), "--agents: is missing\n  give --desk and --agents together\n"),
        (("--agents", "5"), "--desk: is missing\n  give --desk and --agents together\n"),
        (
            ("--desk", "chat", "--agents", "5", "--roster", "x.csv"),
            "--roster: ask one thing at a time\n  leave out --roster or --desk\n",
        ),
    ],
)
def test_wrong_questions_are_refused(
    planned: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    code, _, problems = run(capsys, planned, *words)
    assert code == 2
    assert problems == said + "1 problem; nothing was written\n"


def test_a_campaign_without_a_staffing_plan_is_refused(
    planned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(planned, tmp_path / "w")
    (tmp_path / "w" / "out" / "d11" / "playbook" / "staffing.json").unlink()
    code, _, problems = run(capsys, tmp_path / "w")
    assert code == 2
    assert problems.startswith("out/d11/playbook/staffing.json: there is no staffing plan yet\n")


def test_the_rosters_own_workbook_changes_nothing(planned: Path) -> None:
    found = recheck_roster(open_workspace(planned), "d11", planned / "out" / "d11" / "playbook" / "roster.xlsx")
    for desk in found.desks:
        assert desk.after == desk.before
        assert desk.paid_hours_after == pytest.approx(desk.paid_hours_before)
    assert found.findings == ()


def test_fewer_people_at_the_peak_cost_service_level(
    planned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    book = load_workbook(planned / "out" / "d11" / "playbook" / "roster.xlsx")
    for row in book["hotline"].iter_rows(min_row=2):
        row[6].value = int(row[6].value) // 3
    book.save(tmp_path / "edited.xlsx")
    code, out, _ = run(capsys, planned, "--roster", str(tmp_path / "edited.xlsx"), "--json")
    hotline = next(desk for desk in json.loads(out)["desks"] if desk["after"]["desk"] == "hotline")
    assert code == 1
    assert hotline["after"]["service_level_ratio"] < hotline["before"]["service_level_ratio"] - 0.2
    assert hotline["after"]["missing_agent_hours"] > hotline["before"]["missing_agent_hours"]
    assert hotline["paid_hours_after"] < hotline["paid_hours_before"] / 2
