"""Inputs at their edges and beyond: no volume at all, and figures that a workspace must not hold."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from openpyxl import load_workbook

from campaign.console import no_progress
from campaign.demand import DemandPaths
from campaign.errors import UserError
from campaign.workspace import open_workspace
from playbooks.staffing.publish import publish_staffing
from surgeplan.cli import main

Make = Callable[..., Path]
Demand = Callable[..., DemandPaths]
NOW = datetime(2026, 11, 7, 12, tzinfo=UTC)


def replaced(paths: DemandPaths, contacts: np.ndarray) -> DemandPaths:
    return DemandPaths(
        paths.sessions, paths.orders, contacts.astype(np.float32), paths.desks, paths.hours_utc, paths.half_hours_utc
    )


def test_no_volume_at_all_needs_nobody(make_workspace: Make, make_demand: Demand) -> None:
    folder = make_workspace()
    paths = make_demand({"chat": 1.0, "hotline": 1.0, "mail": 1.0}, paths=4, intervals=96)
    replaced(paths, paths.contacts * 0).save(folder / "out" / "d11" / "demand_paths.npz")
    plan = publish_staffing(open_workspace(folder), "d11", NOW, no_progress)
    assert plan.peak_agents_required == 0
    assert [desk.paid_hours for desk in plan.desks] == [0, 0, 0]
    with open(folder / "out" / "d11" / "playbook" / "staffing.csv", encoding="utf-8", newline="") as file:
        assert {row["agents_required"] for row in csv.DictReader(file)} == {"0"}


def test_one_contact_needs_two_people_because_one_is_away_a_quarter_of_the_time(
    make_workspace: Make, make_demand: Demand
) -> None:
    folder = make_workspace()
    paths = make_demand({"chat": 1.0, "hotline": 1.0, "mail": 1.0}, paths=4, intervals=96)
    few = paths.contacts * 0
    few[:, :, 20] = 1
    replaced(paths, few).save(folder / "out" / "d11" / "demand_paths.npz")
    plan = publish_staffing(open_workspace(folder), "d11", NOW, no_progress)
    assert [desk.peak.agents_required for desk in plan.desks][:2] == [2, 2]


def test_one_path_is_enough(make_workspace: Make, make_demand: Demand) -> None:
    folder = make_workspace()
    make_demand({"chat": 60.0, "hotline": 10.0, "mail": 5.0}, paths=1, intervals=400).save(
        folder / "out" / "d11" / "demand_paths.npz"
    )
    plan = publish_staffing(open_workspace(folder), "d11", NOW, no_progress)
    assert plan.desks[0].self_check is not None
    assert plan.desks[0].self_check.paths == 1


@pytest.mark.parametrize("bad", [np.nan, -1.0])
def test_contacts_that_are_no_counts_are_refused(make_workspace: Make, make_demand: Demand, bad: float) -> None:
    folder = make_workspace()
    paths = make_demand({"chat": 1.0, "hotline": 1.0, "mail": 1.0}, paths=4, intervals=96)
    broken = paths.contacts.copy()
    broken[1, 1, 7] = bad
    replaced(paths, broken).save(folder / "out" / "d11" / "demand_paths.npz")
    with pytest.raises(UserError) as refused:
        publish_staffing(open_workspace(folder), "d11", NOW, no_progress)
    assert str(refused.value) == (
        "demand_paths.npz: the forecast's contacts of hotline are not all numbers from zero up\n"
        "  run `surgeplan forecast` again"
    )


@pytest.mark.parametrize(
    ("given", "wrong", "said"),
    [
        ("concurrency: 3", "concurrency: 0", "surgeplan.yaml:8 desks[0].concurrency: 0 must be ≥ 1"),
        ("concurrency: 3", "concurrency: 1.5", "surgeplan.yaml:8 desks[0].concurrency: 1.5 is not a whole number"),
        ("patience_seconds: 120", "patience_seconds: 0", "surgeplan.yaml:10 desks[0].patience_seconds: 0 must be > 0"),
        (
            "patience_seconds: 120",
            "patience_seconds: .inf",
            "surgeplan.yaml:10 desks[0].patience_seconds: inf is not a finite number\n"
            "  write a number, or leave the key out",
        ),
        (
            "patience_seconds: 120",
            "patience_seconds: 120\n    redial_ratio: 50",
            "surgeplan.yaml:11 desks[0].redial_ratio: 50 must be < 1\n"
            "  a share lies between 0 and 1: for 50 % write 0.5",
        ),
        (
            "shrinkage_ratio: 0.25\n    occ",
            "shrinkage_ratio: 25\n    occ",
            "surgeplan.yaml:11 desks[0].shrinkage_ratio: 25 must be < 1\n"
            "  a share lies between 0 and 1: for 25 % write 0.25",
        ),
        (
            "shrinkage_ratio: 0.25\n    occ",
            "shrinkage_ratio: 100\n    occ",
            "surgeplan.yaml:11 desks[0].shrinkage_ratio: 100 must be < 1\n  write a share below 1, such as 0.99",
        ),
        (
            "shrinkage_ratio: 0.25\n    occ",
            "shrinkage_ratio: 0.25\n    abandonment_max_ratio: 0\n    occ",
            "surgeplan.yaml:12 desks[0].abandonment_max_ratio: 0 must be > 0",
        ),
        (
            "ratio: 0.8,",
            "ratio: 1.0,",
            "surgeplan.yaml:13 desks[0].service_level.ratio: 1.0 must be < 1\n  write a share below 1, such as 0.99",
        ),
        (
            "high: 0.6",
            "high: 60",
            "surgeplan.yaml:20 desks[0].bot.resolved_ratio.high: 60 must be ≤ 1\n"
            "  a share lies between 0 and 1: for 60 % write 0.6",
        ),
        (
            "mid: 0.45",
            "mid: 0.75",
            "surgeplan.yaml:20 desks[0].bot.resolved_ratio: low, mid and high are not in order\n"
            "  write the smallest first",
        ),
        (
            "bot: {resolved",
            "bot: {contained_ratio: {low: 0.35, mid: 0.5, high: 0.55}, resolved",
            "surgeplan.yaml:20 desks[0].bot.contained_ratio.high: contained_ratio is below resolved_ratio at high\n"
            "  the bot cannot contain more than it handled, nor resolve more than it contained",
        ),
        (
            "handle_seconds: 240",
            "handle_seconds: 4",
            "surgeplan.yaml:9 desks[0].handle_seconds: 4 seconds of handling is implausible for chat\n"
            "  these look like minutes: write handle_seconds: 240",
        ),
        (
            "hours: 8, break_minutes: 60}\n      - {name: mid",
            "hours: 2}\n      - {name: mid",
            "surgeplan.yaml:16 desks[0].shifts: no shift of chat covers 10:00 to 13:00\n"
            "  add a shift there or shorten the opening hours",
        ),
    ],
)
def test_impossible_desks_are_refused_in_one_report_and_nothing_is_written(
    make_workspace: Make, settings_text: str, given: str, wrong: str, said: str
) -> None:
    assert given in settings_text
    folder = make_workspace(settings_text.replace(given, wrong, 1))
    with pytest.raises(UserError) as refused:
        publish_staffing(open_workspace(folder), "d11", NOW, no_progress)
    assert str(refused.value) == said
    assert not (folder / "out" / "d11" / "playbook").exists()


def test_the_check_of_a_workspace_finds_every_desk_that_cannot_be_planned(
    make_workspace: Make, settings_text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong = settings_text.replace("handle_seconds: 240", "handle_seconds: 4")
    folder = make_workspace(wrong.replace('starts: "09:00", hours: 9, break_minutes: 60', 'starts: "09:00", hours: 3'))
    assert main(["check", "--workspace", str(folder)]) == 2
    told = capsys.readouterr().err
    assert "surgeplan.yaml:9 desks[0].handle_seconds: 4 seconds of handling is implausible for chat" in told
    assert "desks[2].shifts: no shift of mail covers 12:00 to 13:00" in told


HEAD = "desk,day,shift,starts,ends,break_starts,break_minutes,agents,agent\n"


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            ["chat,2026-11-10,a,18:00,02:00,22:00,60,,Li Lei", "chat,2026-11-11,b,01:00,09:00,,0,,Li Lei"],
            "edited.csv:3 chat: Li Lei has another shift at that time (row 2)\n"
            "  give one of the two to somebody else\n",
        ),
        (
            ["chat,2026-11-10,a,2026-11-10 18:00,2026-11-10 02:00,,0,3,"],
            "edited.csv:2 ends: ends before it starts\n  write the next day's date if it runs past midnight\n",
        ),
        (["char,2026-11-10,a,18:00,23:00,,0,3,"], "edited.csv:2 desk: there is no desk char\n  did you mean chat?\n"),
        (
            ["chat,2026-11-10,a,18:00,23:00,,0,3.5,"],
            "edited.csv:2 agents: '3.5' is not a number of people\n  write a whole number from 0 up\n",
        ),
    ],
)
def test_rosters_that_cannot_be_worked_are_refused(
    planned: Path, tmp_path: Path, lines: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "edited.csv").write_text(HEAD + "\n".join(lines), "utf-8")
    arguments = ["staffing", "d11", "--workspace", str(planned), "--roster", str(tmp_path / "edited.csv")]
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith(said)


def test_a_workbook_with_a_renamed_sheet_or_unknown_people_is_refused(
    planned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    book = load_workbook(planned / "out" / "d11" / "playbook" / "roster.xlsx")
    book["hotline"].title = "hot line"
    book.save(tmp_path / "renamed.xlsx")
    command = ["staffing", "d11", "--workspace", str(planned), "--roster"]
    assert main([*command, str(tmp_path / "renamed.xlsx")]) == 2
    assert capsys.readouterr().err.startswith(
        "renamed.xlsx: has no sheet named hotline, or an empty one\n  did you mean hot line?\n"
    )
    book["hot line"].title = "hotline"
    people = book.create_sheet("people")
    people.append(["agent", "desks"])
    people.append(["Li Lei", "chat"])
    book["chat"].cell(1, 9).value = "agent"
    book["chat"].cell(2, 9).value = "Li Li"
    book["chat"].cell(2, 7).value = 1
    book.save(tmp_path / "unknown.xlsx")
    assert main([*command, str(tmp_path / "unknown.xlsx")]) == 2
    assert capsys.readouterr().err.startswith(
        "unknown.xlsx:2 chat: there is nobody called Li Li on the sheet of people\n  did you mean Li Lei?\n"
    )


def test_a_roster_saved_by_a_chinese_spreadsheet_is_read_and_it_is_said(
    planned: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = "chat,2026-11-10,\u665a\u73ed,18:00,02:00,22:00,60,30,"
    (tmp_path / "edited.csv").write_bytes((HEAD + row).encode("gbk"))
    arguments = ["staffing", "d11", "--workspace", str(planned), "--roster", str(tmp_path / "edited.csv")]
    assert main(arguments) == 1
    assert "edited.csv: read as GB18030 (GBK)" in capsys.readouterr().err
