"""The files of a staffing plan, from a workspace to what people open."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from openpyxl import load_workbook

from campaign.console import no_progress
from campaign.documents import read_json
from campaign.errors import UserError
from campaign.language import use_language
from campaign.workspace import open_workspace
from playbooks.staffing.plan import StaffingPlan
from playbooks.staffing.publish import publish_staffing

NOW = datetime(2026, 11, 7, 12, tzinfo=UTC)
Make = Callable[..., Path]


def published(folder: Path, now: datetime = NOW) -> tuple[StaffingPlan, Path]:
    return publish_staffing(open_workspace(folder), "d11", now, no_progress), folder / "out" / "d11" / "playbook"


@pytest.fixture
def plan(planned: Path) -> StaffingPlan:
    return read_json(folder_of(planned) / "staffing.json", "staffing.json", StaffingPlan)


def folder_of(workspace: Path) -> Path:
    return workspace / "out" / "d11" / "playbook"


def rows(folder: Path) -> list[dict[str, str]]:
    with open(folder / "staffing.csv", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def refusal(folder: Path) -> str:
    with pytest.raises(UserError) as refused:
        publish_staffing(open_workspace(folder), "d11", NOW, no_progress)
    assert not (folder / "out" / "d11" / "playbook").exists()
    return str(refused.value)


def test_the_plan_has_the_contracts_files_and_columns(plan: StaffingPlan, planned: Path) -> None:
    folder = folder_of(planned)
    table = rows(folder)
    assert list(table[0]) == [
        "starts_at_utc", "desk", "contacts_p50", "contacts_p90", "agents_required", "agents_rostered",
        "service_level_ratio",
    ]  # fmt: skip
    assert len(table) == 3 * 480
    for name in ("staffing.json", "staffing.png", "staffing.svg", "roster.xlsx", "bot_training.csv"):
        assert (folder / name).stat().st_size > 100
    assert plan.peak_agents_required == max(
        sum(int(row["agents_required"]) for row in table if row["starts_at_utc"] == start)
        for start in {row["starts_at_utc"] for row in table}
    )
    for desk in plan.desks:
        assert desk.peak.agents_required == max(
            int(row["agents_required"]) for row in table if row["desk"] == desk.desk
        )
    assert set(plan.inputs) == {"surgeplan.yaml", "campaigns/d11.yaml", "out/d11/demand_paths.npz"}
    assert not plan.historical


def test_closed_hours_have_nobody_and_no_service_level(planned: Path) -> None:
    folder = folder_of(planned)
    for row in rows(folder):
        hour = (int(row["starts_at_utc"][11:13]) + 8) % 24
        closed = {"chat": 2 <= hour < 8, "hotline": hour < 8, "mail": not 9 <= hour < 18}[row["desk"]]
        if closed:
            assert row["agents_required"] == "0"
            assert float(row["agents_rostered"]) == 0
            assert row["service_level_ratio"] == "" or row["desk"] == "mail"
        elif row["desk"] != "mail":
            assert int(row["agents_required"]) > 0


def test_where_enough_people_are_rostered_the_promise_is_kept(planned: Path) -> None:
    folder = folder_of(planned)
    before_was_short = False
    for row in rows(folder):
        enough = float(row["agents_rostered"]) >= int(row["agents_required"]) > 0
        if row["desk"] != "mail" and enough and not before_was_short:
            assert float(row["service_level_ratio"]) >= 0.8 - 1e-6
        before_was_short = float(row["agents_rostered"]) < int(row["agents_required"])


def test_same_inputs_give_the_same_bytes_and_only_the_mark_of_history_depends_on_the_clock(
    planned: Path, make_workspace: Make
) -> None:
    before = {file.name: file.read_bytes() for file in folder_of(planned).iterdir()}
    plan, out = published(make_workspace(), datetime(2027, 1, 1, tzinfo=UTC))
    again = {file.name: file.read_bytes() for file in out.iterdir()}
    assert plan.historical
    assert again.pop("staffing.json") == before.pop("staffing.json").replace(
        b'"historical": false', b'"historical": true'
    )
    assert again == before


def test_without_desks_staffing_is_left_out_with_a_note(make_workspace: Make) -> None:
    settings = "schema_version: 1\ntime_zone: Asia/Shanghai\nservices:\n  - name: storefront\n"
    plan, folder = published(make_workspace(settings))
    assert plan.skipped is not None
    assert plan.skipped.en == "no support desks in surgeplan.yaml: staffing is left out"
    assert json.loads((folder / "staffing.json").read_text("utf-8"))["desks"] == []
    assert not (folder / "staffing.csv").exists()


def test_assumed_figures_are_named(plan: StaffingPlan) -> None:
    words = [text.en for text in plan.assumptions]
    assert "hotline: no patience_seconds given; 120 seconds are assumed" in words
    assert "hotline: no shifts given; shifts of 8 hours every 120 minutes are assumed" in words
    assert "mail: no shrinkage given; everybody on a shift is at work" in words


def test_the_workbook_speaks_the_readers_language(make_workspace: Make) -> None:
    use_language("zh")
    try:
        _, folder = published(make_workspace())
    finally:
        use_language("en")
    book = load_workbook(folder / "roster.xlsx")
    assert book.sheetnames[:4] == ["汇总", "chat", "hotline", "mail"]
    assert book["汇总"]["D1"].value == "高峰进线量(同类大促约十场有九场不超过)"
    assert (folder / "bot_training.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert "满300减50怎么算" in (folder / "bot_training.csv").read_text("utf-8-sig")


def test_bot_training_is_ranked_by_agents_saved_per_day_of_effort(planned: Path) -> None:
    folder = folder_of(planned)
    with open(folder / "bot_training.csv", encoding="utf-8-sig", newline="") as file:
        table = list(csv.DictReader(file))
    worth = [float(row["agents_saved_at_peak"]) / float(row["effort_days"]) for row in table]
    assert worth == sorted(worth, reverse=True)
    assert worth[0] > 0
    assert {row["offer"] for row in table if row["intent"] == "offer-rules"} == {"cut-300-50"}


def test_the_bots_lessons_come_in_both_languages_with_an_examination(planned: Path) -> None:
    folder = folder_of(planned)
    chinese = (folder / "bot_faq.zh.csv").read_text("utf-8-sig")
    english = (folder / "bot_faq.en.csv").read_text("utf-8-sig")
    assert "满300减50怎么算" in chinese
    assert "How does 满300减50 work" in english
    assert chinese.count("\n") == english.count("\n")
    with open(folder / "bot_replay.csv", encoding="utf-8-sig", newline="") as file:
        table = list(csv.DictReader(file))
    assert set(table[0]) == {"offer", "question", "answer_from", "passed"}
    assert sum(row["offer"] == "cut-300-50" for row in table) >= 5
    assert {row["passed"] for row in table} == {""}


def test_less_deflection_costs_agents_and_no_bot_most(plan: StaffingPlan) -> None:
    chat = plan.desks[0]
    assert chat.bot is not None
    assert chat.bot.agents_more_for_5_points_less > 0
    assert chat.bot.agents_without_bot > chat.peak.agents_required
    assert any("each 5 points less resolved by the bot need" in text.en for text in chat.sentences)
    assert any("with a fifth of the rostered people ill the service level" in text.en for text in chat.sentences)


def test_missing_demand_names_the_command_that_makes_it(make_workspace: Make) -> None:
    folder = make_workspace()
    (folder / "out" / "d11" / "demand_paths.npz").unlink()
    assert refusal(folder) == "out/d11/demand_paths.npz: does not exist\n  run `surgeplan forecast d11` first"


def test_a_broken_demand_file_is_refused(make_workspace: Make) -> None:
    folder = make_workspace()
    (folder / "out" / "d11" / "demand_paths.npz").write_bytes(b"not an archive")
    assert "out/d11/demand_paths.npz: is not a file of demand paths" in refusal(folder)


def test_a_desk_the_forecast_does_not_know_is_refused(make_workspace: Make) -> None:
    said = refusal(make_workspace(desks={"chat": 100.0, "hotline": 20.0}))
    assert said == (
        "surgeplan.yaml desks[2].name: the forecast has no contacts of mail\n"
        "  run `surgeplan forecast` again, now that the desk is in surgeplan.yaml"
    )


def said_of(plan: StaffingPlan, desk: str) -> list[str]:
    (one,) = (one for one in plan.desks if one.desk == desk)
    return [text.en for text in one.sentences]


def test_the_plan_says_which_shortage_it_buys_why_and_who_bridges_it(make_workspace: Make, settings_text: str) -> None:
    few = settings_text.replace("handle_seconds: 300", "handle_seconds: 300\n    agents_max: 30")
    short, _ = published(make_workspace(few))
    said = said_of(short, "hotline")
    bought = next(text for text in said if "paid hours for" in text)
    assert bought.endswith("on some day all 30 people are on shift")
    assert any(text.startswith("below the promise: ") and text.endswith("promised 80 %") for text in said)
    *steps, last = [text.partition(", ")[2] for text in said if text.startswith("to bridge it")]
    assert steps == [
        "1: overtime before or after the neighbouring shifts",
        "2: send to the bot of chat, by announcement and link: How does 满300减50 work, and is it already taken off "
        "the price? / When will my order be shipped?",
        "3: offer a callback or a message instead of waiting",
    ]
    assert re.fullmatch(r"4: borrow up to [0-9]+ trained people from chat", last)
    ticket = short.desks[2]
    assert [(one.measure, one.above) for one in ticket.triggers] == [("oldest_hours", 12.0), ("oldest_hours", 24.0)]


def test_levels_of_the_day_go_from_breaks_to_the_bot_to_callback_to_the_desk_that_lends(plan: StaffingPlan) -> None:
    levels = plan.desks[0].triggers
    assert [one.measure for one in levels] == ["contacts_ratio", "waiting", "occupancy_ratio", "contacts_ratio"]
    assert levels[1].above is not None
    assert levels[1].when.en == f"chat: more than {levels[1].above:g} waiting"
    assert levels[1].action.en.startswith("the bot alone, with a way out to a person, for: ")
    assert levels[2].action.en == "offer a callback or a message instead of waiting"


def test_short_shifts_are_tried_and_what_they_save_is_said(plan: StaffingPlan) -> None:
    chat, ticket = plan.desks[0], plan.desks[2]
    assert chat.short_shifts is not None
    assert chat.short_shifts.paid_hours < 0.9 * chat.paid_hours
    assert chat.short_shifts.missing_hours <= chat.shortage.agent_hours
    assert any(text.startswith("with 4-hour shifts as well, most of them from ") for text in said_of(plan, "chat"))
    assert ticket.short_shifts is None
