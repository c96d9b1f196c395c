"""Fleets that need no replay: one that never changes, and one that knew everything beforehand."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from playbooks.simulation.fleet import FULL_RATIO, TICK_SECONDS, TICKS_PER_MINUTE
from playbooks.simulation.hpa import Counts, Rates

BILLED_START_TICKS = 120 // TICK_SECONDS


def in_ticks(rates: NDArray[np.floating], quarters: NDArray[np.float64] | None = None) -> Rates:
    """[path, minute] as [path, tick]."""
    even = np.repeat(rates.astype(np.float64), TICKS_PER_MINUTE, axis=1)
    return even if quarters is None else even * quarters.reshape(1, -1)


def clairvoyant_replica_hours(rates: Rates, capacity_requests_per_second_per_replica: float) -> Rates:
    """[path]: the fewest replicas in every tick of `rates` [path, tick], each paid for two minutes before it serves."""
    needed = np.maximum(np.ceil(rates / capacity_requests_per_second_per_replica - 1e-9), 1)
    paid = forward_most(needed, BILLED_START_TICKS)
    hours: Rates = paid.sum(axis=1) * TICK_SECONDS / 3600
    return hours


def forward_most(values: Rates, ticks: int) -> Rates:
    """[path, tick]: the largest value of this tick and the `ticks` that follow."""
    most = values.copy()
    for shift in range(1, ticks + 1):
        np.maximum(most[:, :-shift], values[:, shift:], out=most[:, :-shift])
    return most


def under_fixed_replicas(rates: Rates, limit_requests_per_second: float) -> tuple[Counts, Rates]:
    """Overloaded minutes and share of requests above a constant capacity, each [path]."""
    over = rates > limit_requests_per_second * FULL_RATIO
    minutes: Counts = over.reshape(len(rates), -1, TICKS_PER_MINUTE).any(axis=2).sum(axis=1)
    above: Rates = np.maximum(rates - limit_requests_per_second, 0).sum(axis=1)
    return minutes, above / np.maximum(rates.sum(axis=1), 1e-12)
