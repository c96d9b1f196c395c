"""Cron lines of five fields: are they one, and do they name one date."""

from __future__ import annotations

import re

from campaign.language import Text, say

FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 7))
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
WEEKDAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
NAMES = {name: i for i, name in enumerate(MONTHS, start=1)} | {name: i for i, name in enumerate(WEEKDAYS)}
PART = re.compile(r"^(\*|[0-9a-z]+(?:-[0-9a-z]+)?)(?:/(\d+))?$")


def cron_fault(line: str) -> Text | None:
    """What is wrong with a five-field cron line; None where nothing is."""
    fields = line.split()
    if len(fields) != len(FIELDS):
        return say("{line} has {count} fields, cron has 5", line=repr(line), count=len(fields))
    for text, (name, lowest, highest) in zip(fields, FIELDS, strict=True):
        if not all(_part_fits(part, lowest, highest) for part in text.lower().split(",")):
            return say("{text} is no {name} of a cron line", text=repr(text), name=name)
    return None


def _part_fits(part: str, lowest: int, highest: int) -> bool:
    match = PART.match(part)
    if not match or match[2] == "0":
        return False
    if match[1] == "*":
        return True
    numbers = [NAMES.get(word, int(word) if word.isdigit() else -1) for word in match[1].split("-")]
    return all(lowest <= number <= highest for number in numbers) and numbers == sorted(numbers)


def one_date(line: str) -> tuple[int, int, int, int] | None:
    """(month, day, hour, minute) of a line that names one date of the year; None for any other."""
    fields = line.split()
    if len(fields) != len(FIELDS) or not all(field.isdigit() for field in fields[:4]):
        return None
    minute, hour, day, month = (int(field) for field in fields[:4])
    return month, day, hour, minute
