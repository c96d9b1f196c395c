"""Cells of a roster as people and their spreadsheets write them: days, times with or without a date, numbers, names."""

from __future__ import annotations

import re
import unicodedata
from datetime import date, datetime, time, timedelta

FIRST_YEAR = 1901
DAY_ZERO = datetime(1899, 12, 31)
"""Excel keeps a time of day as one of its day 0, and 26:00 as 02:00 of the day after, 1 January 1900."""
LONGEST_CLOCK = timedelta(hours=48)
CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
DATED = re.compile(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})日?(?:[T ]\s*(.+))?")


def is_blank(value: object) -> bool:
    return value is None or not str(value).strip()


def plain(value: object) -> str:
    """Text whatever the width of its digits, colons and brackets, and without needless blanks."""
    return " ".join(unicodedata.normalize("NFKC", str(value)).split())


def time_of(value: object) -> datetime | timedelta | None:
    """A time with its date, or a time of day as what has passed since the row's midnight; None for anything else."""
    if isinstance(value, datetime):
        whole = (value + timedelta(milliseconds=500)).replace(microsecond=0)
        return whole if whole.year >= FIRST_YEAR else whole - DAY_ZERO
    if isinstance(value, time):
        return timedelta(hours=value.hour, minutes=value.minute)
    if isinstance(value, timedelta):
        return value if timedelta() <= value <= LONGEST_CLOCK else None
    text = plain(value)
    return _clock(text) or _dated(text)


def day_of(value: object) -> date | None:
    """A calendar day; of a time with a date, its day."""
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    found = DATED.fullmatch(plain(value))
    try:
        return date(*(int(part) for part in found.groups()[:3])) if found else None
    except ValueError:
        return None


def whole_number(value: object) -> int | None:
    """A whole number from 0 up, also where a spreadsheet wrote 12.0; None for anything else."""
    text = plain(value)
    return int(float(text)) if re.fullmatch(r"\d{1,6}(\.0*)?", text) else None


def names_in(value: object) -> tuple[str, ...]:
    """The people named in one cell, one after another."""
    if is_blank(value):
        return ()
    lines = re.split(r"[\n、,，;；/]", str(value))
    return tuple(name for name in map(plain, lines) if name)


def _clock(text: str) -> timedelta | None:
    found = CLOCK.fullmatch(text)
    if not found or int(found[2]) > 59:
        return None
    passed = timedelta(hours=int(found[1]), minutes=int(found[2]))
    return passed if passed <= LONGEST_CLOCK else None


def _dated(text: str) -> datetime | None:
    """ISO 8601, or as spreadsheets and people write it with the year first: 2026/11/3 8:00."""
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        found = DATED.fullmatch(text)
    day = day_of(text)
    passed = _clock(found[4]) if found and found[4] else None
    return datetime.combine(day, time()) + passed if day and passed is not None else None
