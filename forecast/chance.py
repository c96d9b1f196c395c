"""What is drawn by chance, apart from what a plan says: versions of one plan are compared on the same draws."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecast.learning import Learned, joint_draws
from forecast.paths.joint import Draws, Setting, noise_factors
from forecast.uplift.pooled import Uplift


@dataclass(frozen=True)
class Chance:
    """Draws of everything that is learned, and the intervals' own noise around one [path, service, interval].

    uplift: whose parameters were drawn; settings: the intervals, and how far each lies inside a campaign.
    """

    draws: Draws
    noise: NDArray[np.float32]
    uplift: Uplift
    settings: tuple[Setting, ...]

    def holds(self, learned: Learned, settings: Sequence[Setting]) -> bool:
        """Whether drawing anew would give the same."""
        return self.uplift is learned.uplift and all(
            np.array_equal(mine.grid.starts, its.grid.starts)
            and np.array_equal(mine.grid.seconds, its.grid.seconds)
            and np.array_equal(mine.inside, its.inside)
            for mine, its in zip(self.settings, settings, strict=True)
        )


def chance_of(learned: Learned, settings: tuple[Setting, ...], paths: int, seed: int) -> Chance:
    """The same for the same seed, as a prediction draws it."""
    draws, rng = joint_draws(learned, paths, seed)
    noise = noise_factors(settings, learned.uplift, learned.baseline, paths, learned.minute_sd, rng)
    return Chance(draws, noise, learned.uplift, settings)
