"""Counts over one unit of time given as another: where a file or a bucket length begins, everything is 60 times off.

Real traffic does not become sixty times what it was on every service between two exports. The day before such a joint
is compared with the day after it, so that no hour of the day plays a part.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from campaign.errors import Problem
from campaign.language import say
from campaign.settings import HistorySettings, Settings
from forecast.epochs import DAY, HOUR, epoch, moment_of
from forecast.history.buckets import Series, is_even
from forecast.history.readings import FileReading

UNITS = (60.0, 3600.0)
NEAR = 1.5
KNOWN_LEAST_SECONDS = 18 * HOUR
APART_MOST_SECONDS = 7 * DAY


def other_units(
    readings: Sequence[FileReading], traffic: Mapping[str, Series], settings: Settings
) -> Iterator[Problem]:
    """A problem for each joint at which every service jumps by a minute's or an hour's seconds."""
    for at, file in _joints(readings, traffic):
        if _is_ordinary(at, settings.history):
            continue
        ratios = [jump for series in traffic.values() if (jump := jump_at(series, at)) is not None]
        units = {unit_of(ratio) for ratio in ratios}
        if len(units) != 1 or None in units:
            continue
        since = moment_of(at).astimezone(settings.zone).isoformat()
        ratio = float(np.median(ratios))
        what = say(
            "from {since} on, the traffic of every service is {ratio} times that of the day before: another unit of "
            "time",
            since=since,
            ratio=f"{ratio:.0f}" if ratio > 1 else f"1/{1 / ratio:.0f}",
        )
        todo = say(
            "requests counts a whole bucket, requests_per_second is a rate: rename or convert the column; if traffic "
            "really changed so, name that time in history: ordinary"
        )
        yield Problem(what, todo, file=file, key="requests")


def _joints(readings: Sequence[FileReading], traffic: Mapping[str, Series]) -> list[tuple[int, str]]:
    """Instants at which some service begins to come from another file or in another bucket length, with the file."""
    begins = {int(part.starts[0]): one.file for one in readings for part in one.series.values() if len(part)}
    for series in traffic.values():
        if len(series) and not is_even(series.lengths):
            for at in series.starts[1:][np.diff(series.lengths) != 0].tolist():
                begins.setdefault(at, _file_at(readings, at))
    return sorted(begins.items())


def _file_at(readings: Sequence[FileReading], at: int) -> str:
    parts = [(one.file, part) for one in readings for part in one.series.values() if len(part)]
    return next(file for file, part in parts if part.starts[0] <= at <= part.starts[-1])


def jump_at(series: Series, at: int) -> float | None:
    """How many times the mean rate of the last day before `at` comes in the first day after it; None where too little
    is known, or nothing came on one of the sides."""
    first, count = int(np.searchsorted(series.starts, at)), len(series)
    if not 0 < first < count or series.starts[first] - series.ends[first - 1] > APART_MOST_SECONDS:
        return None
    ended, begun = int(series.ends[first - 1]), int(series.starts[first])
    rates = []
    for part in (series.within(ended - DAY, ended), series.within(begun, begun + DAY)):
        seconds = float(part.lengths.sum())
        rates.append(float((part.rates * part.lengths).sum()) / seconds if seconds >= KNOWN_LEAST_SECONDS else 0.0)
    return rates[1] / rates[0] if min(rates) > 0 else None


def unit_of(ratio: float) -> float | None:
    """The unit's ratio that a jump is near to; None for a jump that is no unit's."""
    for unit in (*UNITS, *(1 / unit for unit in UNITS)):
        if unit / NEAR < ratio < unit * NEAR:
            return unit
    return None


def _is_ordinary(at: int, told: HistorySettings) -> bool:
    return any(epoch(window.starts_at) <= at <= epoch(window.ends_at) for window in told.ordinary)
