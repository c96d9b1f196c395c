"""Evidence that people bring: drills, the war room's roster."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from campaign.errors import Problem, UserError
from campaign.language import say
from metrics.intake.raw_tables import decoded, separator_of

YES = frozenset({"yes", "true", "1", "是"})
NO = frozenset({"no", "false", "0", "否"})


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


@dataclass(frozen=True)
class Answer:
    """How the bot answered one question of its examination; passed is None where it was not asked yet.

    answer_from: the rules that the answer must keep to; None where the file does not say.
    """

    offer: str
    passed: bool | None
    answer_from: str | None


def rows_of(path: Path, root: Path, columns: set[str]) -> list[dict[str, str]] | None:
    """The rows of a CSV file that must have these columns, as a spreadsheet may save it; None where there is no file.
    What a line leaves out at its end is empty.

    Problems name paths below `root`.

    Raises:
        UserError: not text, or a column is missing.
    """
    if not path.is_file():
        return None
    name = path.relative_to(root).as_posix()
    lines = _text(path, name).splitlines()
    reader = csv.DictReader(lines, delimiter=separator_of(lines), restval="")
    missing = columns - set(reader.fieldnames or ())
    if missing:
        what = say("has no column {name}", name=", ".join(sorted(missing)))
        raise UserError(Problem(what, say("its first line must name its columns"), file=name, line=1))
    return list(reader)


def _text(path: Path, name: str) -> str:
    try:
        text, _ = decoded(path.read_bytes())
    except OSError as error:
        raise UserError(Problem(say("cannot be read: {reason}", reason=str(error.strerror)), file=name)) from error
    if text is None:
        what = say("is not text in UTF-8, UTF-16 or GB18030")
        raise UserError(Problem(what, say("save it as UTF-8 CSV"), file=name))
    return text


def read_answers(path: Path, root: Path) -> tuple[Answer, ...] | None:
    """`bot_replay.csv`: offer, question, passed (yes, no or nothing yet), answer_from; None where there is no file.

    Raises:
        UserError: every answer that is neither yes nor no.
    """
    rows = rows_of(path, root, {"offer", "question", "passed"})
    problems: list[Problem] = []
    found: list[Answer] = []
    for line, row in enumerate(rows or [], start=2):
        offer, said = (row["offer"] or "").strip(), (row["passed"] or "").strip().lower()
        if said and said not in YES | NO:
            what, todo = say("{given} is neither yes nor no", given=said), say("write yes or no (是 or 否)")
            problems.append(Problem(what, todo, file=path.relative_to(root).as_posix(), line=line, key="passed"))
        elif offer:
            found.append(Answer(offer, said in YES if said else None, row.get("answer_from")))
    if problems:
        raise UserError(problems)
    return None if rows is None else tuple(found)


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
