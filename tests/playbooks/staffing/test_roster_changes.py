"""Which shifts an edited roster changes, in records and in words."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook
from openpyxl.worksheet.worksheet import Worksheet

from campaign.language import use_language
from campaign.workspace import open_workspace
from playbooks.staffing.plan import ShiftCount
from playbooks.staffing.recheck import recheck_roster
from playbooks.staffing.recheck_words import desk_in_words, verdict_in_words
from playbooks.staffing.roster_changes import Hours, ShiftChange, roster_changes
from playbooks.staffing.roster_file import RosterRow, read_roster
from playbooks.staffing.shifts import ShiftDay
from surgeplan.cli import main

ZONE = ZoneInfo("Asia/Shanghai")
HEAD = "desk,day,shift,starts,ends,break_starts,break_minutes,agents,agent\n"
DAY = 10


def at(hour: int, day: int = DAY) -> datetime:
    return datetime(2026, 11, day, tzinfo=ZONE) + timedelta(hours=hour)


def count_of(shift: str, starts: int, agents: int, day: int = DAY) -> ShiftCount:
    """Eight hours with the break in the middle."""
    return ShiftCount(
        shift=shift, day=f"2026-11-{day}", starts_at_utc=at(starts, day), ends_at_utc=at(starts + 8, day),
        break_starts_at_utc=at(starts + 4, day), break_minutes=60, agents=agents,
    )  # fmt: skip


PLAN = [count_of("early", 8, 10), count_of("late", 15, 20), count_of("early", 8, 10, day=11)]


def changed(folder: Path, *lines: str) -> list[tuple[int, str, str, tuple[str, ...]]]:
    """People, shift before and after as `name day hour`, and names, of a desk whose plan is PLAN."""
    path = folder / "edited.csv"
    path.write_text(HEAD + "\n".join(lines) + "\n", "utf-8")
    found = roster_changes({"chat": PLAN}, read_roster(path, ["chat", "hotline"], ZONE).rows, ZONE)
    return [(one.people, _told(one, "before"), _told(one, "after"), one.names) for one in found]


def _told(change: ShiftChange, side: str) -> str:
    hours = getattr(change, side)
    if hours is None:
        return "-"
    elsewhere = "" if hours.desk == "chat" else f"{hours.desk} "
    return f"{elsewhere}{hours.shift} {hours.starts_at_utc.astimezone(ZONE):%d %H}"


EARLY, LATE, TOMORROW = (
    "chat,2026-11-10,early,08:00,16:00,12:00,60,{},",
    "chat,2026-11-10,late,15:00,23:00,19:00,60,{},",
    "chat,2026-11-11,early,08:00,16:00,12:00,60,{},",
)


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ((EARLY.format(10), LATE.format(20), TOMORROW.format(10)), []),
        ((EARLY.format(4), EARLY.format(6), LATE.format(20), TOMORROW.format(10)), []),
        ((EARLY.format(10).replace("early", "早班"), LATE.format(20), TOMORROW.format(10)), []),
        ((EARLY.format(10), LATE.format(17), TOMORROW.format(10)), [(3, "late 10 15", "-", ())]),
        ((EARLY.format(12), LATE.format(20), TOMORROW.format(10)), [(2, "-", "early 10 08", ())]),
        ((EARLY.format(13), LATE.format(16), TOMORROW.format(10)),
         [(3, "late 10 15", "early 10 08", ()), (1, "late 10 15", "-", ())][::-1]),
        ((EARLY.format(8), LATE.format(20), TOMORROW.format(12)),
         [(2, "early 10 08", "early 11 08", ())]),
        ((EARLY.format(8), LATE.format(20), TOMORROW.format(10), TOMORROW.format(2).replace("chat", "hotline")),
         [(2, "early 10 08", "hotline early 11 08", ())]),
        ((EARLY.format(10).replace("12:00", "11:00"), LATE.format(20), TOMORROW.format(10)),
         [(10, "early 10 08", "early 10 08", ())]),
    ],
)  # fmt: skip
def test_people_are_added_taken_away_or_moved(
    tmp_path: Path, lines: tuple[str, ...], expected: list[tuple[int, str, str, tuple[str, ...]]]
) -> None:
    assert changed(tmp_path, *lines) == expected


def test_who_leaves_goes_to_the_shift_whose_hours_are_nearest(tmp_path: Path) -> None:
    later = "chat,2026-11-10,late,16:00,24:00,20:00,60,20,"
    noon = "chat,2026-11-10,noon,11:00,19:00,15:00,60,10,"
    assert changed(tmp_path, later, noon, TOMORROW.format(10)) == [
        (10, "early 10 08", "noon 10 11", ()),
        (20, "late 10 15", "late 10 16", ()),
    ]


def test_people_on_a_shift_that_is_new_are_named(tmp_path: Path) -> None:
    extra = [f"chat,2026-11-10,extra,20:00,24:00,,0,,{name}" for name in ("Li Lei", "Han Meimei")]
    same = [f"chat,2026-11-11,early,08:00,16:00,12:00,60,,agent {n}" for n in range(11)]
    assert changed(tmp_path, EARLY.format(10), LATE.format(20), *same, *extra) == [
        (2, "-", "extra 10 20", ("Li Lei", "Han Meimei")),
        (1, "-", "early 11 08", ()),  # eleven where ten were planned: nobody can say which of them is new
    ]


LI_WEI = "chat,2026-11-{},own,{},,0,,Li Wei"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        # as long as before, though a shorter one on the same day is nearer
        ((LI_WEI.format(10, "09:00,13:00"), LI_WEI.format(12, "08:00,16:00")),
         [(1, "early 10 08", "own 12 08", ("Li Wei",)), (1, "-", "own 10 09", ("Li Wei",))]),
        # of two as long the one on the nearest day, whatever its hours
        ((LI_WEI.format(11, "13:00,21:00"), LI_WEI.format(12, "08:00,16:00")),
         [(1, "early 10 08", "own 11 13", ("Li Wei",)), (1, "-", "own 12 08", ("Li Wei",))]),
        # on the same desk before another one on the same day
        ((LI_WEI.format(10, "08:00,16:00").replace("chat", "hotline"), LI_WEI.format(12, "08:00,16:00")),
         [(1, "early 10 08", "own 12 08", ("Li Wei",)), (1, "-", "hotline own 10 08", ("Li Wei",))]),
    ],
)  # fmt: skip
def test_of_several_changes_those_are_paired_that_people_most_likely_meant(
    tmp_path: Path, lines: tuple[str, ...], expected: list[tuple[int, str, str, tuple[str, ...]]]
) -> None:
    found = changed(tmp_path, EARLY.format(9), LATE.format(20), TOMORROW.format(10), *lines)
    assert sorted(found) == sorted(expected)


def test_two_desks_that_each_move_a_shift_keep_their_people() -> None:
    first, second = count_of("early", 8, 1, day=10), count_of("early", 8, 1, day=11)
    edited = [row("chat", second), row("hotline", first)]
    found = roster_changes({"chat": [first], "hotline": [second]}, edited, ZONE)
    assert [(told(one.before), told(one.after)) for one in found] == [
        (("chat", 10), ("chat", 11)),
        (("hotline", 11), ("hotline", 10)),
    ]


def told(hours: Hours | None) -> tuple[str, int] | None:
    return hours and (hours.desk, hours.starts_at_utc.astimezone(ZONE).day)


def row(desk: str, one: ShiftCount, agent: str = "") -> RosterRow:
    shift = ShiftDay(
        one.shift, one.starts_at_utc.astimezone(ZONE).date(), one.starts_at_utc, one.ends_at_utc,
        one.break_starts_at_utc, one.break_minutes,
    )  # fmt: skip
    return RosterRow(desk, shift, one.agents, agent, line=2)


DESKS = st.sampled_from(["chat", "hotline", "mail"])
COUNTS = st.builds(
    lambda one, less: one.model_copy(update={"ends_at_utc": one.ends_at_utc - timedelta(hours=less)}),
    st.builds(count_of, st.sampled_from(["early", "late"]), st.integers(6, 22), st.integers(0, 3), st.integers(9, 13)),
    st.integers(0, 3),
)
PLACED = st.lists(st.tuples(DESKS, COUNTS), max_size=12)


@given(PLACED, PLACED, st.lists(st.sampled_from(["", "Li Wei", "Han Meimei"]), min_size=12, max_size=12))
def test_the_old_roster_with_the_changes_told_is_the_new_one(
    old: list[tuple[str, ShiftCount]], new: list[tuple[str, ShiftCount]], names: list[str]
) -> None:
    planned = {desk: [one for at_desk, one in old if at_desk == desk] for desk, _ in old}
    edited = [row(desk, one, name) for (desk, one), name in zip(new, names, strict=False)]
    changes = roster_changes(planned, edited, ZONE)
    people = people_of(old)
    for change in changes:
        assert change.before != change.after
        if change.before:
            people[change.before] -= change.people
        if change.after:
            people[change.after] += change.people
    assert min(people.values(), default=0) >= 0, "nobody leaves a shift who was not on it"
    assert +people == people_of(new)
    assert all(change.before for change in changes) or all(change.after for change in changes), "a move is told as one"


def people_of(roster: list[tuple[str, ShiftCount]]) -> Counter[Hours]:
    people: Counter[Hours] = Counter()
    for desk, one in roster:
        hours = Hours(
            desk, one.shift, one.starts_at_utc, one.ends_at_utc, one.break_starts_at_utc, one.break_minutes
        )  # fmt: skip
        people[hours] += one.agents
    return +people


def lunch_for_all_at_once(page: Worksheet) -> None:
    """Everybody on the first shift of the campaign's second day breaks at the same time."""
    rows = [row for row in page.iter_rows(min_row=2) if row[0].value == "2026-11-11" and row[1].value == "early"]
    assert len(rows) > 1, "the plan spreads this shift's breaks"
    for row in rows:
        row[4].value = rows[0][4].value


@pytest.fixture
def edited(planned: Path, tmp_path: Path) -> Path:
    book = load_workbook(planned / "out" / "d11" / "playbook" / "roster.xlsx")
    lunch_for_all_at_once(book["chat"])
    book.save(tmp_path / "edited.xlsx")
    return tmp_path / "edited.xlsx"


def test_the_plans_own_workbook_changes_no_shift(planned: Path) -> None:
    found = recheck_roster(open_workspace(planned), "d11", planned / "out" / "d11" / "playbook" / "roster.xlsx")
    assert all(desk.shifts == () for desk in found.desks)
    assert "chat: the same shifts as in the plan." in [str(text) for text in desk_in_words(found.desks[0], ZONE)]


def test_a_hole_in_one_half_hour_is_named_though_the_whole_keeps_its_promise(planned: Path, edited: Path) -> None:
    found = recheck_roster(open_workspace(planned), "d11", edited)
    chat, (verdict, *more) = found.desks[0], verdict_in_words(found)
    assert found.keeps_promises
    assert str(verdict).startswith("Over the whole campaign every desk keeps its promise")
    assert not more
    assert chat.after.worst_service_level_ratio < 0.8 <= chat.after.service_level_ratio
    assert chat.in_worst is not None
    assert chat.in_worst.edited < chat.in_worst.planned
    told = [str(text) for text in desk_in_words(chat, ZONE)]
    assert any(
        text.startswith("chat: the break of ") and " on early 11-11 08:00–16:00 moved from " in text for text in told
    )
    assert f", with {chat.in_worst.edited:g} people instead of {chat.in_worst.planned:g}, " in told[-2]
    assert told[-1].endswith("the promise is of the whole campaign, not of each half-hour.")
    use_language("zh")
    assert "这半小时是薄弱点" in [str(text) for text in desk_in_words(chat, ZONE)][-1]
    use_language("en")


def test_a_promise_that_is_not_kept_names_its_desk(planned: Path, tmp_path: Path) -> None:
    book = load_workbook(planned / "out" / "d11" / "playbook" / "roster.xlsx")
    for row in book["hotline"].iter_rows(min_row=2):
        row[6].value = int(row[6].value) // 3
    book.save(tmp_path / "edited.xlsx")
    found = recheck_roster(open_workspace(planned), "d11", tmp_path / "edited.xlsx")
    assert str(next(verdict_in_words(found))).startswith("Over the whole campaign the promise is not kept by hotline, ")
    told = [str(text) for text in desk_in_words(found.desks[1], ZONE)]
    assert any("more changes of shifts" in text for text in told)
    assert any("nothing below judges, because they are outside 11-10 20:00 to 11-12 00:00" in text for text in told)


def test_the_command_tells_programs_which_shifts_changed(
    planned: Path, edited: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["staffing", "d11", "--workspace", str(planned), "--roster", str(edited), "--json"])
    chat = json.loads(capsys.readouterr().out)["desks"][0]
    assert {one["after"]["shift"] for one in chat["shifts"]} == {"early"}
    assert all(one["before"]["break_starts_at_utc"] != one["after"]["break_starts_at_utc"] for one in chat["shifts"])
    assert chat["in_worst_half_hour"]["edited"] < chat["in_worst_half_hour"]["planned"]


def test_a_shift_moved_to_another_day_or_desk_is_told_as_one_move(planned: Path, tmp_path: Path) -> None:
    book = load_workbook(planned / "out" / "d11" / "playbook" / "roster.xlsx")
    chat, hotline = book["chat"], book["hotline"]
    first = next(row for row in chat.iter_rows(min_row=2) if row[0].value == "2026-11-10")
    starts, ends = (datetime.fromisoformat(str(first[place].value)) for place in (2, 3))
    shift, pause, rest = str(first[1].value), first[4].value, first[5].value
    first[6].value = int(str(first[6].value)) - 2
    chat["I1"] = "agent"
    chat.append(["2026-11-20", shift, f"{starts:%H:%M}", f"{ends:%H:%M}", None, rest, 1, 0, "Li Wei"])
    soon = timedelta(minutes=5)
    hotline.append(["2026-11-10", shift, starts + soon, ends + soon, pause, rest, 1, 0])
    book.save(tmp_path / "edited.xlsx")
    found = recheck_roster(open_workspace(planned), "d11", tmp_path / "edited.xlsx")
    hours, later = f"{starts:%H:%M}–{ends:%H:%M}", f"{starts + soon:%H:%M}–{ends + soon:%H:%M}"
    said = [str(text) for desk in found.desks for text in desk_in_words(desk, ZONE)]
    assert f"chat: Li Wei moved from {shift} 11-10 {hours} to {shift} 11-20 {hours}." in said
    assert f"chat: 1 moved from {shift} 11-10 {hours} to {shift} 11-10 {later} hotline." in said
    assert "hotline: people who come from chat, as told there: 1." in said
    assert "hotline: the same shifts as in the plan." not in said
    use_language("zh")
    said = [str(text) for text in desk_in_words(found.desks[0], ZONE)]
    use_language("en")
    assert f"chat：Li Wei 从 {shift} 11-10 {hours} 调到 {shift} 11-20 {hours}。" in said
