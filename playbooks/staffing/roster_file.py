"""An edited roster read back: the workbook's sheets by desk, or one CSV, in whatever language the headings are."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zipfile import BadZipFile
from zoneinfo import ZoneInfo

from openpyxl import load_workbook
from openpyxl.utils.exceptions import InvalidFileException

from campaign.errors import Problem, UserError, nearest
from campaign.language import LANGUAGES, Text, say
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
    """Read `.xlsx` (one sheet per desk) or `.csv` (a `desk` column); times are local where they have no offset.

    Raises:
        UserError: every problem of every row.
    """
    problems: list[Problem] = []
    notes: list[Text] = []
    people = None
    if path.suffix.lower() == ".csv":
        lines = [("", line, cells) for line, cells in _csv_lines(path, notes)]
    else:
        sheets = _sheets(path)
        problems += _missing_sheets(path, sheets, desks)
        people = _people(sheets)
        lines = [(name, line, cells) for name in desks for line, cells in _table(sheets.get(name, []))]
    rows = []
    for sheet, line, cells in lines:
        place = _Place(path.name, sheet, line, problems)
        row = _row(cells, sheet, desks, zone, place)
        if row is not None:
            rows.append(row)
    if not rows and not problems:
        problems.append(Problem(say("has no shifts"), say("keep the headings of roster.xlsx"), file=path.name))
    if problems:
        raise UserError(problems)
    return RosterFile(tuple(rows), people, tuple(notes))


@dataclass(frozen=True)
class _Place:
    file: str
    sheet: str
    line: int
    problems: list[Problem]

    def refuse(self, what: Text, todo: Text, key: str) -> None:
        where = f"{self.sheet}.{key}" if self.sheet else key
        self.problems.append(Problem(what, todo, file=self.file, line=self.line, key=where))


def _csv_lines(path: Path, notes: list[Text]) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("gb18030", errors="replace")
        notes.append(say("{file} is not UTF-8; it was read as GB18030", file=path.name))
    return _table(list(csv.reader(text.splitlines())))


def _unreadable(path: Path, error: OSError) -> UserError:
    return UserError(Problem(say("cannot be read: {reason}", reason=error.strerror or str(error)), file=path.name))


def _sheets(path: Path) -> dict[str, list[list[Any]]]:
    try:
        book = load_workbook(path, read_only=True, data_only=True)
    except (BadZipFile, InvalidFileException, KeyError, ValueError) as error:
        what = say("is not an .xlsx workbook")
        raise UserError(Problem(what, say("save it as .xlsx or .csv"), file=path.name)) from error
    except OSError as error:
        raise _unreadable(path, error) from error
    try:
        return {page.title: [list(row) for row in page.iter_rows(values_only=True)] for page in book.worksheets}
    finally:
        book.close()


def _missing_sheets(path: Path, sheets: Mapping[str, object], desks: Sequence[str]) -> Iterator[Problem]:
    others = [name for name in sheets if name not in desks]
    for desk in desks:
        if desk not in sheets:
            yield Problem(say("has no sheet named {desk}", desk=desk), nearest(desk, others), file=path.name)


def _people(sheets: Mapping[str, list[list[Any]]]) -> dict[str, frozenset[str]] | None:
    for name in PEOPLE_SHEETS:
        if name in sheets:
            return {
                str(row[0]).strip(): frozenset(re.split(r"[,;、,\s]+", str(row[1] or "").strip()))
                for row in sheets[name][1:]
                if row and row[0]
            }
    return None


def _table(rows: Sequence[Sequence[Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line number and cells by our names, for every row below the headings that is not empty."""
    if not rows:
        return
    names = [_field(heading) for heading in rows[0]]
    for line, row in enumerate(rows[1:], start=2):
        if any(value not in (None, "") for value in row):
            yield line, {name: value for name, value in zip(names, row, strict=False) if name}


def _field(heading: object) -> str:
    text = _plain(str(heading or ""))
    for field, words in HEADINGS.items():
        if text in {_plain(words.speak(language)) for language in LANGUAGES}:
            return field
    plain = re.sub(r"[^a-z]+", "_", text.lower()).strip("_")
    return plain if plain in HEADINGS else ""


def _plain(heading: str) -> str:
    """A heading whatever the width of its brackets and commas, which people and their spreadsheets change."""
    return unicodedata.normalize("NFKC", heading).replace(" ", "").lower()


def _row(cells: Mapping[str, Any], sheet: str, desks: Sequence[str], zone: ZoneInfo, place: _Place) -> RosterRow | None:
    found = len(place.problems)
    desk = sheet or str(cells.get("desk") or "").strip()
    if desk not in desks:
        place.refuse(say("there is no desk {desk}", desk=desk or "-"), nearest(desk, desks), "desk")
    starts = _moment(cells, "starts", zone, place)
    ends = _moment(cells, "ends", zone, place)
    if starts and ends and ends <= starts and _is_clock(cells.get("ends")):
        ends += timedelta(days=1)
    if starts and ends and ends <= starts:
        place.refuse(say("ends before it starts"), say("write the next day's date if it runs past midnight"), "ends")
    agents = _agents(cells, place)
    rest = _whole(cells.get("break_minutes"), 0)
    if rest is None:
        place.refuse(say("is not a whole number of minutes"), say("write 60"), "break_minutes")
    pause = _moment(cells, "break_starts", zone, place) if cells.get("break_starts") not in (None, "") else None
    if starts and ends and rest and pause is None:
        pause = starts + (ends - starts - timedelta(minutes=rest)) / 2
    if starts and ends and pause and not starts <= pause <= ends - timedelta(minutes=rest or 0):
        place.refuse(say("the break is outside the shift"), say("move it between start and end"), "break_starts")
    if len(place.problems) > found or starts is None or ends is None:
        return None
    name = str(cells.get("shift") or "")
    shift = ShiftDay(name, starts.astimezone(zone).date(), starts, ends, pause, rest or 0)
    return RosterRow(desk, shift, agents, str(cells.get("agent") or "").strip(), place.line)


def _agents(cells: Mapping[str, Any], place: _Place) -> int:
    count = _whole(cells.get("agents"), 1 if cells.get("agent") else None)
    if count is None or count < 0:
        place.refuse(say("is not a number of people"), say("write a whole number from 0 up"), "agents")
        return 0
    return count


def _whole(value: object, missing: int | None) -> int | None:
    if value in (None, ""):
        return missing
    try:
        number = float(str(value))
    except ValueError:
        return None
    return int(number) if number == int(number) else None


def _is_clock(value: object) -> bool:
    return isinstance(value, time) or bool(re.fullmatch(r"\d{1,2}:\d{2}(:\d{2})?", str(value or "").strip()))


def _moment(cells: Mapping[str, Any], field: str, zone: ZoneInfo, place: _Place) -> datetime | None:
    """A cell as a time, UTC: a date and time, or a time of day on the row's day."""
    value = cells.get(field)
    try:
        if isinstance(value, datetime):
            local = value
        elif _is_clock(value):
            hours, minutes = (int(part) for part in str(value).strip().split(":")[:2])
            local = datetime.combine(_day(cells.get("day")), time()) + timedelta(hours=hours, minutes=minutes)
        else:
            local = datetime.fromisoformat(str(value).strip())
    except (TypeError, ValueError):
        what = say("{given} is not a time", given=repr(value) if value is not None else "-")
        place.refuse(what, say("write it as 2026-11-10 20:00, or as 20:00 beside a day"), field)
        return None
    return (local if local.tzinfo else local.replace(tzinfo=zone)).astimezone(UTC)


def _day(value: object) -> date:
    if isinstance(value, datetime):
        return value.date()
    return value if isinstance(value, date) else date.fromisoformat(str(value).strip()[:10])
