"""The nights on which a zone's clocks change: local times that happen twice or never."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

STEP = timedelta(days=1)


@dataclass(frozen=True)
class ClockChange:
    """Local times in [from_local, until_local) happen twice (clocks went back) or never (clocks went forward).

    from_local, until_local: seconds from 1970-01-01 00:00 on the local clock; before_seconds, after_seconds: the
    offsets east of UTC before and after the change.
    """

    kind: Literal["twice", "never"]
    from_local: int
    until_local: int
    before_seconds: int
    after_seconds: int


def clock_changes(zone: ZoneInfo, first_utc: datetime, last_utc: datetime) -> list[ClockChange]:
    """Every change of the zone's offset between two instants."""
    changes = []
    at = first_utc.astimezone(UTC)
    while at < last_utc:
        if _offset(zone, at) != _offset(zone, at + STEP):
            changes.append(_change(zone, at, at + STEP))
        at += STEP
    return changes


def _offset(zone: ZoneInfo, at: datetime) -> int:
    offset = at.astimezone(zone).utcoffset()
    assert offset is not None
    return int(offset.total_seconds())


def _change(zone: ZoneInfo, low: datetime, high: datetime) -> ClockChange:
    """The one change in (low, high], found by halving."""
    before, after = _offset(zone, low), _offset(zone, high)
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        low, high = (middle, high) if _offset(zone, middle) == before else (low, middle)
    instant = round(high.timestamp())
    ends = sorted((instant + before, instant + after))
    return ClockChange("twice" if after < before else "never", ends[0], ends[1], before, after)
