"""Sample paths bent to the stack's middle: each keeps its distance from it, so that everything stays joint."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from campaign.plan import Plan
from campaign.settings import Settings
from forecast.epochs import HOUR, epoch
from forecast.evidence import Evidence
from forecast.learning import Learned, Prediction
from forecast.paths.grid import Grid
from forecast.stack.members import members_of
from forecast.stack.stack import STRUCTURAL, Stack, hours_since

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

LOG_RATIO_MOST = 2.0


@dataclass(frozen=True)
class Bend:
    """By how much the stack's middle lies above the structural model's, on the services at `touched`.

    hours: seconds since 1970; log_ratio [hour]; members: each member's middle on those services [hour].
    """

    hours: NDArray[np.int64]
    log_ratio: Floats
    touched: tuple[int, ...]
    members: Mapping[str, Floats]

    def at(self, grid: Grid) -> Floats:
        """The log ratio of every interval, straight between the middles of hours, none beyond the first and last."""
        middles = (grid.starts + grid.ends) / 2
        found: Floats = np.interp(middles, self.hours + HOUR / 2, self.log_ratio)
        return np.where((middles >= self.hours[0]) & (middles < self.hours[-1] + HOUR), found, 0.0)


def bend_of(
    prediction: Prediction,
    learned: Learned,
    evidence: Evidence,
    plans: Sequence[Plan],
    settings: Settings,
    stack: Stack,
    seed: int,
) -> Bend | None:
    """The stack's opinion beside the structural model's; None where that is the latter's own."""
    target = learned.target
    touched = tuple(i for i, name in enumerate(prediction.services) if target.touches(name))
    if not touched or stack.is_structural:
        return None
    hours, mine = hourly_means(prediction.grid, prediction.rates[:, list(touched)].sum(axis=1))
    structural = np.median(mine, axis=0)
    found = members_of(evidence, target, plans, settings, learned.baseline, hours, seed)
    members = {STRUCTURAL: structural, **found}
    middle = stack.middle(members, hours_since(epoch(target.starts_at), epoch(target.ends_at), hours))
    log_ratio = np.log(middle / np.maximum(structural, 1e-9))
    return Bend(hours, np.clip(log_ratio, -LOG_RATIO_MOST, LOG_RATIO_MOST), touched, members)


def hourly_means(grid: Grid, values: NDArray[np.floating]) -> tuple[NDArray[np.int64], Floats]:
    """Hours (seconds since 1970) and the means over them of values [..., interval]."""
    at = np.flatnonzero(np.concatenate([[True], np.diff(grid.starts // HOUR) != 0]))
    means = np.add.reduceat(values * grid.seconds, at, axis=-1) / np.add.reduceat(grid.seconds, at)
    return grid.starts[at] // HOUR * HOUR, np.asarray(means, dtype=np.float64)


def bent_rates(rates: Singles, grid: Grid, bend: Bend | None) -> Singles:
    """Paths [path, service, interval] with the touched services moved."""
    if bend is None:
        return rates
    moved = rates.copy()
    moved[:, list(bend.touched)] *= np.exp(bend.at(grid)).astype(np.float32)
    return moved
