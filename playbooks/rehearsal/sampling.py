"""What is not known for sure, drawn once for each path: what a replica carries, what the bot takes off, who orders.

Latin hypercube (McKay, Beckman and Conover 1979): each range is cut into as many equal shares as there are paths, and
each share is used once, in an order of its own. Ranges are read as triangular distributions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import triang

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Uncertain:
    """capacity: [service, path] requests per second of one replica. conversion: [path] orders of a visit, one where it
    is the funnel's. bot: [path] in (0, 1), where in the bot's ranges each path lies.
    """

    capacity: Floats
    conversion: Floats
    bot: Floats

    def on(self, chosen: NDArray[np.integer]) -> Uncertain:
        """Some of the paths."""
        return Uncertain(self.capacity[:, chosen], self.conversion[chosen], self.bot[chosen])


def even_draws(rng: np.random.Generator, paths: int) -> Floats:
    """[path] in (0, 1): the middle of each of so many equal shares, in any order."""
    found: Floats = (rng.permutation(paths) + 0.5) / paths
    return found


def triangular(low: float, mid: float, high: float, draws: Floats) -> Floats:
    """A range read at `draws` in (0, 1)."""
    if high <= low:
        return np.full_like(draws, mid)
    found: Floats = triang.ppf(draws, (mid - low) / (high - low), loc=low, scale=high - low)
    return found
