"""Probable outages: demand that came and was not served, so that history shows less than there was.

A stretch is taken for an outage when it lies below half of what is usual for the hour of the week and both its ends
are steps: the rate halves, nearly, from one bucket to the next, and comes back in the same way. Crowds that leave
(a match ends, a holiday begins) go gradually, or were never there.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from forecast.buckets import HOUR_SECONDS, Series

Stretch = tuple[int, int]

LOW_RATIO = 0.5
STEP_LOG = float(np.log(1.8))
COMPANION_STEP_LOG = float(np.log(1.6))
SECONDS_LEAST, SECONDS_MOST = 180, 24 * HOUR_SECONDS
EXPECTED_LEAST = 100.0
DEVIATIONS_LEAST = 8.0
SHIFTS = (0, -1, 1, -2, 2)

Floats = NDArray[np.float64]


def drops(series: Series, usual: Floats) -> list[Stretch]:
    """Outages of one service as [start, end) in seconds of UTC; `usual` is the usual rate in each bucket."""
    with np.errstate(invalid="ignore"):
        low = series.rates < LOW_RATIO * usual
    low = _bridged(low)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], low, [False]]).astype(np.int8)))
    firsts, lasts = edges[::2], edges[1::2]
    lost = np.concatenate([[0.0], np.cumsum(np.nan_to_num((usual - series.rates) * series.lengths))])
    expected = np.concatenate([[0.0], np.cumsum(np.nan_to_num(usual * series.lengths))])
    seconds = series.ends[lasts - 1] - series.starts[firsts]
    due = expected[lasts] - expected[firsts]
    telling = (
        (seconds >= SECONDS_LEAST)
        & (seconds <= SECONDS_MOST)
        & (due >= EXPECTED_LEAST)
        & (lost[lasts] - lost[firsts] >= DEVIATIONS_LEAST * np.sqrt(due))
    )
    return [
        (int(series.starts[i]), int(series.ends[j - 1]))
        for i, j in zip(firsts[telling], lasts[telling], strict=True)
        if min(_steps(series.rates, i, j, series)) >= STEP_LOG
        and min(_steps(series.rates / usual, i, j, series)) >= STEP_LOG
    ]


def companion(series: Series, seed: Stretch) -> Stretch | None:
    """The same outage on a service that stayed above the usual: it too steps down and up at both ends of the seed."""
    first, last = (int(n) for n in np.searchsorted(series.starts, seed))
    best: tuple[float, Stretch] | None = None
    for i in (first + shift for shift in SHIFTS):
        for j in (last + shift for shift in SHIFTS):
            if not 0 < i < j < len(series):
                continue
            step = min(_steps(series.rates, i, j, series))
            if step >= COMPANION_STEP_LOG and (best is None or step > best[0]):
                best = step, (int(series.starts[i]), int(series.ends[j - 1]))
    return best[1] if best else None


def _bridged(low: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Low stretches that a single bucket parts are one."""
    joined = low.copy()
    joined[1:-1] |= low[:-2] & low[2:]
    return joined


def _steps(rates: Floats, first: int, last: int, series: Series) -> tuple[float, float]:
    """How far the log rate falls at the start of [first, last) and rises at its end; zero where neighbours lack."""
    return (
        _level(rates, series, first - 1, -1) - _level(rates, series, first, +1, last),
        _level(rates, series, last, +1) - _level(rates, series, last - 1, -1, first),
    )


def _level(rates: Floats, series: Series, at: int, direction: int, stop: int | None = None) -> float:
    """Log of the median rate of up to a few buckets from `at` on in one direction, not past `stop`.

    Three buckets of up to five minutes, two of up to half an hour, one of an hour. NaN where there are none.
    """
    if not 0 <= at < len(series):
        return float("nan")
    length = int(series.lengths[at])
    count = 3 if length <= 300 else 2 if length <= 1800 else 1
    index = [at + direction * n for n in range(count)]
    inside = [i for i in index if 0 <= i < len(series) and (stop is None or (i < stop if direction > 0 else i >= stop))]
    level = float(np.median(rates[inside]))
    return float(np.log(max(level, 1e-6)))
