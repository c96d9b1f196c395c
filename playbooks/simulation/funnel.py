"""Visits through the stages of a funnel: who is refused for good at one stage makes no requests at the later ones.

A stage fails as often as the service that loses most of its requests there; what a service loses is spread over stages
as its requests are. Each stage is reached so many seconds after the one before as visitors think.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from playbooks.simulation.fleet import Ticks
from playbooks.simulation.hpa import Rates


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

    passing: shares [stage, path] that passed lately, the latest tick first.
    """

    funnel: Funnel
    ticks: Ticks
    lost_by_minute: NDArray[np.float32]
    lost_by_stage: Rates
    shares: NDArray[np.float64]
    at_tick: list[int]
    passing: deque[Rates | None]
    there: Rates | None = field(default=None)

    @classmethod
    def none(cls, funnel: Funnel, ticks: Ticks, paths: int, minutes: int) -> Visits:
        after = np.concatenate([[0.0], np.cumsum(funnel.think_seconds[:-1])])
        at_tick = [round(seconds / ticks.seconds) for seconds in after]
        length = at_tick[-1] + 1
        passing: deque[Rates | None] = deque([None] * length, maxlen=length)
        by_minute, by_stage = np.zeros((paths, minutes), np.float32), np.zeros((len(funnel.stages), paths))
        return cls(funnel, ticks, by_minute, by_stage, funnel.shares, at_tick, passing)

    def thinned(self, fresh: Rates) -> Rates:
        """Fresh requests [row, path] without those of visits that failed before."""
        self.there = self._there(fresh.shape[1])
        if self.there is None:
            return fresh
        asked = self.shares.sum(axis=0) > 0
        kept = np.where(asked[:, None], self.shares.T @ self.there, 1.0)
        return fresh * kept

    def _there(self, paths: int) -> Rates | None:
        """[stage, path]: of the visits that would be at each stage now, those that still are; None: all of them."""
        if all(passed is None for passed in self.passing):
            return None
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
            self.passing.appendleft(None)
            return
        orders = self._orders(fresh, lost) * self.ticks.seconds
        self.lost_by_minute[:, minute] += orders.sum(axis=0)
        self.lost_by_stage += orders

    def _orders(self, fresh: Rates, lost: Rates) -> Rates:
        """Orders lost a second at each stage [stage, path]."""
        failed = np.clip(lost / np.maximum(fresh, 1e-12), 0.0, 1.0)
        uses = self.funnel.requests > 0
        self.passing.appendleft(1 - np.stack([failed[row].max(axis=0, initial=0.0) for row in uses]))
        there = self.there if self.there is not None else np.ones((len(uses), lost.shape[1]))
        mixed = np.einsum("kr,kp->rp", self.shares, there)
        found = np.zeros((len(uses), lost.shape[1]))
        for stage, rows in enumerate(uses):
            for row in np.flatnonzero(rows):
                part = self.shares[stage, row] * there[stage] / np.maximum(mixed[row], 1e-12)
                np.maximum(found[stage], lost[row] * part / self.funnel.requests[stage, row], out=found[stage])
        return found * self.funnel.orders[:, None]
