"""Refused requests that come again: by policy, after a back-off, until they are served or give up.

As a fluid: of what is refused at its k-th try, `again_ratio` comes back after first × factor^k seconds, spread evenly
over half of that before and after (full jitter would be 0 … 2 ×; clients in the field are nearer to this). State:
[try, slot, row, path], slot = tick modulo the longest delay.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from playbooks.simulation.fleet import Ticks
from playbooks.simulation.hpa import Rates


@dataclass(frozen=True)
class RetryPolicy:
    """again_ratio: of those refused, who try again. tries_most: further tries. Delays in seconds, growing by factor."""

    again_ratio: float = 0.7
    tries_most: int = 3
    first_seconds: float = 15.0
    factor: float = 2.0
    spread_ratio: float = 0.5

    def delays(self, ticks: Ticks) -> list[tuple[int, int]]:
        """(first tick, last tick) after a refusal at which each further try arrives; never in the same tick."""
        centres = [self.first_seconds * self.factor**k for k in range(self.tries_most)]
        return [
            (
                max(1, round(centre * (1 - self.spread_ratio) / ticks.seconds)),
                max(1, round(centre * (1 + self.spread_ratio) / ticks.seconds)),
            )
            for centre in centres
        ]


NO_RETRIES = RetryPolicy(again_ratio=0.0, tries_most=0)


@dataclass
class Waiting:
    """Requests per second that will come again."""

    due: Rates
    delays: list[tuple[int, int]]
    again_ratio: float
    last_due: int = -1

    @classmethod
    def none(cls, policy: RetryPolicy, ticks: Ticks, rows: int, paths: int) -> Waiting:
        delays = policy.delays(ticks)
        slots = 1 + max((last for _, last in delays), default=0)
        return cls(np.zeros((len(delays), slots, rows, paths)), delays, policy.again_ratio)

    def arriving(self, tick: int) -> Rates | None:
        """[try, row, path] requests per second that come again in this tick; they are taken out. None: no tries."""
        if tick > self.last_due:
            return None
        slot = tick % self.due.shape[1]
        again: Rates = self.due[:, slot].copy()
        self.due[:, slot] = 0.0
        return again

    def refuse(self, tick: int, fresh: Rates, again: Rates | None, refused_ratio: Rates) -> Rates:
        """Send the refused part of every try to its next one; [row, path] requests per second that gave up for good."""
        lost = np.zeros_like(fresh)
        for k, load in enumerate([fresh] if again is None else [fresh, *again]):
            refused = load * refused_ratio
            lost += refused
            if k < len(self.delays):
                refused *= self.again_ratio
                lost -= refused
                first, last = self.delays[k]
                refused /= last - first + 1
                self._put(k, tick + first, tick + last + 1, refused)
                self.last_due = max(self.last_due, tick + last)
        return lost

    def _put(self, k: int, first: int, end: int, refused: Rates) -> None:
        """Let so much come in each of these ticks."""
        slots = self.due.shape[1]
        begin, count = first % slots, end - first
        self.due[k, begin : begin + count] += refused
        if begin + count > slots:
            self.due[k, : begin + count - slots] += refused

    @property
    def pending(self) -> Rates:
        """[row, path] requests per second × ticks that have not come back yet."""
        total: Rates = self.due.sum(axis=(0, 1))
        return total
