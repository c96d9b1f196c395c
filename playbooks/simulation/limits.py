"""What lets requests in before they reach a service: rate limits of one service, and rates that several share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from playbooks.simulation.hpa import Rates


@dataclass(frozen=True)
class RateLimit:
    """At most so many units a second in each minute [minute], or at all times; `used_by` {row: units of one request}.

    A service's own rate limit is one row with 1.0; a payment channel is shared by all rows that call it. Where more is
    wanted every user keeps the same share: a visit needs them all.
    """

    name: str
    used_by: dict[int, float]
    units_per_second: float | Rates

    def at(self, minute: int) -> float:
        if isinstance(self.units_per_second, np.ndarray):
            return float(self.units_per_second[minute])
        return self.units_per_second


@dataclass
class Gates:
    """Limits while an event is played, one after the other. What passed is kept for as long as the same load comes."""

    limits: Sequence[RateLimit]
    _rows: list[list[int]]
    _weights: list[Rates]
    _last: tuple[Rates, int, Rates] | None = None

    @classmethod
    def of(cls, limits: Sequence[RateLimit]) -> Gates:
        weights = [np.array(list(limit.used_by.values()))[:, None] for limit in limits]
        return cls(limits, [list(limit.used_by) for limit in limits], weights)

    def let_in(self, load: Rates, minute: int) -> Rates:
        """What of `load` [row, path] passes all limits; the load itself where all of it does."""
        if not self.limits:
            return load
        if self._last is None or self._last[0] is not load or self._last[1] != minute:
            self._last = (load, minute, self._passed(load, minute))
        return self._last[2]

    def _passed(self, load: Rates, minute: int) -> Rates:
        passed = load
        for limit, rows, weights in zip(self.limits, self._rows, self._weights, strict=True):
            wanted = (weights * passed[rows]).sum(axis=0)
            allowed = limit.at(minute)
            if wanted.max() > allowed:
                if passed is load:
                    passed = load.copy()
                passed[rows] *= np.minimum(1.0, allowed / np.maximum(wanted, 1e-12))
        return passed
