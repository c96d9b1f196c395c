"""An edited roster read back: the workbook's sheets by desk, or one CSV, in whatever language the headings are."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from campaign.errors import Problem, UserError, nearest
from campaign.language import LANGUAGES, Text, say
from metrics.intake.raw_tables import Cell, RawTable, read_raw_tables
from playbooks.staffing.roster_cells import day_of, is_blank, names_in, plain, time_of, whole_number
from playbooks.staffing.shifts import ShiftDay

PEOPLE_SHEETS = ("people", "人员")
HEADINGS: dict[str, Text] = {
    "desk": say("desk"),
    "day": say("day"),
    "shift": say("shift"),
    "starts": say("starts"),
    "ends": say("ends"),
    "break_starts": say("break starts"),
    "break_minutes": say("break, minutes"),
    "agents": say("agents"),
    "agent": say("agent"),
}
ALSO_CALLED = {"姓名": "agent", "name": "agent"}
TIMES = ("starts", "ends", "break_starts")
HEADINGS_WITHIN_ROWS = 20
LONGEST_SHIFT = timedelta(hours=24)
PROBLEMS_TOLD = 20


@dataclass(frozen=True)
class RosterRow:
    """One line of a roster: how many people (or who) work one shift; `line` is where it stands."""

    desk: str
    shift: ShiftDay
    agents: int
    agent: str
    line: int


@dataclass(frozen=True)
class RosterFile:
    """A roster as read. people: the desks that each named person knows, where the file has such a sheet."""

    rows: tuple[RosterRow, ...]
    people: Mapping[str, frozenset[str]] | None
    notes: tuple[Text, ...]


def read_roster(path: Path, desks: Sequence[str], zone: ZoneInfo) -> RosterFile:
    """Read a workbook (one sheet per desk) or a CSV (a `desk` column); times are local where they have no offset.

    Raises:
        UserError: every problem of every row; beyond the first ones, how many there are.
    """
    problems: list[Problem] = []
    tables = _tables(path, problems)
    sheets = {table.place.sheet.strip(): table for table in tables}
    if sheets and "" not in sheets:
        problems += _missing_sheets(path, sheets, desks)
    rows: list[RosterRow] = []
    for table in (sheets[name] for name in ("", *desks) if name in sheets):
        rows += _rows(table, desks, zone, problems)
    if not rows and not problems:
        problems.append(Problem(say("has no shifts"), say("keep the headings of roster.xlsx"), file=path.name))
    if problems:
        raise UserError(_first(problems, path))
    notes = tuple(say("{file}: {note}", file=path.name, note=note) for table in tables for note in table.notes)
    return RosterFile(tuple(rows), _people(sheets), notes if "" in sheets else ())


def _tables(path: Path, problems: list[Problem]) -> list[RawTable]:
    try:
        return read_raw_tables(path, path.name, problems)
    except OSError as error:
        what = say("cannot be read: {reason}", reason=error.strerror or str(error))
        raise UserError(Problem(what, file=path.name)) from error


def _first(problems: Sequence[Problem], path: Path) -> list[Problem]:
    told = list(problems[:PROBLEMS_TOLD])
    if more := len(problems) - len(told):
        told.append(Problem(say("{n} more problems", n=more), say("mend these and hand it back"), file=path.name))
    return told


def _missing_sheets(path: Path, sheets: Mapping[str, RawTable], desks: Sequence[str]) -> Iterator[Problem]:
    rosters = [name for name, table in sheets.items() if name not in desks and _headings(table)]
    for desk in desks:
        if desk not in sheets:
            todo = say("add it again, with its headings even where nobody works")
            what = say("has no sheet named {desk}, or an empty one", desk=desk)
            yield Problem(what, nearest(desk, rosters) if rosters else todo, file=path.name)


def _people(sheets: Mapping[str, RawTable]) -> dict[str, frozenset[str]] | None:
    for name in PEOPLE_SHEETS:
        if name in sheets:
            return {
                plain(cells[0]): frozenset(re.split(r"[,;、\s]+", plain(cells[1] if len(cells) > 1 else "")))
                for _, cells in sheets[name].rows[1:]
                if not is_blank(cells[0])
            }
    return None


def _headings(table: RawTable) -> tuple[int, list[str]] | None:
    """The row that names the columns and each column's field, "" where it is none of ours."""
    for line, cells in table.rows[:HEADINGS_WITHIN_ROWS]:
        names = [_field(heading) for heading in cells]
        if len({name for name in names if name}) >= 3:
            return line, names
    return None


def _field(heading: object) -> str:
    text = _compact(heading)
    for field, words in HEADINGS.items():
        if text in {_compact(words.speak(language)) for language in LANGUAGES}:
            return field
    name = re.sub(r"[^a-z]+", "_", text).strip("_")
    return name if name in HEADINGS else ALSO_CALLED.get(text, "")


def _compact(heading: object) -> str:
    return plain("" if heading is None else heading).replace(" ", "").lower()


def _rows(table: RawTable, desks: Sequence[str], zone: ZoneInfo, problems: list[Problem]) -> Iterator[RosterRow]:
    found = _headings(table)
    if found is None:
        what, todo = say("has no headings of a roster"), say("keep the headings of roster.xlsx")
        problems.append(table.place.problem(what, todo))
        return
    head, names = found
    if faults := list(_columns_wrong(table, head, names)):
        problems += faults
        return
    for line, values in table.rows:
        cells = {name: value for name, value in zip(names, values, strict=False) if name and not is_blank(value)}
        if line > head and cells:
            yield from _Reader(table, line, cells, desks, zone, problems).rows()


def _columns_wrong(table: RawTable, head: int, names: Sequence[str]) -> Iterator[Problem]:
    place, csv = table.place.at(head), not table.place.sheet
    needed = ["starts", "ends", *(["desk"] if csv else [])]
    if "agent" not in names:
        needed.append("agents")
    for field in needed:
        if field not in names:
            todo = say("name it so in this row")
            if field == "desk":
                todo = say("a CSV holds all desks: name each row's desk in it, or hand back the .xlsx")
            yield place.problem(say("has no column {name}", name=HEADINGS[field]), todo)
    for field, count in Counter(name for name in names if name).items():
        if count > 1:
            what = say("has {n} columns {name}", n=count, name=HEADINGS[field])
            yield place.problem(what, say("keep the one that counts"))


@dataclass(frozen=True)
class _Reader:
    """One row's cells by our names, without empty ones; what is wrong with them goes to `problems`."""

    table: RawTable
    line: int
    cells: Mapping[str, Cell]
    desks: Sequence[str]
    zone: ZoneInfo
    problems: list[Problem]

    def rows(self) -> Iterator[RosterRow]:
        """The row, once for each person that it names."""
        before = len(self.problems)
        if "starts" not in self.cells and "ends" not in self.cells:
            todo = say("fill them in, or delete the row; of merged cells only the first is filled")
            self._refuse(say("neither starts nor ends"), todo, "starts")
            return
        desk, shift = self._desk(), self._shift()
        names, agents = names_in(self.cells.get("agent")), self._agents()
        if shift is None or agents is None or len(self.problems) > before:
            return
        if names and agents:
            yield from (RosterRow(desk, shift, 1, name, self.line) for name in names)
        elif agents:
            yield RosterRow(desk, shift, agents, "", self.line)

    def _refuse(self, what: Text, todo: Text, key: str) -> None:
        where = f"{self.table.place.sheet}.{key}" if self.table.place.sheet else key
        self.problems.append(Problem(what, todo, file=self.table.place.file, line=self.line, key=where))

    def _unreadable(self, what: Text, todo: Text, field: str) -> None:
        """A cell that says nothing we know; an empty one is filled in whatever it should have looked like."""
        empty = say("fill it in; of merged cells only the first is filled")
        self._refuse(what, todo if field in self.cells else empty, field)

    def _desk(self) -> str:
        desk = self.table.place.sheet.strip() or plain(self.cells.get("desk", ""))
        if desk not in self.desks:
            self._refuse(say("there is no desk {desk}", desk=desk or "-"), nearest(desk, self.desks), "desk")
        return desk

    def _agents(self) -> int | None:
        names, given = names_in(self.cells.get("agent")), self.cells.get("agents")
        count = len(names) if names and given is None else whole_number(given)
        if count is None:
            what = say("{given} is not a number of people", given=_shown(given))
            self._unreadable(what, say("write a whole number from 0 up"), "agents")
        elif names and count not in (0, len(names)):
            what = say("{n} people, but {names} beside it", n=count, names=", ".join(names))
            self._refuse(what, say("name everybody, or give the others a row of their own"), "agents")
        return count

    def _shift(self) -> ShiftDay | None:
        if any(map(self._is_clock, TIMES)) and self._day() is None:
            what = say("{given} is not a day", given=_shown(self.cells.get("day")))
            self._unreadable(what, say("write it as 2026-11-10, beside a time of day"), "day")
            return None
        starts, ends = self._moment("starts"), self._moment("ends")
        if starts is None or ends is None or not self._same_day(starts):
            return None
        if ends <= starts and self._is_clock("ends"):
            ends += timedelta(days=1)
        if not starts < ends <= starts + LONGEST_SHIFT:
            self._wrong_length(starts, ends)
            return None
        pause, minutes = self._break(starts, ends)
        name = plain(self.cells.get("shift", ""))
        return ShiftDay(name, starts.astimezone(self.zone).date(), starts, ends, pause, minutes)

    def _wrong_length(self, starts: datetime, ends: datetime) -> None:
        if ends <= starts:
            todo = say("write the next day's date if it runs past midnight")
            self._refuse(say("ends before it starts"), todo, "ends")
        else:
            hours = f"{(ends - starts).total_seconds() / 3600:g}"
            self._refuse(say("ends {hours} hours after it starts", hours=hours), say("correct the day"), "ends")

    def _break(self, starts: datetime, ends: datetime) -> tuple[datetime | None, int]:
        """When the break starts, in the middle where that is not said, and its minutes."""
        minutes = whole_number(self.cells.get("break_minutes", 0))
        if minutes is None:
            what = say("{given} is not a whole number of minutes", given=_shown(self.cells["break_minutes"]))
            self._refuse(what, say("write 60"), "break_minutes")
        if not minutes:
            return None, 0
        length = timedelta(minutes=minutes)
        if "break_starts" not in self.cells:
            pause: datetime | None = starts + (ends - starts - length) / 2
        else:
            pause = self._moment("break_starts")
            if pause and pause < starts and self._is_clock("break_starts"):
                pause += timedelta(days=1)
        if pause and not starts <= pause <= ends - length:
            self._refuse(say("the break is outside the shift"), say("move it between start and end"), "break_starts")
        return pause, minutes

    def _same_day(self, starts: datetime) -> bool:
        """Whether the row's day is the one it starts on: of two days only one can be meant."""
        day = self._day()
        local = starts.astimezone(self.zone)
        if day is None or self._is_clock("starts") or local.date() == day:
            return True
        what = say(
            "{day} is not the day that the shift starts on, {start}", day=str(day), start=f"{local:%Y-%m-%d %H:%M}"
        )
        self._refuse(what, say("change both, or write only the time of day as its start and end"), "day")
        return False

    def _day(self) -> date | None:
        return day_of(self.cells.get("day"))

    def _is_clock(self, field: str) -> bool:
        return isinstance(time_of(self.cells.get(field)), timedelta)

    def _moment(self, field: str) -> datetime | None:
        """A cell as a time, UTC: a date and time, or a time of day on the row's day."""
        found = time_of(self.cells.get(field))
        if isinstance(found, timedelta):
            day = self._day()
            assert day, "a row with a time of day has a day"
            found = datetime.combine(day, time()) + found
        if found is None:
            what = say("{given} is not a time", given=_shown(self.cells.get(field)))
            self._unreadable(what, say("write it as 2026-11-10 20:00, or as 20:00 beside a day"), field)
            return None
        return (found if found.tzinfo else found.replace(tzinfo=self.zone)).astimezone(UTC)


def _shown(value: object) -> str:
    return "-" if value is None else repr(value) if isinstance(value, str) else str(value)
