"""The team's own sheet, as wild as sheets are."""

from __future__ import annotations

import io
import threading
from datetime import datetime, time
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient
from openpyxl import Workbook

from campaign.errors import UserError
from campaign.language import use_language
from campaign.pages import unbroken
from campaign.workspace import open_workspace
from tests.metrics.remotes import FakeFeishu
from tests.warroom.conftest import PLAN, fields_of, form_token
from warroom.plans.form import Entries
from warroom.sheet.joining import joined
from warroom.sheet.reading import About, read_sheet
from warroom.sheet.writing import write_plan_sheet

ZONE = ZoneInfo("Asia/Shanghai")
ABOUT = About(ZONE)


def workbook(*rows: tuple[object, ...], hidden: tuple[int, ...] = (), merged: str = "") -> bytes:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in rows:
        sheet.append(row)
    for number in hidden:
        sheet.row_dimensions[number].hidden = True
    if merged:
        sheet.merge_cells(merged)
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def test_a_chinese_sheet_with_a_title_merged_names_and_totals() -> None:
    content = workbook(
        ("双11 触达计划",),
        ("渠道", "发送时间", "触达人数", "打开率"),
        ("App-Push", "2026-11-10 19:55", "180万", "4%"),
        (None, "2026年11月11日 9:30", "90w", 0.03),
        ("合计", None, "270万", None),
        merged="A3:A4",
    )
    assert read_sheet(content, "plan.xlsx", ABOUT).sends == [
        {"channel": "App-Push", "at": "2026-11-10T19:55", "reach": "1800000", "open_ratio": "0.04"},
        {"channel": "App-Push", "at": "2026-11-11T09:30", "reach": "900000", "open_ratio": "0.03"},
    ]


def test_hidden_rows_are_left_out_and_said_a_second_table_too() -> None:
    content = workbook(
        ("channel", "send time", "reach"),
        ("sms", "2026-11-10 10:00", 5000),
        ("sms", "2026-11-10 11:00", 6000),
        (),
        ("region", "rows"),
        ("north", 3),
        hidden=(3,),
    )
    read = read_sheet(content, "plan.xlsx", ABOUT)
    assert [row["reach"] for row in read.sends] == ["5000"]
    said = " / ".join(map(str, read.notes))
    assert "hidden rows 3 are left out" in said
    assert "no table of sends, livestreams or spend" in said


def test_a_formula_nobody_has_calculated_is_named_with_its_cell() -> None:
    content = workbook(("channel", "send time", "reach"), ("sms", "2026-11-10 10:00", "=2*2500"))
    with pytest.raises(UserError, match=r"plan.xlsx:2 Sheet: C2 holds a formula without a value"):
        read_sheet(content, "plan.xlsx", ABOUT)


def test_every_cell_that_cannot_be_read_is_named_at_once() -> None:
    content = workbook(("channel", "send time", "reach"), ("sms", "soon", "many"), ("sms", "2026-11-10", "8"))
    with pytest.raises(UserError) as refused:
        read_sheet(content, "plan.xlsx", ABOUT)
    assert [str(p.what) for p in refused.value.problems] == [
        "reach: many is not a number",
        "send time: soon is not a time",
        "send time: 2026-11-10 has no hour",
    ]


@pytest.mark.parametrize(
    ("heading", "cell", "read"),
    [
        ("触达人数(万)", 1000, "10000000"),
        ("触达人数（单位：万人）", "1,000", "10000000"),
        ("触达人数(万)", "1000万", "10000000"),
        ("触达人数(人)", 1000, "1000"),
        ("触达人数", "50万张", "500000"),
    ],
)
def test_a_heading_may_name_the_unit_of_its_column(heading: str, cell: object, read: str) -> None:
    content = workbook(("渠道", "推送时间", heading), ("sms", "2026-11-10 10:00", cell))
    assert read_sheet(content, "plan.xlsx", ABOUT).sends[0]["reach"] == read


def test_percent_is_a_share_whether_the_heading_the_cell_or_its_format_says_so() -> None:
    book = Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (("渠道", "触达人数", "打开率(%)"), ("sms", 10, 4), ("sms", 10, "4%"), ("sms", 10, 0.04)):
        sheet.append(row)
    sheet["C4"].number_format = "0.0%"
    made = io.BytesIO()
    book.save(made)
    assert {row["open_ratio"] for row in read_sheet(made.getvalue(), "plan.xlsx", ABOUT).sends} == {"0.04"}
    with pytest.raises(UserError, match=r"plan.csv:2: 打开率\(%\): 0.5 below 打开率\(%\) may be a share or percent"):
        read_sheet("渠道,触达人数,打开率(%)\nsms,10,0.5\n".encode("gbk"), "plan.csv", ABOUT)


def test_channels_are_told_apart_by_every_script_and_called_as_the_plan_calls_them() -> None:
    sheet = "渠道,推送时间,触达人数\nApp推送🔥,2026-11-10 10:00,5\nAPP弹窗,2026-11-10 11:00,6\n"
    read = read_sheet(sheet.encode(), "plan.csv", ABOUT)
    assert [row["channel"] for row in read.sends] == ["app推送", "APP弹窗"]
    plan = Entries(rows={"sends": [{"channel": "App推送", "at": "2026-11-10T10:00", "reach": "5"}]})
    assert [row["channel"] for row in joined(plan, read).rows["sends"]] == ["App推送", "APP弹窗"]


@pytest.mark.parametrize(
    ("headings", "cells"),
    [
        (("推送时间",), (46336.8333,)),
        (("推送日期", "推送时间"), (datetime(2026, 11, 10), "20:00")),
        (("日期", "时间"), ("2026/11/10", time(20, 0))),
        (("推送时间",), ("２０２６/１１/１０ ２０：００",)),
    ],
)
def test_a_time_may_lack_its_format_or_stand_in_two_columns(
    headings: tuple[str, ...], cells: tuple[object, ...]
) -> None:
    content = workbook(("渠道", "触达人数", *headings), ("sms", 5, *cells))
    assert read_sheet(content, "plan.xlsx", ABOUT).sends[0]["at"] == "2026-11-10T20:00"


def test_a_day_without_its_year_is_refused_with_how_to_write_it() -> None:
    with pytest.raises(UserError, match=r"11.11 is not a time\n  write it as 2026-11-10 20:00"):
        read_sheet("渠道,推送时间,触达人数\nsms,11.11,5\n".encode(), "plan.csv", ABOUT)


def test_pasted_cells_are_read_like_a_file() -> None:
    pasted = "渠道\t推送时间\t触达人数\nsms\t2026-11-10 10:00\t1,200\n"
    assert read_sheet(pasted.encode(), "pasted", ABOUT).sends[0]["reach"] == "1200"


def test_a_channel_may_be_called_as_the_team_calls_it(browser: TestClient) -> None:
    sheet = "渠道\t发送时间\t触达人数\n短信\t2026-11-10 21:00\t32万"
    page = browser.post(
        "/campaigns/d11/sheet", data={"form_token": form_token(browser, "/campaigns/d11"), "pasted": sheet}
    ).text
    saved = browser.post("/campaigns/d11", data=fields_of(page) | {"action": "save"})
    assert "Saved and submitted" in saved.text


def test_something_else_is_refused() -> None:
    with pytest.raises(UserError, match="holds no sends, no livestreams and no spend"):
        read_sheet(b"a,b\n1,2\n", "x.csv", ABOUT)


@pytest.mark.parametrize("language", ["zh", "en"])
def test_what_is_taken_out_comes_back_without_a_difference(
    browser: TestClient, folder: Path, tmp_path: Path, language: str
) -> None:
    use_language(language)  # type: ignore[arg-type]
    workspace = open_workspace(folder)
    write_plan_sheet(tmp_path / "out.xlsx", workspace.plan("d11"), ZONE)
    use_language("en")
    token = form_token(browser, "/campaigns/d11")
    answer = browser.post(
        "/campaigns/d11/sheet",
        data={"form_token": token},
        files={"file": ("out.xlsx", (tmp_path / "out.xlsx").read_bytes())},
    )
    assert "The sheet says what the plan says." in answer.text


def test_an_import_shows_what_it_changes_and_saves_nothing_until_told(browser: TestClient, folder: Path) -> None:
    pasted = "渠道,推送时间,触达人数\napp-push,2026-11-10 19:55,200万\nsms,2026-11-10 18:00,5000\n"
    token = form_token(browser, "/campaigns/d11")
    answer = browser.post("/campaigns/d11/sheet", data={"form_token": token, "pasted": pasted})
    assert unbroken("app-push 11-10 19:55, People reached: 1.8 M → 2 M") in answer.text
    assert "sms 11-10 18:00 5,000 is new" in answer.text
    assert (folder / "campaigns" / "d11.yaml").read_text("utf-8") == PLAN
    browser.post("/campaigns/d11", data=fields_of(answer.text) | {"action": "save"})
    written = (folder / "campaigns" / "d11.yaml").read_text("utf-8")
    assert "reach: 2000000, open_ratio: 0.04" in written
    assert written.startswith("# the first night")


def test_a_sheet_begins_a_new_plan_that_is_saved_only_when_told(browser: TestClient, folder: Path) -> None:
    pasted = "渠道,推送时间,触达人数\napp-push,2026-12-11 19:55,200万\nsms,2026-12-11 18:00,5000\n"
    begun = {"id": "d12", "starts_at": "2026-12-11T20:00", "pasted": pasted}
    begun |= {"form_token": form_token(browser, "/campaigns/new")}
    answer = browser.post("/campaigns/new/plan", data=begun)
    assert "sms 12-11 18:00 5,000 is new" in answer.text
    assert "fill this in" in answer.text  # the sheet does not say when it ends
    assert not (folder / "campaigns" / "d12.yaml").exists()
    rest = {"kind": "flagship", "ends_at": "2026-12-12T23:59", "action": "save"}
    assert "Saved and submitted" in browser.post("/campaigns/d12", data=fields_of(answer.text) | rest).text
    assert "reach: 2000000" in (folder / "campaigns" / "d12.yaml").read_text("utf-8")


def test_a_sheet_that_cannot_begin_a_plan_says_why_and_keeps_what_was_typed(browser: TestClient, folder: Path) -> None:
    pasted = "渠道,推送时间,触达人数\nsms,2026-12-11 18:00,lots\n"
    begun = {"id": "d12", "starts_at": "2026-12-11T20:00", "pasted": pasted, "copy": "d11"}
    begun |= {"form_token": form_token(browser, "/campaigns/new")}
    answer = browser.post("/campaigns/new/plan", data=begun)
    assert answer.status_code == 422
    assert "lots is not a number" in answer.text
    assert {"id": "d12", "copy": "d11"}.items() <= fields_of(answer.text).items()
    taken = browser.post("/campaigns/new/plan", data=begun | {"id": "d11", "pasted": "a"})
    assert "d11 is the id of another campaign" in taken.text


def test_without_a_sheet_a_new_plan_begins_as_before(browser: TestClient) -> None:
    begun = {"id": "d12", "starts_at": "2026-12-11T20:00", "copy": "d11", "pasted": " "}
    assert 'value="2026-12-11T19:55"' in browser.post("/campaigns/new/plan", data=begun).text


class Table(FakeFeishu):
    """Two records of a plan's table."""

    def answer(self, path: str, given: dict[str, Any]) -> dict[str, Any]:
        if path.endswith("tenant_access_token/internal"):
            return super().answer(path, given)
        at = int(datetime.fromisoformat("2026-11-10T19:55+08:00").timestamp() * 1000)
        first = {"渠道": [{"text": "app-push", "type": "text"}], "推送时间": at, "触达人数": 2000000}
        return {"code": 0, "data": {"items": [{"fields": first}], "has_more": False}}


def test_a_bitable_link_is_a_sheet_too(browser: TestClient, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    remote = Table()
    threading.Thread(target=remote.server.serve_forever, daemon=True).start()
    try:
        for name, value in (("API", remote.url), ("APP_ID", "cli_a"), ("APP_SECRET", "s3cret")):
            monkeypatch.setenv(f"FEISHU_{name}", value)
        token = form_token(browser, "/campaigns/d11")
        link = "https://team.feishu.cn/base/bascnABC?table=tblXYZ&view=vew1"
        page = browser.post("/campaigns/d11/sheet", data={"form_token": token, "link": link}).text
    finally:
        remote.server.shutdown()
        remote.server.server_close()
    assert unbroken("app-push 11-10 19:55, People reached: 1.8 M → 2 M") in page


def test_another_link_is_refused_before_anybody_is_asked(browser: TestClient) -> None:
    token = form_token(browser, "/campaigns/d11")
    answer = browser.post("/campaigns/d11/sheet", data={"form_token": token, "link": "http://127.0.0.1:1/secret"})
    assert answer.status_code == 422
    assert "is no link to a Bitable table" in answer.text
