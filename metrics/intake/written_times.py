"""When a cell of a plan's sheet says something happens: `11月10日 晚8点`, `20:00-次日02:00`, `10 Nov 8pm`."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from metrics.intake.moments import read_hour, read_moment

DAY = timedelta(days=1)
CHINESE = re.compile(r"[\u4e00-\u9fff]")
COMPACT_DAY = 8
"""Digits of `20261110`."""
SERIAL = re.compile(r"[3-7]\d{4}(\.\d+)?")
FRACTION = re.compile(r"0?\.\d{3,}")
SERIAL_BEGINS = datetime(1899, 12, 30)
SECONDS_OF_DAY = 86_400
HAS_OFFSET = re.compile(r"T.*[+-]\d\d:?\d\d$|:\d\d:\d\d(\.\d+)?\s*[+-]\d\d:?\d\d$|\+\d\d:?\d\d$|\d\s*(?:Z|UTC|GMT)$")

WEEKDAY = re.compile(
    r"[(]?(?:周|星期|礼拜)(?:[一二三]|[四五六]|[日天])[)]?|\b(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\b[.,]?",
    re.IGNORECASE,
)
NEXT_DAY = re.compile(r"[(]?\s*(?:次日|第二天|翌日|隔天|\+1d?|next day)\s*[)]?", re.IGNORECASE)
IN_CHINESE = re.compile(
    r"(凌晨|清晨|早上|早晨|早|上午|中午|下午|傍晚|晚上|晚间|晚|夜里)?\s*"
    r"(?:(零)点|(\d{1,2})\s*(?:[点时]\s*(?:(半)|(\d{1,2})分?)?|:(\d{2})))(?:整)?"
)
AFTERNOON = frozenset({"下午", "傍晚", "晚上", "晚间", "晚", "夜里"})
MERIDIEM = re.compile(r"(\d{1,2})(?::(\d{2}))?\s*([ap])\.?m\b\.?", re.IGNORECASE)
SHORT_CHINESE = re.compile(r"(?<![\d:./-])(\d{1,2})\s*[-~–—至到]\s*(?=\d{1,2}\s*[点时])")
SHORT_MERIDIEM = re.compile(
    r"(?<![\d:./-])(\d{1,2}(?::\d{2})?)(\s*(?:-|–|to)\s*)(\d{1,2}(?::\d{2})?)\s*([ap])\.?m\b", re.IGNORECASE
)
HOURS = re.compile(r"(\d{1,2})\s*[-~–—至到]\s*(\d{1,2})")
CLOCK = re.compile(r"(?<!\d)(\d{1,2}):(\d{2})(?::(\d{2}))?(?!\d)")
BETWEEN = re.compile(r"\s*(?:-+|~|—+|–|至|到|to|until|till)\s*(.*)", re.IGNORECASE)
DAYS_BETWEEN = re.compile(r"(.+?[日号\d])\s*(?:--?|~|—+|–|至|到|to|until)\s*(\S.*)", re.IGNORECASE)
MONTH_AND_DAY = re.compile(r"(\d{1,2})月(\d{1,2})[日号]?")
PARTED = re.compile(r"(\d{1,2})([./-])(\d{1,2})")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
NAMED_MONTH = re.compile(
    r"(?:(\d{1,2})(?:st|nd|rd|th)?\s*)?([a-z]{3,9})\.?(?:\s*(\d{1,2})(?:st|nd|rd|th)?)?", re.IGNORECASE
)


@dataclass(frozen=True)
class When:
    """What one cell says: any of a day, an hour of it and an end; a whole instant has `at`."""

    day: date | None = None
    clock: timedelta | None = None
    until: timedelta | None = None
    """Hour of the end, counted from the begin of `last`, else of the first day."""
    last: date | None = None
    at: datetime | None = None


@dataclass(frozen=True)
class Calendar:
    """How a sheet writes times: its zone, the campaign that gives the year, and whether days come before months."""

    zone: ZoneInfo
    begins: datetime | None
    day_first: bool | None

    @classmethod
    def of(cls, headings: Iterable[str], zone: ZoneInfo, begins: datetime | None, day_first: bool | None) -> Calendar:
        """Where nothing else says the order, Chinese headings do: the month comes first."""
        if day_first is None and CHINESE.search("".join(headings)):
            day_first = False
        return cls(zone, begins, day_first)

    def read(self, cell: object) -> When | None:
        """What the cell says; None where that is no time."""
        if isinstance(cell, datetime):
            moment = read_moment(cell)
            return When(moment.date(), _of_day(moment)) if moment else None
        if isinstance(cell, date):
            return When(cell)
        if isinstance(cell, time | timedelta):
            return When(clock=cell if isinstance(cell, timedelta) else _of_day(cell))
        try:
            return self._written(unicodedata.normalize("NFKC", str(cell)).strip())
        except _NotATime:
            return None

    def _written(self, text: str) -> When:
        if FRACTION.fullmatch(text):
            return When(clock=timedelta(minutes=round(float(text) * SECONDS_OF_DAY / 60)))
        if SERIAL.fullmatch(text):
            counted = SERIAL_BEGINS + timedelta(minutes=round(float(text) * SECONDS_OF_DAY / 60))
            return When(counted.date(), _of_day(counted) if "." in text else None)
        if HAS_OFFSET.search(text) or re.fullmatch(r"\d{5,}", text):
            moment = read_moment(text)
            if moment is None:
                raise _NotATime
            if moment.tzinfo:
                return When(at=moment)
            return When(moment.date(), None if len(text) == COMPACT_DAY else _of_day(moment))
        plain = WEEKDAY.sub(" ", _in_hours_of_24(text))
        clocks = list(CLOCK.finditer(plain))
        if not clocks:
            return self._days(plain.strip(" ,"), text)
        return self._with_clocks(plain, clocks)

    def _with_clocks(self, plain: str, clocks: list[re.Match[str]]) -> When:
        """`day clock` or `day clock - day clock`, where either day may be missing or the next one."""
        first, last = clocks[0], clocks[-1]
        before, rest = plain[: first.start()], plain[last.end() :].strip()
        if len(clocks) > 2 or (rest and not NEXT_DAY.fullmatch(rest)):
            raise _NotATime
        day = self._day(before)
        clock = _clock(first) + (DAY if NEXT_DAY.search(before) else timedelta())
        if len(clocks) == 1:
            return When(day, clock + (DAY if rest else timedelta()))
        between = BETWEEN.fullmatch(plain[first.end() : last.start()])
        if between is None:
            raise _NotATime
        ends = self._day(between[1])
        until = _clock(last) + (DAY if rest or NEXT_DAY.search(between[1]) else timedelta())
        return When(day, clock, until if ends or until > clock else until + DAY, ends)

    def _days(self, plain: str, text: str) -> When:
        """A day, two of them, an hour alone or two of them."""
        hours = HOURS.fullmatch(text)
        if hours is not None:
            begins, ends = (timedelta(hours=int(hour)) for hour in hours.groups())
            if not begins < ends <= DAY:
                raise _NotATime
            return When(clock=begins, until=ends)
        hour = read_hour(text)
        if hour is not None:
            return When(clock=hour)
        with suppress(_NotATime):
            if not PARTED.fullmatch(text):
                return When(self._day(plain))
        both = DAYS_BETWEEN.fullmatch(plain)
        if both is None:
            raise _NotATime
        return When(self._day(both[1]), last=self._day(both[2]), until=DAY)

    def _day(self, text: str) -> date | None:
        """The day that a text names; None where it is empty."""
        text = NEXT_DAY.sub("", text).strip(" ,\t")
        if not text:
            return None
        moment = read_moment(text, self.day_first)
        if moment is not None:
            return moment.date()
        return self._without_year(text)

    def _without_year(self, text: str) -> date:
        found = MONTH_AND_DAY.fullmatch(text)
        if found:
            return self._nearest(int(found[1]), int(found[2]))
        parted = PARTED.fullmatch(text)
        if parted and self.day_first is not None:
            one, other = int(parted[1]), int(parted[3])
            return self._nearest(other, one) if self.day_first else self._nearest(one, other)
        named = NAMED_MONTH.fullmatch(text)
        if named and named[2][:3].lower() in MONTHS and bool(named[1]) != bool(named[3]):
            return self._nearest(MONTHS.index(named[2][:3].lower()) + 1, int(named[1] or named[3]))
        raise _NotATime

    def _nearest(self, month: int, day: int) -> date:
        """In the year that brings it closest to the campaign."""
        if self.begins is None:
            raise _NotATime
        near = self.begins.date()
        days = []
        for year in (near.year - 1, near.year, near.year + 1):
            try:
                days.append(date(year, month, day))
            except ValueError:
                continue
        if not days:
            raise _NotATime
        return min(days, key=lambda one: abs(one - near))

    def instant(self, moment: datetime) -> datetime:
        return moment if moment.tzinfo else moment.replace(tzinfo=self.zone)


class _NotATime(ValueError):
    """A text that says no time, or leaves open which."""


def _of_day(moment: datetime | time) -> timedelta:
    return timedelta(hours=moment.hour, minutes=moment.minute, seconds=moment.second)


def _clock(found: re.Match[str]) -> timedelta:
    return timedelta(hours=int(found[1]), minutes=int(found[2]), seconds=int(found[3] or 0))


def _in_hours_of_24(text: str) -> str:
    """`晚8-10点` and `8-10pm` as `20:00-22:00`: a half of the day that is said once holds for both hours."""
    text = SHORT_CHINESE.sub(r"\1点-", text)
    text = SHORT_MERIDIEM.sub(_both_meridiems, text)
    said = ("", -1)

    def chinese(found: re.Match[str]) -> str:
        nonlocal said
        half, hour = found[1] or "", int(found[3] or 0)
        minute = int("30" if found[4] else found[5] or found[6] or "0")
        hour = _hour_of(half or _held(said, hour), hour)
        said = (half, hour)
        return f" {hour:02d}:{minute:02d}"

    return MERIDIEM.sub(_from_meridiem, IN_CHINESE.sub(chinese, text))


def _held(said: tuple[str, int], hour: int) -> str:
    half, before = said
    return half if half in AFTERNOON and hour <= 12 and _hour_of(half, hour) > before else ""


def _hour_of(half: str, hour: int) -> int:
    if (half in AFTERNOON and hour < 12) or (half == "中午" and hour < 11):
        return hour + 12
    if half in AFTERNOON and half != "下午" and hour == 12:
        return 24
    return 0 if half == "凌晨" and hour == 12 else hour


def _both_meridiems(found: re.Match[str]) -> str:
    first, last, half = found[1], found[3], found[4].lower()
    begins = half if int(first.split(":")[0]) % 12 < int(last.split(":")[0]) % 12 else "ap"[half == "a"]
    return f"{first}{begins}m{found[2]}{last}{half}m"


def _from_meridiem(found: re.Match[str]) -> str:
    hour = int(found[1]) % 12 + (12 if found[3].lower() == "p" else 0)
    return f" {hour:02d}:{found[2] or '00'}"
