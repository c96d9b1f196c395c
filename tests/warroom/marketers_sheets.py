"""Sheets as marketing teams keep them."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from datetime import date, datetime, time

from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

Rows = Sequence[Sequence[object]]


def workbook(*sheets: tuple[str, Rows, Sequence[str]]) -> bytes:
    """Sheets as (title, rows, merged ranges)."""
    book = Workbook()
    book.remove(book.worksheets[0])
    for title, rows, merged in sheets:
        page = book.create_sheet(title)
        for row in rows:
            page.append(list(row))
        _formatted(page)
        for cells in merged:
            page.merge_cells(cells)
    made = io.BytesIO()
    book.save(made)
    return made.getvalue()


def _formatted(page: Worksheet) -> None:
    for cell in (cell for row in page.iter_rows() for cell in row):
        if isinstance(cell.value, datetime):
            cell.number_format = 'm"月"d"日" hh:mm'
        elif isinstance(cell.value, date):
            cell.number_format = "yyyy/m/d"


def rundown() -> bytes:
    """直播排期: title, merged dates, hours past midnight, 场观 in 万, subtotals, a footnote."""
    rows = [
        ["2026 双11 直播排期表（内部）"],
        [],
        ["日期", "直播间", "主播", "开播时间", "下播时间", "预计场观（万）", "备注"],
        [date(2026, 11, 10), "官方旗舰店", "小美", time(19, 0), "次日02:00", 120, "开门红"],
        [None, "达人专场", "阿强", "20:00", "24:00", "约50", None],
        ["小计", None, None, None, None, 170, None],
        [],
        [date(2026, 11, 11), "官方旗舰店", "小美", "晚8点", "凌晨1点", "80万", None],
        ["合计", None, None, None, None, 250, None],
        ["注：场观为预估，以实际为准"],
    ]
    return workbook(("直播排期", rows, ["A1:G1", "A4:A5"]))


def grouped() -> bytes:
    """投放总表: headings in two rows with merged groups, days without a year."""
    rows = [
        ["渠道", "推送", None, None, "直播", None, None, "投放", None, None],
        [None, "时间", "人数", "打开率", "开始时间", "结束时间", "预计场观", "预算(万元)", "开始时间", "结束时间"],
        ["App Push", "11月10日 19：55", "180万", "4%", None, None, None, None, None, None],
        ["短信", "11月10日 20点30", "32万", 0.03, None, None, None, None, None, None],
        ["抖音直播", None, None, None, "11月10日 20:00", "11月10日 23:30", "60w", None, None, None],
        ["抖音信息流", None, None, None, None, None, None, 30, "11月1日", "11月11日"],
        ["总计", None, "212万", None, None, None, "60w", 30, None, None],
    ]
    return workbook(("投放总表", rows, ["A1:A2", "B1:D1", "E1:G1", "H1:J1"]))


def by_channel() -> bytes:
    """One sheet for each channel, no column that names it, and a cover without a table."""
    push = [
        ["推送时间", "文案", "触达人数"],
        [datetime(2026, 11, 10, 19, 55), "8点开抢", 1_800_000],
        [datetime(2026, 11, 11, 9, 30), "返场", "90w"],
    ]
    sms = [
        ["短信发送计划（单位见表头）"],
        ["发送日期", "发送时间", "发送量（万条）"],
        [date(2026, 11, 10), "10:00", 32],
    ]
    live = [
        ["直播时段", "主播", "预计观看人数"],
        ["11月10日 20:00-22:00", "小美", "50万"],
        ["11月11日 20:00-次日00:30", "小美", "30万"],
    ]
    cover = [["双11 开门红推广计划"], ["负责人：林晓"]]
    return workbook(("封面", cover, []), ("App推送", push, []), ("短信", sms, ["A1:C1"]), ("淘宝直播", live, []))


def english() -> bytes:
    """A US team's calendar: month first, am and pm, K and M, a totals row, ad flights as whole days."""
    rows = [
        ["Singles' Day – marketing calendar"],
        [],
        ["Channel", "Send time", "Reach", "Open rate", "Expected viewers", "Start", "End", "Budget ($)", "Owner"],
        ["App push", "11/10/2026 7:55 PM", "1.8M", "4%", None, None, None, None, "Lin"],
        ["Email", "Nov 10, 8:30 AM", "320K", "18%", None, None, None, None, "Lin"],
        ["Livestream", None, None, None, "500K", "Nov 10 8pm", "Nov 10 11:30pm", None, "Zhao"],
        ["Paid social", None, None, None, None, "11/13/2026", "11/14/2026", 45000, "Zhao"],
        ["Total", None, "2.12M", None, "500K", None, None, 45000, None],
    ]
    return workbook(("Calendar", rows, ["A1:I1"]))


def pasted() -> bytes:
    """Cells copied out of a shared document: tabs, several campaigns, full-width marks."""
    return (
        "活动\t渠道\t推送日期\t推送时间\t触达人数（万人）\n"
        "双11 开门红\tapp-push\t2026/11/10\t１９：５５\t180\n"
        "双11 开门红\t短信\t2026/11/10\t20:00\t32\n"
        "双12\t短信\t2026/12/11\t20:00\t40\n"
    ).encode()


SHEETS: dict[str, Callable[[], bytes]] = {
    "rundown.xlsx": rundown,
    "grouped.xlsx": grouped,
    "by-channel.xlsx": by_channel,
    "english.xlsx": english,
    "pasted.csv": pasted,
}
