"""Five sheets as teams keep them, brought by a browser and saved; and rows that are wrong."""

from __future__ import annotations

from contextlib import suppress
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from campaign.errors import UserError
from campaign.plan import Plan, Send, Slot
from campaign.workspace import open_workspace
from tests.warroom.conftest import PLAN, SETTINGS, fields_of, form_token
from tests.warroom.marketers_sheets import SHEETS, rundown, workbook
from warroom.sheet.reading import About, read_sheet

ZONE = ZoneInfo("Asia/Shanghai")
ABOUT = About(ZONE, {"id": "d11", "name": "双11 开门红", "starts_at": "2026-11-10T20:00+08:00"})


def at(text: str) -> datetime:
    return datetime.fromisoformat(f"2026-{text}").replace(tzinfo=ZONE)


def live(begins: str, ends: str, viewers: float) -> Slot:
    return Slot(starts_at=at(begins), ends_at=at(ends), expected_viewers=viewers)


def send(when: str, reach: float, opened: float | None = None) -> Send:
    return Send(at=at(when), reach=reach, open_ratio=opened)


FIRST_PUSH = send("11-10T19:55", 1_800_000, 0.04)
SAID = {
    "rundown.xlsx": {
        "app-push": (FIRST_PUSH,),
        "官方旗舰店": (live("11-10T19:00", "11-11T02:00", 1.2e6), live("11-11T20:00", "11-12T01:00", 800_000)),
        "达人专场": (live("11-10T20:00", "11-11T00:00", 500_000),),
    },
    "grouped.xlsx": {
        "app-push": (FIRST_PUSH,),
        "短信": (send("11-10T20:30", 320_000, 0.03),),
        "抖音直播": (live("11-10T20:00", "11-10T23:30", 600_000),),
        "抖音信息流": (300_000.0, at("11-01T00:00"), at("11-12T00:00")),
    },
    "by-channel.xlsx": {
        "app-push": (FIRST_PUSH,),
        "App推送": (send("11-10T19:55", 1_800_000), send("11-11T09:30", 900_000)),
        "短信": (send("11-10T10:00", 320_000),),
        "淘宝直播": (live("11-10T20:00", "11-10T22:00", 500_000), live("11-11T20:00", "11-12T00:30", 300_000)),
    },
    "english.xlsx": {
        "app-push": (FIRST_PUSH,),
        "Email": (send("11-10T08:30", 320_000, 0.18),),
        "Livestream": (live("11-10T20:00", "11-10T23:30", 500_000),),
        "paid-social": (45_000.0, at("11-13T00:00"), at("11-15T00:00")),
    },
    "pasted.csv": {"app-push": (FIRST_PUSH,), "短信": (send("11-10T20:00", 320_000),)},
}


def said_by(plan: Plan) -> dict[str, tuple[object, ...]]:
    return {
        c.name: (c.spend, c.starts_at, c.ends_at) if c.spend is not None else (*c.sends, *c.slots)
        for c in plan.channels
    }


@pytest.mark.parametrize("name", SHEETS)
def test_a_teams_own_sheet_becomes_the_plan_it_means(browser: TestClient, folder: Path, name: str) -> None:
    (folder / "surgeplan.yaml").write_text(SETTINGS + ("currency: USD\n" if name == "english.xlsx" else ""), "utf-8")
    (folder / "campaigns" / "d11.yaml").write_text(PLAN.replace("id: d11", "id: d11\nname: 双11 开门红"), "utf-8")
    token = form_token(browser, "/campaigns/d11")
    page = browser.post("/campaigns/d11/sheet", data={"form_token": token}, files={"file": (name, SHEETS[name]())})
    saved = browser.post("/campaigns/d11", data=fields_of(page.text) | {"action": "save"})
    assert "Saved and submitted" in saved.text
    assert said_by(open_workspace(folder).plan("d11")) == SAID[name]


def test_what_a_plan_has_no_place_for_is_said() -> None:
    said = " / ".join(map(str, read_sheet(rundown(), "plan.xlsx", ABOUT).notes))
    assert "a plan has no place for these columns, left out: 主播, 备注" in said
    assert "totals in row 6, 9 are left out" in said
    assert "直播排期 10: says nothing of people reached, viewers or spend, left out" in said


LIVE = ("渠道", "开播时间", "下播时间", "预计场观")


@pytest.mark.parametrize(
    ("headings", "row", "told"),
    [
        (
            LIVE,
            ("直播", "2026-11-10 20:00", "2026-11-10 18:00", "50万"),
            "live.xlsx:2 直播: 下播时间: the end, 2026-11-10 18:00, is not after the start, 2026-11-10 20:00\n"
            "  swap them, or correct the date",
        ),
        (
            LIVE,
            ("直播", "2026-11-10 20:00", "2026-11-10 22:00", None),
            "live.xlsx:2 直播: 预计场观: is missing for 直播\n  write how many are expected, or - where nobody knows",
        ),
        (
            (*LIVE[:3], "预计场观(单位：场)"),
            ("直播", "2026-11-10 20:00", "2026-11-10 22:00", 50),
            "live.xlsx 直播: 预计场观(单位：场): (单位:场) is no unit that can be read\n"
            "  write it as (万) or (%), or the figures in full",
        ),
        (
            LIVE,
            ("直播", "20:00", "22:00", 50),
            "live.xlsx:2 直播: 开播时间: 20:00 has no day\n  write it as 2026-11-10 20:00",
        ),
        (
            ("渠道", "触达人数", "推送时间", "预算(美元)"),
            ("信息流", None, None, 50),
            "live.xlsx 直播: 预算(美元) is in USD, plans here are in CNY\n  convert it in the sheet",
        ),
    ],
)
def test_a_wrong_row_is_told_with_its_sheet_and_what_to_do(
    headings: tuple[str, ...], row: tuple[object, ...], told: str
) -> None:
    with pytest.raises(UserError) as refused:
        read_sheet(workbook(("直播", [headings, row], [])), "live.xlsx", ABOUT)
    assert [str(problem) for problem in refused.value.problems] == [told]


def test_a_unit_above_the_table_is_not_guessed_to_be_of_some_column() -> None:
    rows = [("推广计划（单位：万）",), ("渠道", "推送时间", "触达人数"), ("短信", "2026-11-10 20:00", 32)]
    with pytest.raises(UserError, match="万 above the table: nobody knows of which columns"):
        read_sheet(workbook(("计划", rows, [])), "plan.xlsx", ABOUT)


def test_viewers_that_nobody_knows_are_written_as_a_dash() -> None:
    rows = [LIVE, ("直播", "2026-11-10 20:00", "2026-11-10 22:00", "-")]
    assert read_sheet(workbook(("直播", rows, [])), "live.xlsx", ABOUT).slots[0]["expected_viewers"] == ""


def test_a_livestream_of_another_day_is_asked_about_or_refused_like_a_send(browser: TestClient) -> None:
    token = form_token(browser, "/campaigns/d11")
    sheet = "渠道,开播时间,下播时间,预计场观\n直播,{day} 20:00,{day} 22:00,50万\n"
    late = browser.post("/campaigns/d11/sheet", data={"form_token": token, "pasted": sheet.format(day="2026-11-20")})
    asked = browser.post("/campaigns/d11", data=fields_of(late.text) | {"action": "preview"})
    assert "begins at 2026-11-20 20:00, after the end: is the day right?" in asked.text
    far = browser.post("/campaigns/d11/sheet", data={"form_token": token, "pasted": sheet.format(day="2027-11-10")})
    assert "2027-11-10 20:00 is more than 60 days from the campaign" in far.text


def test_rows_of_several_campaigns_none_of_them_this_one_are_refused() -> None:
    rows = [
        ("活动", "渠道", "推送时间", "触达人数"),
        ("618", "短信", "2026-06-17 20:00", 5),
        ("双12", "短信", "2026-12-11 20:00", 5),
    ]
    with pytest.raises(UserError, match="活动 names 2 campaigns, none of them this one"):
        read_sheet(workbook(("全年", rows, [])), "year.xlsx", ABOUT)


@pytest.mark.parametrize(
    ("cell", "begins", "ends"),
    [
        ("11月10日 20:00-22:00", "2026-11-10T20:00", "2026-11-10T22:00"),
        ("11月10日（周二）晚8点-10点半", "2026-11-10T20:00", "2026-11-10T22:30"),
        ("11月10日 晚8点至凌晨2点", "2026-11-10T20:00", "2026-11-11T02:00"),
        ("11.10 20点-24点", "2026-11-10T20:00", "2026-11-11T00:00"),
        ("11/10 20-22点", "2026-11-10T20:00", "2026-11-10T22:00"),
        ("2026-11-10 20:00-22:00", "2026-11-10T20:00", "2026-11-10T22:00"),
        ("11月10日 22:00-次日01:30", "2026-11-10T22:00", "2026-11-11T01:30"),
        ("2026/11/10 20:00 ~ 2026/11/11 01:00", "2026-11-10T20:00", "2026-11-11T01:00"),
        ("Nov 10 8-10pm", "2026-11-10T20:00", "2026-11-10T22:00"),
        ("Tue 10 Nov 8pm - 11:30pm", "2026-11-10T20:00", "2026-11-10T23:30"),
        ("11/10 20:00-22:00", "2026-11-10T20:00", "2026-11-10T22:00"),
        ("1月5日 20:00-21:00", "2027-01-05T20:00", "2027-01-05T21:00"),
    ],
)
def test_one_cell_may_say_begin_and_end_as_people_write_them(cell: str, begins: str, ends: str) -> None:
    slots = read_sheet(
        workbook(("直播", [("渠道", "直播时间", "预计场观"), ("直播", cell, 5)], [])), "live.xlsx", ABOUT
    ).slots
    assert [(slot["starts_at"], slot["ends_at"]) for slot in slots] == [(begins, ends)]


@pytest.mark.parametrize("cell", ["下周二晚8点", "11.10", "11月31日 20:00", "20:00-22:00-23:00", "待定"])
def test_a_time_that_leaves_something_open_is_refused(cell: str) -> None:
    with pytest.raises(UserError, match="is not a time"):
        read_sheet(workbook(("直播", [("渠道", "直播时间", "预计场观"), ("直播", cell, 5)], [])), "live.xlsx", ABOUT)


HEADINGS = st.sampled_from(
    ["渠道", "主播", "推送时间", "日期", "开始时间", "结束时间", "下播时间", "直播时间", "投放周期", "预计场观",
     "触达人数", "预算", "打开率", "活动", "备注", "时刻类型", "短编号", "方案项", "方案内容", None]
)  # fmt: skip
CELLS = st.sampled_from(
    [None, "", "短信", "11月10日 20:00-22:00", "20:00", "次日02:00", "99:99", "2026-13-45", "11月31日", "晚8点", "-",
     "约50万", 5, -3, 1e300, 46336.83, datetime(2026, 11, 10, 20), True, "合计", "2026-11-10T20:00+08:00",
     "11/13/2026 8pm",
     "11月10日-11月9日", "24:00", "Starts", "表中时间的时区", "Mars/Phobos", "2月29日 10:00", "9999-12-31 23:00-24:00"]
)  # fmt: skip


@settings(deadline=None)
@given(headings=st.lists(HEADINGS, min_size=2, max_size=7), rows=st.lists(st.lists(CELLS, max_size=7), max_size=5))
def test_whatever_stands_in_a_sheet_is_read_or_refused(headings: list[object], rows: list[list[object]]) -> None:
    with suppress(UserError):
        read_sheet(workbook(("直播", [headings, *rows], [])), "any.xlsx", ABOUT)


def test_days_the_wrong_way_round_are_told_at_their_column() -> None:
    rows = [("渠道", "投放周期", "预算"), ("信息流", "11月10日-11月9日", 5)]
    with pytest.raises(UserError, match="投放周期: the end, 2026-11-10 00:00, is not after the start"):
        read_sheet(workbook(("投放", rows, [])), "any.xlsx", ABOUT)


@pytest.mark.parametrize(
    ("headings", "cells", "heading"),
    [
        (("推送时间", "触达人数"), (date(2026, 11, 10), 5), "推送时间"),
        (("推送时间", "触达人数"), ("11月10日", 5), "推送时间"),
        (("推送时间", "触达人数"), ("20261110", 5), "推送时间"),
        (("推送日期", "推送时间", "触达人数"), ("11月10日", None, 5), "推送日期"),
        (("直播日期", "下播时间", "预计场观"), ("11月10日", "22:00", 5), "直播日期"),
        (("开播时间", "下播时间", "预计场观"), ("11月10日 20:00", "11月11日", 5), "下播时间"),
        (("时刻", "时刻类型"), ("11月10日", "coupon-drop"), "时刻"),
    ],
)
def test_a_day_without_its_hour_is_asked_for_it(
    headings: tuple[str, ...], cells: tuple[object, ...], heading: str
) -> None:
    table = workbook(("计划", [("渠道", *headings), ("短信", *cells)], []))
    with pytest.raises(UserError) as refused:
        read_sheet(table, "any.xlsx", ABOUT)
    [problem] = refused.value.problems
    assert str(problem.what).startswith(f"{heading}: ")
    assert str(problem.what).endswith("has no hour")


def test_a_day_that_cannot_be_read_is_told_once() -> None:
    rows = [("渠道", "推送日期", "推送时间", "触达人数"), ("短信", "11.10", "20:00", 5)]
    with pytest.raises(UserError) as refused:
        read_sheet(workbook(("计划", rows, [])), "any.xlsx", ABOUT)
    assert [str(problem.what) for problem in refused.value.problems] == ["推送日期: 11.10 is not a time"]


@pytest.mark.parametrize("cell", ["2026-11-10 00:00", "11月10日 零点", datetime(2026, 11, 10), "11月9日 24:00"])
def test_midnight_that_is_written_is_midnight(cell: object) -> None:
    table = workbook(("计划", [("渠道", "推送时间", "触达人数"), ("短信", cell, 5)], []))
    assert read_sheet(table, "any.xlsx", ABOUT).sends[0]["at"] == "2026-11-10T00:00"


@pytest.mark.parametrize(
    ("headings", "cells"),
    [
        (("推送时间",), ("11月10日 20:00-22:00",)),
        (("推送日期", "推送时间"), ("11月10日", "20:00-22:00")),
        (("推送日期", "推送时间"), ("11月10日", "20-22")),
    ],
)
def test_the_end_of_a_send_is_left_out_and_said(headings: tuple[str, ...], cells: tuple[str, ...]) -> None:
    table = workbook(("计划", [("渠道", "触达人数", *headings), ("短信", 5, *cells)], []))
    read = read_sheet(table, "any.xlsx", ABOUT)
    assert read.sends[0]["at"] == "2026-11-10T20:00"
    assert list(map(str, read.notes)) == [f"计划 2: 推送时间: of {cells[-1]} only the begin is taken"]
