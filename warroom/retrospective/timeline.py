"""Rates of unequal buckets on other intervals, and what of them is known.

All arrays are [interval]; times are seconds since 1970, rates mean requests per second, NaN where not known.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

HOUR, DAY, WEEK = 3600, 86_400, 7 * 86_400
KNOWN_SHARE = 0.99


@dataclass(frozen=True)
class Buckets:
    """A step function of time: `rates` from `starts` for `seconds` each, in order and without overlaps."""

    starts: Ints
    seconds: Ints
    rates: Floats

    def within(self, starts: int, ends: int) -> Buckets:
        """The buckets that begin in [starts, ends)."""
        keep = (self.starts >= starts) & (self.starts < ends)
        return Buckets(self.starts[keep], self.seconds[keep], self.rates[keep])


def mean_over(buckets: Buckets, starts: Ints, seconds: Ints) -> Floats:
    """Mean rate over each interval; NaN where less than 99 % of it is covered."""
    values = np.nan_to_num(buckets.rates) * buckets.seconds
    known = np.where(np.isnan(buckets.rates), 0.0, buckets.seconds)
    sums, covered = (_grown(buckets, counted, starts, seconds) for counted in (values, known))
    return np.where(covered >= KNOWN_SHARE * seconds, sums / np.maximum(covered, 1e-9), np.nan)


def _grown(buckets: Buckets, counted: NDArray[np.floating], starts: Ints, seconds: Ints) -> Floats:
    """How much of `counted` falls into each interval, each bucket spread evenly over its length."""
    if len(buckets.starts) == 0:
        return np.zeros(len(starts))
    total = np.concatenate([[0.0], np.cumsum(counted)])
    times = np.stack([buckets.starts, buckets.starts + buckets.seconds], axis=1).ravel().astype(np.float64)
    values = np.stack([total[:-1], total[1:]], axis=1).ravel()
    grown: Floats = np.interp(starts + seconds, times, values) - np.interp(starts, times, values)
    return grown


def whole_hours(starts: int, ends: int) -> Ints:
    """The whole hours inside [starts, ends)."""
    return np.arange(-(-starts // HOUR) * HOUR, ends // HOUR * HOUR, HOUR, dtype=np.int64)


def by_hour(buckets: Buckets, hours: Ints) -> Floats:
    """Mean rate of each hour."""
    return mean_over(buckets, hours, np.full(len(hours), HOUR, dtype=np.int64))


def weeks_before(hours: Ints, as_of: int) -> Ints:
    """The same hours of the last week that was over at `as_of`."""
    weeks = np.maximum(np.ceil((hours + HOUR - as_of) / WEEK), 1).astype(np.int64)
    return hours - weeks * WEEK


def days_before(hours: Ints, as_of: int) -> Ints:
    """The same hours of the last day that was over at `as_of`."""
    days = np.maximum(np.ceil((hours + HOUR - as_of) / DAY), 1).astype(np.int64)
    return hours - days * DAY
