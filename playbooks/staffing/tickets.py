"""Tickets: work that may wait, each with its own deadline, first in first out.

Staffing each interval for its own arrivals is wrong here: the plan is the cheapest level of people per day with which
the work done S stays between what is due and what has come: A(t - deadline) <= S(t) <= A(t) (a linear programme).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linprog
from scipy.sparse import csr_array, eye_array, hstack, vstack

from playbooks.staffing.erlang import Floats

PEAK_PRICE = 0.01


@dataclass(frozen=True)
class Backlog:
    """What becomes of tickets when `done` can be finished per interval: counts at each interval's end.

    within_ratio: of the tickets that came in the interval, the share finished by the deadline (1 where none came or
    the deadline lies beyond the horizon).
    """

    open_tickets: Floats
    oldest_hours: Floats
    within_ratio: Floats


def seats_for_tickets(
    arrivals: Floats,
    open_intervals: NDArray[np.bool_],
    days: NDArray[np.int64],
    deadline_intervals: int,
    per_seat: float,
) -> tuple[Floats, Floats]:
    """Seats per interval (one level per day, real numbers), and the tickets that no one can finish in time.

    arrivals: tickets per interval; days: which working day each interval belongs to, from 0; per_seat: tickets that one
    seat finishes in an interval. At the end of the horizon half a deadline's tickets may be left open. Deadlines that
    closed hours make impossible are missed by as little as can be, and returned as late tickets per interval.
    """
    count, day_count = len(arrivals), int(days.max()) + 1
    came = np.concatenate([[0.0], np.cumsum(arrivals)])
    due = due_tickets(arrivals, deadline_intervals)
    day_of = csr_array((np.ones(count), (np.arange(count), days)), shape=(count, day_count))
    capacity = day_of.multiply((open_intervals * per_seat)[:, None]).tocsr()
    difference = (eye_array(count) - eye_array(count, k=-1)).tocsr()
    nothing, whole, days_to_peak = csr_array((count, day_count)), eye_array(count), eye_array(day_count)
    one, none = csr_array((count, 1)), csr_array((day_count, count))
    limits = vstack(
        [
            hstack([-whole, -whole, nothing, one]),
            hstack([difference, csr_array((count, count)), -capacity, one]),
            hstack([none, none, days_to_peak, csr_array(-np.ones((day_count, 1)))]),
        ]
    ).tocsr()
    open_per_day = day_of.T @ open_intervals.astype(np.float64)
    price = np.concatenate([np.zeros(count), np.full(count, 1e3), open_per_day + 1e-6, [PEAK_PRICE * count]])
    bounds = np.concatenate(
        [
            np.column_stack([np.zeros(count), came[1:]]),
            np.column_stack([np.zeros(count + day_count + 1), np.full(count + day_count + 1, np.inf)]),
        ]
    )
    asked = np.concatenate([-due, np.zeros(count + day_count)])
    solved = linprog(price, A_ub=limits, b_ub=asked, bounds=bounds, method="highs")  # type: ignore[call-overload]
    late, per_day = solved.x[count : 2 * count], solved.x[2 * count : 2 * count + day_count]
    return np.where(open_intervals, per_day[days], 0.0), late


def due_tickets(arrivals: Floats, deadline_intervals: int) -> Floats:
    """Tickets that must be finished by each interval's end; at the very end half a deadline's may be left."""
    count = len(arrivals)
    came = np.concatenate([[0.0], np.cumsum(arrivals)])
    due: Floats = came[np.clip(np.arange(1, count + 1) - deadline_intervals, 0, None)]
    due[-1] = max(due[-1], came[max(0, count - deadline_intervals // 2)])
    return due


def worked_off(arrivals: Floats, capacity: Floats, deadline_intervals: int, interval_hours: float) -> Backlog:
    """First in first out, checked on its own: what is open, how old the oldest is, what share keeps its deadline.

    arrivals: [interval], or [path, interval] for many at once, each on its own; capacity: [interval].
    """
    came, done = np.cumsum(arrivals, axis=-1), _done(arrivals, capacity)
    within, checked = np.ones(arrivals.shape), arrivals.shape[-1] - deadline_intervals
    if checked > 0:
        first, new = (came - arrivals)[..., :checked], arrivals[..., :checked]
        finished = np.divide(done[..., deadline_intervals:] - first, new, out=np.ones_like(new), where=new > 0)
        within[..., :checked] = np.clip(finished, 0, 1)
    close = 1e-6 * np.maximum(1.0, came[..., -1:])
    first_open = _first_beyond(came, done + close)
    age = (np.arange(arrivals.shape[-1]) - first_open + 1).clip(0) * interval_hours
    left = came - done
    return Backlog(left, np.where(left > close, age, 0.0), within)


def _done(arrivals: Floats, capacity: Floats) -> Floats:
    came = np.cumsum(arrivals, axis=-1)
    done = np.empty_like(came)
    before = np.zeros(came.shape[:-1])
    for i, possible in enumerate(capacity):
        before = np.minimum(came[..., i], before + possible)
        done[..., i] = before
    return done


def _first_beyond(came: Floats, done: Floats) -> NDArray[np.int64]:
    """The first interval by whose end more had come than is done."""
    rows = zip(came.reshape(-1, came.shape[-1]), done.reshape(-1, came.shape[-1]), strict=True)
    found = [np.searchsorted(total, finished, side="left") for total, finished in rows]
    return np.array(found, dtype=np.int64).reshape(came.shape)
