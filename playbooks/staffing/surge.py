"""Where the stationary figures end and the exact chain takes over: the intervals of a surge."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from playbooks.staffing import transient
from playbooks.staffing.erlang import Floats
from playbooks.staffing.requirement import Rules
from playbooks.staffing.transient import IntervalOutcome, System

LEAD_INTERVALS = 4


def surge_stretches(load: Floats, times_median: float) -> list[slice]:
    """Runs of intervals whose load is that many times the median interval that has any, each with the one before it."""
    some = load > 0
    if not some.any():
        return []
    high = load >= times_median * float(np.median(load[some]))
    high[:-1] |= high[1:]
    high &= some
    edges = np.flatnonzero(np.diff(np.concatenate([[False], high, [False]]).astype(np.int8)))
    return [slice(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]


def refined(
    rules: Rules, arrivals_per_second: Floats, seats: Floats, stretch: slice, interval_seconds: float
) -> tuple[Floats, NDArray[np.str_]]:
    """Seats and what binds within a surge, by the exact chain; `seats` are the stationary ones to begin from."""
    places = transient.places_needed(rules, arrivals_per_second[stretch], seats[stretch] * 1.3 + 5)
    starts = _before(rules, arrivals_per_second, seats, stretch, interval_seconds, places)
    return transient.fewest_seats(arrivals_per_second[stretch], seats[stretch], interval_seconds, rules, starts)


def played(
    rules: Rules, arrivals_per_second: Floats, seats: Floats, stretch: slice, interval_seconds: float
) -> list[IntervalOutcome]:
    """What given seats achieve within a surge, backlog carried over."""
    places = transient.places_needed(rules, arrivals_per_second[stretch], seats[stretch])
    starts = _before(rules, arrivals_per_second, seats, stretch, interval_seconds, places)
    return transient.play(arrivals_per_second[stretch], seats[stretch], interval_seconds, rules, starts)


def _before(
    rules: Rules, arrivals_per_second: Floats, seats: Floats, stretch: slice, interval_seconds: float, places: int
) -> System:
    """The system when the surge begins: after two hours of the intervals before it."""
    lead = slice(max(0, stretch.start - LEAD_INTERVALS), stretch.start)
    starts = transient.empty(places)
    outcomes = transient.play(arrivals_per_second[lead], seats[lead], interval_seconds, rules, starts)
    return outcomes[-1].ends if outcomes else starts
