"""Evidence that people bring: drills, the war room's roster."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from campaign.documents import read_utf8
from campaign.errors import Problem, UserError
from campaign.language import say

YES = frozenset({"yes", "true", "1", "是"})


@dataclass(frozen=True)
class Drill:
    """A switch that was pulled to see what it does. undone: it was put back, and that was seen to work."""

    switch: str
    drilled_at: datetime
    seconds_to_effect: float
    undone: bool
    observer: str


@dataclass(frozen=True)
class Seat:
    """One person in one seat of the war room for a stretch of time."""

    starts_at: datetime
    ends_at: datetime
    seat: str
    name: str
    acknowledged: bool


def rows_of(path: Path, root: Path, columns: set[str]) -> list[dict[str, str]] | None:
    """The rows of a CSV file that must have these columns; None where there is no file.

    Problems name paths below `root`.

    Raises:
        UserError: not text, or a column is missing.
    """
    if not path.is_file():
        return None
    name = path.relative_to(root).as_posix()
    reader = csv.DictReader(read_utf8(path, name).splitlines())
    missing = columns - set(reader.fieldnames or ())
    if missing:
        what = say("has no column {name}", name=", ".join(sorted(missing)))
        raise UserError(Problem(what, say("its first line must name its columns"), file=name, line=1))
    return list(reader)


def read_drills(path: Path, root: Path) -> tuple[Drill, ...]:
    """`drills.csv`: switch, drilled_at, seconds_to_effect, undone (yes or no), observer.

    Raises:
        UserError: every row that cannot be read.
    """
    columns = {"switch", "drilled_at", "seconds_to_effect", "undone"}
    problems: list[Problem] = []
    found: list[Drill] = []
    for line, row in enumerate(rows_of(path, root, columns) or [], start=2):
        try:
            at, seconds = _time(row["drilled_at"]), float(row["seconds_to_effect"])
            found.append(Drill(row["switch"], at, seconds, _yes(row["undone"]), row.get("observer") or ""))
        except ValueError as error:
            problems.append(_unreadable(path, root, line, error))
    if problems:
        raise UserError(problems)
    return tuple(found)


def read_seats(path: Path, root: Path) -> tuple[Seat, ...] | None:
    """`war_room_roster.csv`: starts_at, ends_at, seat, name, acknowledged (yes or no); None where there is no file.

    Raises:
        UserError: every row that cannot be read.
    """
    rows = rows_of(path, root, {"starts_at", "ends_at", "seat", "name", "acknowledged"})
    problems: list[Problem] = []
    found: list[Seat] = []
    for line, row in enumerate(rows or [], start=2):
        try:
            starts, ends = _time(row["starts_at"]), _time(row["ends_at"])
            found.append(Seat(starts, ends, row["seat"].strip(), row["name"].strip(), _yes(row["acknowledged"])))
        except ValueError as error:
            problems.append(_unreadable(path, root, line, error))
    if problems:
        raise UserError(problems)
    return None if rows is None else tuple(found)


def _time(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text} has no offset")
    return at


def _yes(text: str) -> bool:
    return text.strip().lower() in YES


def _unreadable(path: Path, root: Path, line: int, error: ValueError) -> Problem:
    what = say("cannot be read: {reason}", reason=str(error))
    todo = say("write numbers, and times such as 2026-11-10T20:00+08:00")
    return Problem(what, todo, file=path.relative_to(root).as_posix(), line=line)
