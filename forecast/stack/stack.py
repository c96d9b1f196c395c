"""The stack: one middle out of the members', weighed and set right by what earlier campaigns taught."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from forecast.epochs import HOUR

Floats = NDArray[np.float64]
Positions = NDArray[np.int64]

STRUCTURAL, PROPHET_HELD, BOOSTING, ARMA = "structural", "prophet-held", "boosting", "regression-arma"
MEMBERS = (STRUCTURAL, PROPHET_HELD, BOOSTING, ARMA)
OUTSIDE = -1


@dataclass(frozen=True)
class Stack:
    """weights: of the members, summing to one; none leaves the structural model alone. course: by how much to correct
    each hour since a campaign's start, on the log scale [hour]."""

    weights: Mapping[str, float] = field(default_factory=dict)
    course: Floats = field(default_factory=lambda: np.zeros(0))

    @property
    def is_structural(self) -> bool:
        """Whether nothing but the structural model speaks."""
        return not self.course.any() and not any(self.weights.get(name, 0.0) > 0.0 for name in MEMBERS[1:])

    def middle(self, members: Mapping[str, Floats], since_start: Positions) -> Floats:
        """The members' weighted geometric mean [hour]; inside the campaign hours are corrected, their sum is kept.

        members: each one's middle [hour]; since_start: which hour of the campaign each is, `OUTSIDE` where of none.
        """
        plain = stacked(members, self.weights)
        known = (since_start >= 0) & (since_start < len(self.course))
        corrected = plain.copy()
        corrected[known] *= np.exp(self.course[since_start[known]])
        inside = since_start >= 0
        corrected[inside] *= plain[inside].sum() / max(float(corrected[inside].sum()), 1e-9)
        return corrected


def stacked(members: Mapping[str, Floats], weights: Mapping[str, float]) -> Floats:
    """Weighted geometric mean of the members' middles [hour]; members without a weight are left out."""
    used = {name: weights[name] for name in members if weights.get(name, 0.0) > 0.0}
    if not used or set(used) == {STRUCTURAL}:
        return members[STRUCTURAL]
    total = sum(used.values())
    logs = sum(weight / total * np.log(np.maximum(members[name], 1e-9)) for name, weight in used.items())
    return np.asarray(np.exp(logs), dtype=np.float64)


def hours_since(starts: int, ends: int, hours: Positions) -> Positions:
    """Which hour of a campaign [starts, ends) each of `hours` is, all in seconds since 1970; `OUTSIDE` for others."""
    inside = (hours > starts - HOUR) & (hours < ends)
    return np.where(inside, (hours - starts // HOUR * HOUR) // HOUR, OUTSIDE)
