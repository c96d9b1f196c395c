"""An edited roster read back: in either language, from a workbook or a CSV, with every problem at once."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from openpyxl import Workbook

from campaign.errors import UserError
from campaign.settings import Shift, ShiftPart
from playbooks.staffing.policy import shipped_policy
from playbooks.staffing.roster_file import RosterFile, read_roster
from playbooks.staffing.roster_rules import broken_limits, impossible, shift_findings

ZONE = ZoneInfo("Asia/Shanghai")
HEAD = "desk,day,shift,starts,ends,break_starts,break_minutes,agents,agent\n"


def from_csv(folder: Path, *lines: str, encoding: str = "utf-8") -> RosterFile:
    path = folder / "edited.csv"
    path.write_bytes((HEAD + "\n".join(lines) + "\n").encode(encoding))
    return read_roster(path, ["chat", "hotline"], ZONE)


def refused(folder: Path, *lines: str) -> str:
    with pytest.raises(UserError) as error:
        from_csv(folder, *lines)
    return str(error.value)


def workbook(folder: Path, sheets: dict[str, list[list[object]]]) -> Path:
    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        page = book.create_sheet(name)
        for row in rows:
            page.append(row)
    book.save(folder / "edited.xlsx")
    return folder / "edited.xlsx"


CHINESE = ["日期", "班次", "开始", "结束", "休息开始", "休息(分钟)", "人数"]


def test_a_workbook_with_chinese_headings_is_read(tmp_path: Path) -> None:
    row = ["2026-11-10", "late", datetime(2026, 11, 10, 18), datetime(2026, 11, 11, 2), None, 60, 30]
    found = read_roster(workbook(tmp_path, {"chat": [CHINESE, row], "hotline": [CHINESE]}), ["chat", "hotline"], ZONE)
    shift = found.rows[0].shift
    assert shift.starts_at_utc == datetime(2026, 11, 10, 10, tzinfo=UTC)
    assert shift.ends_at_utc == datetime(2026, 11, 10, 18, tzinfo=UTC)
    assert shift.break_starts_at_utc == datetime(2026, 11, 10, 13, 30, tzinfo=UTC)
    assert found.rows[0].agents == 30


def test_times_of_day_beside_a_day_may_run_past_midnight(tmp_path: Path) -> None:
    found = from_csv(tmp_path, "chat,2026-11-10,late,18:00,02:00,22:00,60,30,")
    assert found.rows[0].shift.ends_at_utc == datetime(2026, 11, 10, 18, tzinfo=UTC)
    assert found.rows[0].shift.paid_hours == 7


def test_a_gbk_file_is_read_and_said(tmp_path: Path) -> None:
    found = from_csv(tmp_path, "chat,2026-11-10,晚班,18:00,24:00,,0,30,", encoding="gbk")
    assert found.rows[0].shift.shift == "晚班"
    assert [str(note) for note in found.notes] == ["edited.csv: read as GB18030 (GBK)"]


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    assert from_csv(tmp_path, "chat,2026-11-10,late,18:00,24:00,,0,30,", encoding="utf-8-sig").rows[0].agents == 30


def test_a_renamed_sheet_is_named_with_the_one_it_may_be(tmp_path: Path) -> None:
    path = workbook(tmp_path, {"chats": [CHINESE], "hotline": [CHINESE]})
    with pytest.raises(UserError) as error:
        read_roster(path, ["chat", "hotline"], ZONE)
    assert str(error.value) == "edited.xlsx: has no sheet named chat, or an empty one\n  did you mean chats?"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK damaged", "edited.xlsx: is no readable workbook: File is not a zip file\n"),
        (b"\xd0\xcf\x11\xe0 of 1997", "edited.xlsx: is of the old .xls kind\n  save it as .xlsx"),
        (b"", "edited.xlsx: has no shifts\n  keep the headings of roster.xlsx"),
        (b"plain text", "edited.xlsx: has no headings of a roster\n  keep the headings of roster.xlsx"),
    ],
)
def test_a_file_that_is_no_roster_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "edited.xlsx").write_bytes(content)
    with pytest.raises(UserError) as error:
        read_roster(tmp_path / "edited.xlsx", ["chat"], ZONE)
    assert str(error.value).startswith(said)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read: No such file"):
        read_roster(tmp_path / "none.csv", ["chat"], ZONE)
    with pytest.raises(UserError, match="cannot be read: No such file"):
        read_roster(tmp_path / "none.xlsx", ["chat"], ZONE)


def test_all_problems_of_all_rows_come_at_once(tmp_path: Path) -> None:
    said = refused(
        tmp_path,
        "chatt,2026-11-10,late,18:00,24:00,,0,30,",
        "chat,2026-11-10,late,2026-11-10 18:00,2026-11-10 10:00,,0,30,",
        "chat,2026-11-10,late,18:00,24:00,,0,minus one,",
        "chat,2026-11-10,late,18:00,24:00,03:00,60,5,",
        "chat,2026-11-10,late,early,24:00,,0,5,",
    )
    assert said.splitlines() == [
        "edited.csv:2 desk: there is no desk chatt",
        "  did you mean chat?",
        "edited.csv:3 ends: ends before it starts",
        "  write the next day's date if it runs past midnight",
        "edited.csv:4 agents: 'minus one' is not a number of people",
        "  write a whole number from 0 up",
        "edited.csv:5 break_starts: the break is outside the shift",
        "  move it between start and end",
        "edited.csv:6 starts: 'early' is not a time",
        "  write it as 2026-11-10 20:00, or as 20:00 beside a day",
    ]


def test_a_file_without_shifts_is_refused(tmp_path: Path) -> None:
    assert refused(tmp_path) == "edited.csv: has no shifts\n  keep the headings of roster.xlsx"


NAMED: list[object] = [*CHINESE, "姓名"]
LATE: list[object] = ["2026-11-10", "late", "18:00", "02:00", "22:00", 60, 30]
UNTIL_TWO = (datetime(2026, 11, 10, 10, tzinfo=UTC), datetime(2026, 11, 10, 18, tzinfo=UTC))


def sheet(folder: Path, *rows: list[object], head: list[object] | None = None) -> RosterFile:
    return read_roster(workbook(folder, {"chat": [head or [*CHINESE], *rows]}), ["chat"], ZONE)


def refused_sheet(folder: Path, *rows: list[object], head: list[object] | None = None) -> str:
    with pytest.raises(UserError) as error:
        sheet(folder, *rows, head=head)
    return str(error.value)


def with_cells(**cells: object) -> list[object]:
    places = {"day": 0, "starts": 2, "ends": 3, "pause": 4, "minutes": 5, "agents": 6}
    return [next((cells[name] for name, at in places.items() if at == i and name in cells), LATE[i]) for i in range(7)]


@pytest.mark.parametrize(
    "row",
    [
        with_cells(starts="2026/11/10 18:00", ends="2026/11/11 2:00", pause="2026/11/10 22:00"),
        with_cells(day="2026/11/10", ends="26:00"),
        with_cells(day="2026年11月10日", starts="18：00", pause="22：00"),
        with_cells(day=date(2026, 11, 10), starts=time(18), ends=time(2), pause=time(22)),
        with_cells(day=datetime(2026, 11, 10), ends=timedelta(hours=26)),
        with_cells(starts=datetime(2026, 11, 10, 17, 59, 59, 997000), agents="３０"),
        with_cells(agents="30.0"),
    ],
)
def test_times_are_read_as_spreadsheets_and_their_users_write_them(tmp_path: Path, row: list[object]) -> None:
    read = sheet(tmp_path, row).rows[0]
    assert (read.shift.starts_at_utc, read.shift.ends_at_utc) == UNTIL_TWO
    assert read.shift.break_starts_at_utc == datetime(2026, 11, 10, 14, tzinfo=UTC)
    assert read.agents == 30


def test_a_break_after_midnight_is_in_the_shift(tmp_path: Path) -> None:
    pause = sheet(tmp_path, with_cells(pause="00:30")).rows[0].shift.break_starts_at_utc
    assert pause == datetime(2026, 11, 10, 16, 30, tzinfo=UTC)


def test_a_break_of_no_minutes_is_none(tmp_path: Path) -> None:
    assert sheet(tmp_path, with_cells(minutes=0)).rows[0].shift.break_starts_at_utc is None


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (with_cells(day="2026-11-12", starts=datetime(2026, 11, 10, 18), ends=datetime(2026, 11, 11, 2)),
         "edited.xlsx:2 chat.day: 2026-11-12 is not the day that the shift starts on, 2026-11-10 18:00\n"
         "  change both, or write only the time of day as its start and end"),
        (with_cells(day="11月10日"), "edited.xlsx:2 chat.day: '11月10日' is not a day\n"
         "  write it as 2026-11-10, beside a time of day"),
        (with_cells(ends=datetime(2026, 12, 11, 2)), "edited.xlsx:2 chat.ends: ends 728 hours after it starts\n"
         "  correct the day"),
        (with_cells(starts=datetime(2026, 11, 10, 18), ends=datetime(2026, 11, 10, 2)),
         "edited.xlsx:2 chat.ends: ends before it starts\n  write the next day's date if it runs past midnight"),
        (with_cells(agents=None), "edited.xlsx:2 chat.agents: - is not a number of people\n"
         "  fill it in; of merged cells only the first is filled"),
        (with_cells(agents="inf"), "edited.xlsx:2 chat.agents: 'inf' is not a number of people\n"
         "  write a whole number from 0 up"),
        (with_cells(minutes=-30), "edited.xlsx:2 chat.break_minutes: -30 is not a whole number of minutes\n  write 60"),
        (["合计", None, None, None, None, None, 30], "edited.xlsx:2 chat.starts: neither starts nor ends\n"
         "  fill them in, or delete the row; of merged cells only the first is filled"),
    ],
)  # fmt: skip
def test_a_mistake_gives_one_problem(tmp_path: Path, row: list[object], said: str) -> None:
    assert refused_sheet(tmp_path, row) == said


def test_blank_rows_and_rows_above_the_headings_are_passed_over(tmp_path: Path) -> None:
    found = sheet(tmp_path, list(CHINESE), ["  ", None], LATE, [None] * 7, head=["双十一排班表"])
    assert [row.line for row in found.rows] == [4]


@pytest.mark.parametrize(
    ("place", "heading", "said"),
    [
        (6, "备注", "edited.xlsx:1 chat: has no column agents\n  name it so in this row"),
        (2, "上班时间", "edited.xlsx:1 chat: has no column starts\n  name it so in this row"),
        (1, "人数", "edited.xlsx:1 chat: has 2 columns agents\n  keep the one that counts"),
    ],
)
def test_a_column_that_is_missing_or_doubled_is_named_once(tmp_path: Path, place: int, heading: str, said: str) -> None:
    head: list[object] = [*CHINESE]
    head[place] = heading
    assert refused_sheet(tmp_path, *[LATE] * 50, head=head) == said


def test_a_csv_without_desks_says_where_they_belong(tmp_path: Path) -> None:
    (tmp_path / "edited.csv").write_text("day,starts,ends,agents\n2026-11-10,18:00,02:00,3\n", "utf-8")
    with pytest.raises(UserError, match="has no column desk\n  a CSV holds all desks: "):
        read_roster(tmp_path / "edited.csv", ["chat"], ZONE)


@pytest.mark.parametrize(("separator", "encoding"), [(";", "utf-8-sig"), ("\t", "utf-16")])
def test_a_csv_is_read_as_the_spreadsheet_saved_it(tmp_path: Path, separator: str, encoding: str) -> None:
    text = HEAD + "chat,2026/11/10,late,2026/11/10 18:00,2026/11/11 2:00,2026/11/10 22:00,60,30,\n"
    (tmp_path / "edited.csv").write_bytes(text.replace(",", separator).encode(encoding))
    shift = read_roster(tmp_path / "edited.csv", ["chat"], ZONE).rows[0].shift
    assert (shift.starts_at_utc, shift.ends_at_utc) == UNTIL_TWO


def test_problems_beyond_the_first_ones_are_counted(tmp_path: Path) -> None:
    said = refused(tmp_path, *["chat,2026-11-10,late,evening,24:00,,0,5,"] * 25).splitlines()
    assert len(said) == 2 * 21
    assert said[-2:] == ["edited.csv: 5 more problems", "  mend these and hand it back"]


def test_everybody_named_in_a_cell_works(tmp_path: Path) -> None:
    rows = sheet(tmp_path, [*with_cells(agents=2), "Li Wei、Han  Meimei"], head=NAMED).rows
    assert [(row.agent, row.agents) for row in rows] == [("Li Wei", 1), ("Han Meimei", 1)]


def test_a_name_does_not_stand_for_several_people(tmp_path: Path) -> None:
    assert refused_sheet(tmp_path, [*LATE, "张三"], head=NAMED) == (
        "edited.xlsx:2 chat.agents: 30 people, but 张三 beside it\n"
        "  name everybody, or give the others a row of their own"
    )


def test_who_is_put_down_with_no_people_does_not_work(tmp_path: Path) -> None:
    said = sheet(tmp_path, LATE, [*with_cells(agents=0), "张三"], head=NAMED)
    assert [row.agents for row in said.rows] == [30]


def test_one_person_cannot_work_two_shifts_at_once(tmp_path: Path) -> None:
    roster = from_csv(
        tmp_path, "chat,2026-11-10,a,08:00,16:00,,0,,Li Lei", "hotline,2026-11-10,b,15:00,23:00,,0,,Li Lei"
    )
    assert [str(problem) for problem in impossible(roster, "edited.csv")] == [
        "edited.csv:3 hotline: Li Lei has another shift at that time (row 2)\n  give one of the two to somebody else"
    ]


def test_unknown_people_and_missing_skills_are_refused(tmp_path: Path) -> None:
    head = [*CHINESE, "客服"]
    rows: list[list[object]] = [head]
    for name in ("张三", "李四", "王五"):
        rows.append(["2026-11-10", "late", "18:00", "23:00", None, 0, 1, name])
    people: list[list[object]] = [["客服", "客服组"], ["张三", "chat"], ["李四", "hotline"]]
    path = workbook(tmp_path, {"chat": rows, "hotline": [head], "人员": people})
    said = [problem.what.speak("en") for problem in impossible(read_roster(path, ["chat", "hotline"], ZONE), path.name)]
    assert said == ["李四 does not work chat", "there is nobody called 王五 on the sheet of people"]


def test_too_little_rest_and_too_long_weeks_are_named(tmp_path: Path) -> None:
    lines = [f"chat,2026-11-{day:02d},a,08:00,17:00,12:00,60,,Han Meimei" for day in range(9, 16)]
    roster = from_csv(tmp_path, *lines, "chat,2026-11-15,b,20:00,24:00,,0,,Han Meimei")
    said = [str(text) for text in broken_limits(roster, shipped_policy().labour)]
    assert said == [
        "Han Meimei works 12 hours on 2026-11-15: more than 11",
        "Han Meimei comes and goes within 16 hours on 2026-11-15: beyond 13 no 11 hours of rest are left in 24",
        "Han Meimei: 7 days and 60 hours in seven days from 2026-11-09; at most 6 and 54",
    ]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (
            ["chat,2026-11-10,late,15:00,23:00,18:00,60,,Li Lei", "chat,2026-11-11,early,08:00,16:00,12:00,60,,Li Lei"],
            ["Li Lei rests 9 hours before 2026-11-11: less than 11"],
        ),
        (["chat,2026-11-10,split,09:00,21:00,13:00,240,,Li Lei"], []),
        (["chat,2026-11-10,a,09:00,13:00,,0,,Li Lei", "chat,2026-11-10,b,17:00,21:00,,0,,Li Lei"], []),
        (
            ["chat,2026-11-10,split,09:00,18:48,13:00,108,,Li Lei"],
            ["Li Lei has 1.8 hours between the halves of 2026-11-10: too long for a break, and less than 2"],
        ),
        (
            ["chat,2026-11-10,a,09:00,13:00,,0,,Li Lei", "hotline,2026-11-10,b,14:48,18:00,,0,,Li Lei"],
            ["Li Lei has 1.8 hours between the halves of 2026-11-10: too long for a break, and less than 2"],
        ),
        (
            ["chat,2026-11-10,split,09:00,23:00,13:00,360,,Li Lei"],
            ["Li Lei comes and goes within 14 hours on 2026-11-10: beyond 13 no 11 hours of rest are left in 24"],
        ),
        (
            ["chat,2026-11-10,split,10:00,23:00,14:00,300,,Li Lei", "chat,2026-11-11,a,09:00,13:00,,0,,Li Lei"],
            ["Li Lei rests 10 hours before 2026-11-11: less than 11"],
        ),
    ],
)
def test_rest_between_halves_and_until_the_next_day_is_checked(
    tmp_path: Path, lines: list[str], said: list[str]
) -> None:
    assert [str(text) for text in broken_limits(from_csv(tmp_path, *lines), shipped_policy().labour)] == said


def test_shift_types_that_leave_no_rest_are_named() -> None:
    close = Shift(name="near", parts=(ShiftPart(starts="09:00", hours=4), ShiftPart(starts="14:00", hours=4)))
    wide = Shift(name="wide", parts=(ShiftPart(starts="09:00", hours=4), ShiftPart(starts="20:00", hours=4)))
    fine = Shift(name="fine", parts=(ShiftPart(starts="09:00", hours=4), ShiftPart(starts="17:00", hours=4)))
    assert [str(text) for text in shift_findings([close, wide, fine], shipped_policy().labour)] == [
        "shift near has 1 hours between its halves: less than 2",
        "shift wide takes 15 hours from coming to going: nobody can work it on two days running with 11 hours of rest",
    ]
