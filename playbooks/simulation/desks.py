"""Desks as a fluid backlog: contacts come in, agents finish them, those who wait too long give up.

The fluid says how many are in hand and how many wait at each step; chance is added from a table computed once: the
service level at the load that would hold that many in hand and waiting for good, which is places + queue × handling ÷
patience. So a backlog left by the interval before counts, and so does one that has yet to build up. Where nobody gives
up (tickets) the fluid alone decides: whoever comes in while the wait is beyond the promise is late.
Fluid with abandonment: Whitt, Operations Research 54(1), 2006.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Levels(Protocol):
    """A pre-computed table: ratios for contacts in hand and seats, of any shape."""

    def level(self, load: Floats, seats: Floats) -> Floats: ...

    def abandoned(self, load: Floats, seats: Floats) -> Floats: ...


@dataclass(frozen=True)
class Desk:
    """One desk. contacts: [path, interval] that come in. seats: [interval] of people at work, whole or not.

    handle_seconds: of one contact at `at_once` contacts a person. within_seconds: of the promise. patience_seconds: the
    mean of those who wait; None where nobody gives up. levels: None where only the fluid counts (tickets).
    """

    contacts: Floats
    seats: Floats
    interval_seconds: float
    handle_seconds: float
    within_seconds: float
    levels: Levels | None
    at_once: int = 1
    patience_seconds: float | None = None


@dataclass(frozen=True)
class DeskPlayed:
    """What contacts meet, [path, interval]: the level, how many give up, the mean backlog, the longest wait."""

    level_ratio: Floats
    abandoned: Floats
    backlog: Floats
    longest_wait_seconds: Floats

    def event_level_ratio(self, contacts: Floats) -> Floats:
        """[path]: the level over all intervals, weighed by contacts."""
        total: Floats = (self.level_ratio * contacts).sum(axis=1) / np.maximum(contacts.sum(axis=1), 1e-12)
        return total


def play_desk(desk: Desk, step_seconds: float = 60.0) -> DeskPlayed:
    """Carry the backlog through every interval in steps; starts empty."""
    paths, intervals = desk.contacts.shape
    steps = max(1, round(desk.interval_seconds / step_seconds))
    second, inside = desk.interval_seconds / steps, np.zeros(paths)
    met = {name: np.zeros((paths, intervals)) for name in ("level", "gone", "backlog", "wait")}
    for k in range(intervals):
        arriving, places = desk.contacts[:, k] / desk.interval_seconds, float(desk.seats[k]) * desk.at_once
        flows = []
        for _step in range(steps):
            flows.append(_step_of(desk, inside, arriving, places, second))
            inside = flows[-1].inside
        queue, wait = (np.stack([getattr(flow, name) for flow in flows]) for name in ("queue", "wait"))
        level, gone = _with_chance(desk, np.stack([flow.inside for flow in flows]), queue, wait, float(desk.seats[k]))
        met["level"][:, k], met["backlog"][:, k] = level.mean(axis=0), queue.mean(axis=0)
        met["gone"][:, k] = np.maximum(gone * second, [flow.gone for flow in flows]).sum(axis=0)
        met["wait"][:, k] = wait.max(axis=0)
    return DeskPlayed(met["level"], met["gone"], met["backlog"], met["wait"])


def _with_chance(desk: Desk, inside: Floats, queue: Floats, wait: Floats, seats: float) -> tuple[Floats, Floats]:
    """Service level and contacts a second that give up, [step, path]."""
    if desk.levels is None or desk.patience_seconds is None:
        return (wait <= desk.within_seconds).astype(np.float64), np.zeros_like(wait)
    load = inside - queue + queue * desk.handle_seconds / desk.patience_seconds
    staffed = np.full_like(load, seats)
    level, gone = desk.levels.level(load, staffed), desk.levels.abandoned(load, staffed)
    return level, gone * load / desk.handle_seconds


@dataclass(frozen=True)
class _Flow:
    inside: Floats
    queue: Floats
    wait: Floats
    gone: Floats


def _step_of(desk: Desk, inside: Floats, arriving: Floats, places: float, second: float) -> _Flow:
    """One step, implicit in what leaves, so that long steps stay stable: [path] each."""
    come = inside + arriving * second
    leaving = second / desk.handle_seconds
    idle = come <= places * (1 + leaving)
    giving_up = 0.0 if desk.patience_seconds is None else second / desk.patience_seconds
    after = np.where(idle, come / (1 + leaving), (come - places * leaving + places * giving_up) / (1 + giving_up))
    queue = np.maximum(after - places, 0.0)
    gone = queue * giving_up
    rate = places / desk.handle_seconds
    wait = np.where(queue > 0, queue / rate if rate > 0 else np.inf, 0.0)
    return _Flow(after, queue, wait, gone)
