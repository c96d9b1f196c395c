"""Shifts for tickets: chosen together with the order of work, since a ticket may wait.

The cheapest shifts with which work done S stays between what is due and what has come, A(t - deadline) <= S(t) <= A(t);
tickets that no allowed roster can finish in time are bought as late, at a price that nothing else reaches. Each day's
largest number of people has a small price of its own, because they need places, and so has every half-hour that a
ticket is open, because among rosters of one price the one that answers sooner is better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import csc_array, csr_array, eye_array, hstack, vstack

from playbooks.staffing.erlang import Floats
from playbooks.staffing.policy import Solver
from playbooks.staffing.shifts import Rostered, ShiftDay, coverage, people_limits
from playbooks.staffing.tickets import due_tickets

LATE_PRICE_HOURS = 50.0
PEAK_PRICE_HOURS = 1.0
OPEN_PRICE_HOURS = 0.0005


@dataclass(frozen=True)
class TicketWork:
    """What has to be done, per half-hour: tickets that come, whether it is open, its working day counted from 0.

    per_person: tickets that one rostered person finishes in a half-hour.
    """

    arrivals: Floats
    open: NDArray[np.bool_]
    days: NDArray[np.int64]
    deadline_intervals: int
    per_person: float


def roster_tickets(
    work: TicketWork,
    starts_at_utc: NDArray[np.datetime64],
    options: Sequence[ShiftDay],
    solver: Solver,
    agents_max: int | None = None,
) -> tuple[Rostered, float]:
    """People on shifts, and how many ticket-half-hours are late all the same."""
    shares = csc_array(coverage(options, starts_at_utc).multiply(work.open[:, None]))
    useful = np.flatnonzero(np.asarray(shares.sum(axis=0)).ravel() > 0)
    kept, shares = [options[int(i)] for i in useful], shares[:, useful].tocsc()
    if not kept or work.arrivals.sum() <= 0:
        return Rostered((), np.zeros(len(work.arrivals)), 0.0, 0.0), 0.0
    found = _solve(work, shares, kept, solver, agents_max)
    if found is None:
        return Rostered((), np.zeros(len(work.arrivals)), 0.0, 1.0), float(work.arrivals.sum())
    counts, late, gap = found
    chosen = tuple((option, int(n)) for option, n in zip(kept, counts, strict=True) if n > 0)
    people: Floats = coverage([option for option, _ in chosen], starts_at_utc) @ np.array([float(n) for _, n in chosen])
    return Rostered(chosen, people, sum(option.paid_hours * n for option, n in chosen), gap), late


def _solve(
    work: TicketWork, shares: csc_array, options: Sequence[ShiftDay], solver: Solver, agents_max: int | None
) -> tuple[NDArray[np.int64], float, float] | None:
    count, day_count = len(work.arrivals), int(work.days.max()) + 1
    came, due = np.cumsum(work.arrivals), due_tickets(work.arrivals, work.deadline_intervals)
    whole, step = eye_array(count), eye_array(count) - eye_array(count, k=-1)
    day_of = csr_array((np.ones(count), (np.arange(count), work.days)), shape=(count, day_count))
    matrix = vstack(
        [
            hstack([csr_array((count, len(options))), whole, whole, csr_array((count, day_count))]),
            hstack([-work.per_person * shares, step, csr_array((count, count + day_count))]),
            hstack([csr_array((count, len(options))), step, csr_array((count, count + day_count))]),
            hstack([shares, csr_array((count, 2 * count)), -day_of]),
        ]
    )
    free = np.full(count, np.inf)
    lower = np.concatenate([due, -free, np.zeros(count), -free])
    constraints = [LinearConstraint(matrix, lower, np.concatenate([free, np.zeros(count), free, np.zeros(count)]))]
    constraints += people_limits(options, 2 * count + day_count, agents_max)
    price = np.array([option.price_hours for option in options])
    late = np.full(count, LATE_PRICE_HOURS / max(work.per_person, 1e-9))
    found = milp(
        np.concatenate([price, np.full(count, -OPEN_PRICE_HOURS), late, np.full(day_count, PEAK_PRICE_HOURS)]),
        constraints=constraints,
        integrality=np.concatenate([np.ones(len(options)), np.zeros(2 * count + day_count)]),
        bounds=Bounds(0, np.concatenate([np.full(len(options), np.inf), came, free, np.full(day_count, np.inf)])),
        options={"mip_rel_gap": solver.gap_ratio, "time_limit": solver.seconds},
    )
    if found.x is None:
        return None
    shifts = np.rint(found.x[: len(options)]).astype(np.int64)
    return shifts, float(found.x[len(options) + count : len(options) + 2 * count].sum()), float(found.mip_gap or 0.0)
