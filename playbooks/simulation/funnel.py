"""Visits through the stages of a funnel: who is refused for good at one stage makes no requests at the later ones.

A stage fails as often as the service that loses most of its requests there; what a service loses is spread over stages
as its requests are. Each stage is reached so many seconds after the one before as visitors think.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from playbooks.simulation.fleet import Ticks
from playbooks.simulation.hpa import Rates
from playbooks.simulation.minutes import Written


@dataclass(frozen=True)
class Funnel:
    """requests: [stage, row] of one visit at a stage. reach, orders: [stage] visits that get there, of those that
    begin, and orders that one of them makes. think_seconds: [stage] before the next one.
    """

    stages: tuple[str, ...]
    requests: NDArray[np.float64]
    reach: NDArray[np.float64]
    orders: NDArray[np.float64]
    think_seconds: NDArray[np.float64]

    @property
    def shares(self) -> NDArray[np.float64]:
        """[stage, row]: of a row's requests, those made at each stage; zero for rows that no stage asks."""
        made = self.reach[:, None] * self.requests
        total = made.sum(axis=0)
        found: NDArray[np.float64] = np.divide(made, total, out=np.zeros_like(made), where=total > 0)
        return found


@dataclass
class Visits:
    """Visits while an event is played, and the orders they lost so far [path, minute] and [stage, path].

    parts: of each row (stage, share of its requests). passing: shares [stage, path] that passed lately, the latest tick
    first. there: [stage, path], of the visits that would be at each stage, those that still are; None: all of them.
    """

    funnel: Funnel
    ticks: Ticks
    lost_by_minute: Written
    lost_by_stage: Rates
    parts: list[list[tuple[int, float]]]
    at_tick: list[int]
    passing: deque[Rates | None]
    failing: int = 0
    there: Rates | None = field(default=None)

    @classmethod
    def none(cls, funnel: Funnel, ticks: Ticks, paths: int, minutes: int) -> Visits:
        after = np.concatenate([[0.0], np.cumsum(funnel.think_seconds[:-1])])
        at_tick = [round(seconds / ticks.seconds) for seconds in after]
        length = at_tick[-1] + 1
        passing: deque[Rates | None] = deque([None] * length, maxlen=length)
        parts = [[(int(stage), float(row[stage])) for stage in np.flatnonzero(row)] for row in funnel.shares.T]
        by_minute, by_stage = Written.none(paths, minutes), np.zeros((len(funnel.stages), paths))
        return cls(funnel, ticks, by_minute, by_stage, parts, at_tick, passing)

    def thinned(self, fresh: Rates) -> Rates:
        """Fresh requests [row, path] without those of visits that failed before."""
        self.there = self._there(fresh.shape[1]) if self.failing else None
        if self.there is None:
            return fresh
        kept = fresh.copy()
        for row, parts in enumerate(self.parts):
            if len(parts) == 1:
                kept[row] *= self.there[parts[0][0]]
            elif parts:
                kept[row] *= _mixed(parts, self.there) / _whole(parts)
        return kept

    def _there(self, paths: int) -> Rates:
        there = np.ones((len(self.at_tick), paths))
        for stage, reached in enumerate(self.at_tick):
            for before in range(stage):
                passed = self.passing[max(reached - self.at_tick[before] - 1, 0)]
                if passed is not None:
                    there[stage] *= passed[before]
        return there

    def lose(self, minute: int, fresh: Rates, lost: Rates | None) -> None:
        """What a tick's visits and orders come to where rows lose `lost` for good; None: nothing is lost."""
        if lost is None:
            if self.failing:
                self.passing.appendleft(None)
                self.failing -= 1
            return
        orders = self._orders(fresh, lost) * self.ticks.seconds
        by_minute = self.lost_by_minute.at(minute)
        by_minute += orders.sum(axis=0)
        self.lost_by_stage += orders

    def _orders(self, fresh: Rates, lost: Rates) -> Rates:
        """Orders lost a second at each stage [stage, path]."""
        requests, paths = self.funnel.requests, lost.shape[1]
        failed, found = np.zeros((2, len(requests), paths))
        share_failed = np.minimum(lost / np.maximum(fresh, 1e-12), 1.0)
        for row, parts in enumerate(self.parts):
            for stage, part in self._shared(parts):
                np.maximum(failed[stage], share_failed[row], out=failed[stage])
                np.maximum(found[stage], lost[row] * part / requests[stage, row], out=found[stage])
        self.passing.appendleft(1 - failed)
        self.failing = len(self.passing)
        return found * self.funnel.orders[:, None]

    def _shared(self, parts: list[tuple[int, float]]) -> Iterator[tuple[int, Rates | float]]:
        """What of a row's requests each stage makes now: all of them where it is the only one."""
        if len(parts) == 1:
            yield parts[0][0], 1.0
            return
        mixed = _whole(parts) if self.there is None else np.maximum(_mixed(parts, self.there), 1e-12)
        for stage, share in parts:
            yield stage, share / mixed if self.there is None else share * self.there[stage] / mixed


def _mixed(parts: list[tuple[int, float]], there: Rates) -> Rates:
    """[path]: of a row's requests, those whose visits are still there. Added one after the other, so that a path's is
    the same beside any others."""
    mixed = np.zeros(there.shape[1])
    for stage, share in parts:
        mixed += share * there[stage]
    return mixed


def _whole(parts: list[tuple[int, float]]) -> float:
    """The same where all visits are there: one, but for rounding."""
    return sum(share for _stage, share in parts)
