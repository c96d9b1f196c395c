"""Pods on their way up: when they become ready, which of them wait for a node, which go first on the way down."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from playbooks.simulation.hpa import Counts

PARTS = 4


@dataclass
class Starting:
    """Pods created and not yet ready: `due` [slot, row, path], slot = tick modulo its length. filled: [slot], where
    anything may be due."""

    due: Counts
    pending: Counts
    filled: NDArray[np.bool_]

    @classmethod
    def none(cls, longest_ticks: int, rows: int, paths: int) -> Starting:
        slots = longest_ticks + 2
        return cls(np.zeros((slots, rows, paths), np.int64), np.zeros((rows, paths), np.int64), np.zeros(slots, bool))


def delays_in_ticks(from_seconds: NDArray[np.float64], to_seconds: NDArray[np.float64], tick_seconds: float) -> Counts:
    """Start-up of each quarter of a batch, [part, row] in ticks: the range's quarters, each at its slow end."""
    shares = (np.arange(PARTS) + 1) / PARTS
    seconds = from_seconds + (to_seconds - from_seconds) * shares[:, None]
    return np.maximum(1, np.ceil(seconds / tick_seconds)).astype(np.int64)


def become_ready(starting: Starting, tick: int) -> Counts | None:
    """Take out the pods that are ready from this tick on, [row, path]; None: no pods are."""
    slot = tick % len(starting.due)
    if not starting.filled[slot]:
        return None
    ready: Counts = starting.due[slot].copy()
    starting.due[slot] = 0
    starting.filled[slot] = False
    starting.pending -= ready
    return ready


def start(starting: Starting, tick: int, count: Counts, delay_ticks: Counts) -> None:
    """Create `count` [row, path] pods, a quarter after each of the delays [part, row]; remainders start slowest."""
    rows, paths = np.nonzero(count)
    counts = count[rows, paths]
    begun = np.zeros_like(counts)
    for part, delay in enumerate(delay_ticks, start=1):
        upto = counts * part // PARTS
        slots = (tick + delay) % len(starting.due)
        starting.due[slots[rows], rows, paths] += upto - begun
        starting.filled[slots] = True
        begun = upto
    starting.pending[rows, paths] += counts


def remove(starting: Starting, tick: int, count: Counts) -> Counts:
    """Delete up to `count` [row, path] pods that are not ready, the last to become ready first; return how many."""
    removed = np.minimum(count, starting.pending)
    rows, paths = np.nonzero(removed)
    if len(rows):
        slots = len(starting.due)
        order = ((tick + np.arange(slots, 0, -1)) % slots)[:, None]
        due = starting.due[order, rows, paths]
        before = np.cumsum(due, axis=0) - due
        starting.due[order, rows, paths] = due - np.clip(removed[rows, paths] - before, 0, due)
        starting.pending -= removed
    return removed
