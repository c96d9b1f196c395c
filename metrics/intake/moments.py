"""Times as exports write them: epochs, offsets, local times without one, dates beside hours, Chinese dates."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

EPOCH_SECONDS = (1e9, 4e9)
YEARS = (1990, 2100)
OFFSET_MAX = timedelta(hours=14)
"""Of any zone on earth: what follows `20:00` in `20:00-22:00` is an end."""
CHINESE = re.compile(
    r"^(\d{4})[年./-](\d{1,2})[月./-](\d{1,2})日?"
    r"(?:\s*[T ]?\s*(\d{1,2})(?:[时点:](\d{1,2})?分?(?::?(\d{1,2}))?)?(?:时)?)?$"
)
SLASHED = re.compile(r"^(\d{1,2})[/.](\d{1,2})[/.](\d{4})(?:,?\s+(\d{1,2}):(\d{2})(?::(\d{2}))?)?$")
COMPACT = re.compile(r"^(20\d{2})(\d{2})(\d{2})(\d{2})?(?:(\d{2}))?$")
HALF_OF_DAY = re.compile(
    r"^(.*?)(上午|下午)?\s*(\d{1,2}):(\d{2}(?::\d{2}(?:\.\d+)?)?)\s*(?:([ap])\.?m\.?)?$", re.IGNORECASE
)
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
MONTH_FIRST = re.compile(r"^(?:[a-z]{3,9}\.?,?\s+)??([a-z]{3,9})\.?\s+(\d{1,2}),?\s+(\d{4})(?!\d)", re.IGNORECASE)
DAY_FIRST = re.compile(r"^(?:[a-z]{3,9}\.?,?\s+)?(\d{1,2})[\s-]([a-z]{3,9})\.?,?[\s-](\d{4})(?!\d)", re.IGNORECASE)
HOUR = re.compile(r"^(\d{1,2})(?::(\d{2}))?(?::\d{2})?\s*(?:[时点h])?(?:\s*[-~–—至到].*)?$")


def read_moment(cell: object, day_first: bool | None = None) -> datetime | None:
    """The time in a cell, aware where it says its offset (an epoch does); None where it is no time of these decades.

    `11/10/2026` is read only if `day_first` says how; see `slashed_order`.
    """
    moment = _read(cell, day_first)
    if moment is None or abs(moment.utcoffset() or timedelta()) > OFFSET_MAX:
        return None
    return moment if YEARS[0] <= moment.year <= YEARS[1] else None


def _read(cell: object, day_first: bool | None) -> datetime | None:
    if isinstance(cell, datetime):
        # Spreadsheets keep times as fractions of a day: 20:00 may come as 19:59:59.999997.
        return (cell + timedelta(microseconds=500_000)).replace(microsecond=0)
    if isinstance(cell, int | float) and not isinstance(cell, bool):
        return _of_number(float(cell))
    text = str(cell or "")
    if text[4:5] == "-":
        with suppress(ValueError):
            return datetime.fromisoformat(text)
    text = plainly(text)
    if re.fullmatch(r"\d{10}|\d{13}|\d{10}\.\d+|\d{16}|\d{19}", text) and not _is_compact_hour(text):
        return _of_number(float(text))
    compact = COMPACT.match(text)
    if compact:
        return _made(*(int(part or 0) for part in compact.groups()))
    chinese = CHINESE.match(text)
    if chinese:
        return _made(*(int(part or 0) for part in chinese.groups()))
    slashed = SLASHED.match(text)
    if slashed:
        if day_first is None:
            return None
        first, second, year, *clock = (int(part or 0) for part in slashed.groups())
        day, month = (first, second) if day_first else (second, first)
        return _made(year, month, day, *clock)
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        return None


def plainly(text: str) -> str:
    """A written time with its month as a number, its hour of 24, and UTC as an offset."""
    text = unicodedata.normalize("NFKC", text).strip().strip("\"'")
    text = re.sub(r"\s*(?:UTC|GMT)$", "+00:00", text)
    for pattern, month, day in ((MONTH_FIRST, 1, 2), (DAY_FIRST, 2, 1)):
        found = pattern.match(text)
        if found and found[month][:3].lower() in MONTHS:
            number = MONTHS.index(found[month][:3].lower()) + 1
            rest = text[found.end() :].strip(" ,")
            text = f"{found[3]}-{number:02d}-{int(found[day]):02d} {rest}".strip()
    half = HALF_OF_DAY.match(text)
    if half and (half[2] or half[5]):
        afternoon = half[2] == "下午" or (half[5] or "").lower() == "p"
        hour = int(half[3]) % 12 + (12 if afternoon else 0)
        text = f"{half[1].strip()} {hour:02d}:{half[4]}"
    return text


def _is_compact_hour(text: str) -> bool:
    """GA4's `2026111020` (date and hour) is no epoch: an epoch of ten digits that begins so is of 2033 to 2036."""
    found = re.fullmatch(r"20[0-3]\d(\d\d)(\d\d)(\d\d)", text)
    return (
        bool(found) and 1 <= int(found[1]) <= 12 and 1 <= int(found[2]) <= 31 and int(found[3]) < 24 if found else False
    )


def _of_number(number: float) -> datetime | None:
    """Seconds, milliseconds, microseconds or nanoseconds since 1970."""
    for scale in (1.0, 1e3, 1e6, 1e9):
        if EPOCH_SECONDS[0] <= number / scale < EPOCH_SECONDS[1]:
            return datetime.fromtimestamp(number / scale, UTC)
    return None


def _made(year: int, month: int, day: int, hour: int = 0, minute: int = 0, second: int = 0) -> datetime | None:
    try:
        return datetime(year, month, day, minute=minute, second=second) + timedelta(hours=hour)
    except ValueError:
        return None


def read_hour(cell: object) -> timedelta | None:
    """Time of day in a column of hours: `20`, `20:00`, `20时`, `20:00-21:00`; None where it is none."""
    if isinstance(cell, datetime):
        return timedelta(hours=cell.hour, minutes=cell.minute)
    if hasattr(cell, "hour") and hasattr(cell, "minute"):
        return timedelta(hours=cell.hour, minutes=cell.minute)
    text = unicodedata.normalize("NFKC", str(cell if cell is not None else "")).strip()
    found = HOUR.match(text.removesuffix(".0"))
    if not found or int(found[1]) > 24:
        return None
    return timedelta(hours=int(found[1]), minutes=int(found[2] or 0))


def slashed_order(cells: Iterable[object]) -> bool | str | None:
    """For times such as `11/10/2026`: True day first, False month first, "unknown" where both are possible, None if
    there are none."""
    parts = [found for cell in cells if isinstance(cell, str) and (found := SLASHED.match(plainly(cell)))]
    if not parts:
        return None
    if any(int(part[1]) > 12 for part in parts):
        return True
    if any(int(part[2]) > 12 for part in parts):
        return False
    return "unknown"


class LocalClock:
    """Turns local times without an offset into UTC; the repeated hour of autumn is told apart by order."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone
        self.repeated = 0
        self._seen: set[tuple[str, datetime]] = set()

    def utc(self, moment: datetime, key: str) -> datetime | None:
        """The instant; None where clocks never showed that time. `key` tells the file's series apart."""
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
        early, late = (moment.replace(tzinfo=self.zone, fold=fold) for fold in (0, 1))
        if early.utcoffset() == late.utcoffset():
            return early.astimezone(UTC)
        if early.utcoffset() < late.utcoffset():  # type: ignore[operator]
            return None
        if (key, moment) in self._seen:
            self.repeated += 1
            return late.astimezone(UTC)
        self._seen.add((key, moment))
        return early.astimezone(UTC)
