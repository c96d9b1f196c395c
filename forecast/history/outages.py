"""Probable outages: demand that came and was not served, so that history shows less than there was.

A stretch is taken for an outage when it lies below half of what is usual for the hour of the week and both its ends
are steps: the rate halves, nearly, from one bucket to the next, and comes back in the same way. Crowds that leave
(a match ends, a holiday begins) go gradually, or were never there. Where the service's own noise from bucket to
bucket is large, the drop and the steps must be as much larger.
"""

from __future__ import annotations

import math
import statistics

import numpy as np
from numpy.typing import NDArray

from forecast.history.buckets import HOUR_SECONDS, Series

Stretch = tuple[int, int]

LOW_RATIO = 0.5
STEP_LOG = float(np.log(1.8))
COMPANION_STEP_LOG = float(np.log(1.6))
SECONDS_LEAST, SECONDS_MOST = 300, 24 * HOUR_SECONDS
PAUSE_SECONDS = 900
GOING_ON_RATIO, GOING_ON_SECONDS_MOST = 0.1, 7 * 24 * HOUR_SECONDS
EXPECTED_LEAST = 100.0
DEVIATIONS_LEAST = 3.0
SHIFTS = (0, -1, 1, -2, 2)

Floats = NDArray[np.float64]


def drops(series: Series, usual: Floats) -> list[Stretch]:
    """Outages of one service as [start, end) in seconds of UTC; `usual` is the usual rate in each bucket."""
    if len(series) < 2:
        return []
    with np.errstate(invalid="ignore"):
        lowest = np.flatnonzero(series.rates < LOW_RATIO * usual)
    if not len(lowest):
        return []  # as in most of two years of minutes: the noise of a million buckets need not be known
    noise = DEVIATIONS_LEAST * _noise_at(series, usual, lowest)
    below = series.rates[lowest] < np.minimum(LOW_RATIO, np.exp(-noise)) * usual[lowest]
    low = np.zeros(len(series), dtype=np.bool_)
    low[lowest[below]] = True
    low = _bridged(low)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], low, [False]]).astype(np.int8)))
    firsts, lasts = edges[::2], edges[1::2]
    if not len(firsts):
        return []
    steps = np.maximum(STEP_LOG, noise[np.searchsorted(lowest, firsts)])
    unknown = np.isnan(usual)
    came = np.concatenate([[0.0], np.cumsum(np.where(unknown, 0.0, series.rates * series.lengths))])
    expected = np.concatenate([[0.0], np.cumsum(np.where(unknown, 0.0, usual * series.lengths))])
    seconds = series.ends[lasts - 1] - series.starts[firsts]
    due = expected[lasts] - expected[firsts]
    ratio = (came[lasts] - came[firsts]) / np.maximum(due, EXPECTED_LEAST)
    # Where history ends, nearly nothing for days is one too: a new level is something.
    going_on = (lasts == len(series)) & (ratio < GOING_ON_RATIO)
    most = np.where(going_on, GOING_ON_SECONDS_MOST, SECONDS_MOST)
    telling = (seconds >= SECONDS_LEAST) & (seconds <= most) & (due >= EXPECTED_LEAST) & (ratio < LOW_RATIO)
    if not telling.any():
        return []
    beside_usual = np.divide(series.rates, usual, out=np.full(len(series), np.nan), where=usual > 0)
    found = [
        (int(series.starts[i]), int(series.ends[j - 1]))
        for i, j, step in zip(firsts[telling], lasts[telling], steps[telling], strict=True)
        if min(_steps(series.rates, i, j, series)) >= step and min(_steps(beside_usual, i, j, series)) >= step
    ]
    return _without_pauses(found)


def bucket_noise(rates: Floats) -> float:
    """Robust standard deviation of the log rate from bucket to bucket, beside all that changes slowly."""
    changes = np.abs(np.diff(np.log(np.maximum(rates, 1e-6))))
    return float(1.4826 * np.median(changes) / np.sqrt(2)) if len(changes) else 0.0


def _noise_at(series: Series, usual: Floats, where: NDArray[np.int64]) -> Floats:
    """`bucket_noise`, and more in buckets with fewer requests than most: counting noise goes with 1 / √count."""
    counts = usual * series.lengths
    known = counts[~np.isnan(counts)]
    typical = np.median(known) if len(known) else np.nan
    here = counts[where]
    more = np.sqrt(typical / np.where(here > 0, here, np.nan))
    noise: Floats = bucket_noise(series.rates) * np.fmax(more, 1.0)
    return noise


def _without_pauses(stretches: list[Stretch]) -> list[Stretch]:
    """Outages a quarter of an hour apart, or less, as one."""
    joined: list[Stretch] = []
    for stretch in stretches:
        if joined and stretch[0] - joined[-1][1] <= PAUSE_SECONDS:
            joined[-1] = joined[-1][0], stretch[1]
        else:
            joined.append(stretch)
    return joined


def companion(series: Series, seed: Stretch) -> Stretch | None:
    """The same outage on a service that stayed above the usual: it too steps down and up at both ends of the seed."""
    first, last = (int(n) for n in np.searchsorted(series.starts, seed))
    best: tuple[float, Stretch] | None = None
    for i in (first + shift for shift in SHIFTS):
        for j in (last + shift for shift in SHIFTS):
            if not 0 < i < j < len(series):
                continue
            fall = _fall(series.rates, i, j, series)
            if fall < COMPANION_STEP_LOG:
                continue
            step = min(fall, _rise(series.rates, i, j, series))
            if step >= COMPANION_STEP_LOG and (best is None or step > best[0]):
                best = step, (int(series.starts[i]), int(series.ends[j - 1]))
    # The noise of a whole series is asked for last: few seeds get so far.
    if best is None or best[0] < DEVIATIONS_LEAST * bucket_noise(series.rates):
        return None
    return best[1]


def _bridged(low: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Low stretches that a single bucket parts are one."""
    joined = low.copy()
    joined[1:-1] |= low[:-2] & low[2:]
    return joined


def _steps(rates: Floats, first: int, last: int, series: Series) -> tuple[float, float]:
    """How far the log rate falls at the start of [first, last) and rises at its end; NaN where neighbours lack. What
    lasts until history ends has only a start."""
    fall = _fall(rates, first, last, series)
    return fall, fall if last == len(series) else _rise(rates, first, last, series)


def _fall(rates: Floats, first: int, last: int, series: Series) -> float:
    return _level(rates, series, first - 1, -1) - _level(rates, series, first, +1, last)


def _rise(rates: Floats, first: int, last: int, series: Series) -> float:
    return _level(rates, series, last, +1) - _level(rates, series, last - 1, -1, first)


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
    values = rates[inside].tolist()
    if any(math.isnan(value) for value in values):
        return float("nan")
    return math.log(max(statistics.median(values), 1e-6))
