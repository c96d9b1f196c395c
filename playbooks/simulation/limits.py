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


def let_in(load: Rates, limits: Sequence[RateLimit], minute: int) -> Rates:
    """What of `load` [row, path] passes all limits, one after the other; the load itself where there are none."""
    passed = load
    for limit in limits:
        rows = list(limit.used_by)
        weights = np.array([limit.used_by[row] for row in rows])[:, None]
        wanted = (weights * passed[rows]).sum(axis=0)
        allowed = limit.at(minute)
        if wanted.max() > allowed:
            passed = passed.copy()
            passed[rows] *= np.minimum(1.0, allowed / np.maximum(wanted, 1e-12))
    return passed
