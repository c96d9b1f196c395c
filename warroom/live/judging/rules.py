"""When something stands fired, and when it has cleared: two windows and hysteresis over standard deviations.

A short window alone fires on noise, a long one alone too late: both must be outside (the pattern of multi-window
burn-rate alerts in the Site Reliability Workbook, chapter 5). It clears only after several readings well inside, so
that a value on the border does not flap; what is far outside fires at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from playbooks.growth.live_policy import Windows, outside
from warroom.live.records import Direction


@dataclass(frozen=True)
class Reading:
    """One reading as the rule sees it: standard deviations from what was expected, NaN where it is not known."""

    at: datetime
    z: float


@dataclass(frozen=True)
class Episode:
    """From firing to clearing. at_once: it was ever outside the share that fires alone."""

    direction: Direction
    fired_at: datetime
    cleared_at: datetime | None
    at_once: bool


@dataclass(frozen=True)
class _Standing:
    """What the machine remembers between two readings."""

    direction: Direction
    fired_at: datetime
    at_once: bool
    inside: int = 0


def episodes(readings: Sequence[Reading], windows: Windows) -> tuple[Episode, ...]:
    """Every episode of one subject, in time order; the last one may stand. Unknown readings change nothing."""
    return tuple(_episodes([reading for reading in readings if not math.isnan(reading.z)], windows))


def _episodes(readings: Sequence[Reading], windows: Windows) -> Iterator[Episode]:
    standing: _Standing | None = None
    since = 0  # a mean never reaches back over an episode's end: what was told once is not told again
    for i, reading in enumerate(readings):
        recent = [r.z for r in readings[max(since, i + 1 - windows.mean_readings) : i + 1]]
        fires = _fires(recent, windows)
        if standing is None or (fires and fires != standing.direction):
            if standing is not None:
                yield Episode(standing.direction, standing.fired_at, reading.at, standing.at_once)
            standing = _Standing(fires, reading.at, _extreme(reading, windows)) if fires else None
            continue
        standing = _kept(standing, reading, windows)
        if standing.inside >= windows.clear_readings:
            yield Episode(standing.direction, standing.fired_at, reading.at, standing.at_once)
            standing, since = None, i + 1
    if standing is not None:
        yield Episode(standing.direction, standing.fired_at, None, standing.at_once)


def _fires(recent: Sequence[float], windows: Windows) -> Direction | None:
    newest = recent[-1]
    side: Direction = "up" if newest > 0 else "down"
    if abs(newest) > outside(windows.at_once_ratio):
        return side
    if len(recent) < min(2, windows.mean_readings) or abs(newest) <= outside(windows.outside_ratio):
        return None
    mean = sum(recent) / len(recent)
    return side if mean * newest > 0 and abs(mean) > windows.mean_z(len(recent)) else None


def _extreme(reading: Reading, windows: Windows) -> bool:
    return abs(reading.z) > outside(windows.at_once_ratio)


def _kept(standing: _Standing, reading: Reading, windows: Windows) -> _Standing:
    """The standing alert after one more reading; what lies on the other side of the median counts as inside."""
    signed = reading.z if standing.direction == "up" else -reading.z
    inside = standing.inside + 1 if signed < outside(windows.clear_ratio) else 0
    at_once = standing.at_once or (signed > 0 and _extreme(reading, windows))
    return _Standing(standing.direction, standing.fired_at, at_once, inside)
