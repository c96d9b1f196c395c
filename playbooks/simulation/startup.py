"""From the order to the ready replica: a schedule's minutes are orders, and replicas are ready a start-up later."""

from __future__ import annotations

import numpy as np

from playbooks.simulation.hpa import Counts

ROUNDING = 1e-6


def lead_minutes(startup_seconds: float, node_wait_seconds: float, executor_seconds: float) -> int:
    """Minutes from a step's due time until its last replica is ready, rounded up."""
    return int(np.ceil((startup_seconds + node_wait_seconds + executor_seconds) / 60 - ROUNDING))


def ready_of(ordered: Counts, lead: int) -> Counts:
    """Replicas that are surely ready in each minute, the last axis, if so many are ordered in each: those that were
    ordered `lead` minutes before and not taken back since. The first minute stands for all before it."""
    before = np.repeat(ordered[..., :1], lead, axis=-1)
    since = np.lib.stride_tricks.sliding_window_view(np.concatenate([before, ordered], axis=-1), lead + 1, axis=-1)
    ready: Counts = since.min(axis=-1)
    return ready
