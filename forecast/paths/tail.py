"""The far end of a peak's distribution: peaks over threshold, on misses of earlier campaigns in units of their width.

Beyond its 80 % quantile a standardised peak follows a generalised Pareto distribution (Pickands 1975; Coles 2001, 4).
Ten campaigns show two such excesses, so scale and shape are shrunk to what a slightly heavy normal tail has, and the
model's own tail keeps n0 / (n0 + n) of the say.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LEVEL, THRESHOLD = 0.8, 0.8416
MEAN_EXCESS, SHAPE = 0.56, 0.05
PSEUDO_EXCESSES, PSEUDO_SHAPES = 5.0, 20.0
PSEUDO_CAMPAIGNS = 5.0
Z90 = 1.2816
SHAPE_LEAST, SHAPE_MOST = -0.3, 0.4


@dataclass(frozen=True)
class Tail:
    """A generalised Pareto tail in calibrated widths; say_ratio: how much it counts beside the model's own."""

    shape: float = SHAPE
    scale: float = MEAN_EXCESS * (1.0 - SHAPE)
    say_ratio: float = 0.0

    def beyond(self, level: Floats) -> Floats:
        """How far the quantiles at `level` (0.8 and above) lie beyond the threshold, in widths."""
        left = np.maximum((1.0 - level) / (1.0 - LEVEL), 1e-9)
        if abs(self.shape) < 1e-6:
            return np.asarray(-self.scale * np.log(left))
        return np.asarray(self.scale * (left**-self.shape - 1.0) / self.shape)


def tail_from(standardised: Floats, weights: Floats) -> Tail:
    """The tail after earlier misses [campaign], in calibrated widths, with the weight of each."""
    over = standardised > THRESHOLD
    excess, share = standardised[over] - THRESHOLD, weights[over]
    count = float(share.sum())
    mean = (PSEUDO_EXCESSES * MEAN_EXCESS + float(share @ excess)) / (PSEUDO_EXCESSES + count)
    found = SHAPE
    if over.sum() >= 3 and count > 0:
        middle = float(share @ excess) / count
        variance = float(share @ (excess - middle) ** 2) / count
        found = 0.5 * (1.0 - middle**2 / max(variance, 1e-6))  # method of moments
    shape = float(np.clip((PSEUDO_SHAPES * SHAPE + count * found) / (PSEUDO_SHAPES + count), SHAPE_LEAST, SHAPE_MOST))
    known = float(weights.sum())
    return Tail(shape, mean * (1.0 - shape), known / (known + PSEUDO_CAMPAIGNS))


def tailed(apart: Floats, levels: Floats, start: float, width: float, tail: Tail) -> Floats:
    """Log deviations of peaks from their median, with those above the 80 % quantile where the tail wants them.

    levels: the probability of each deviation; start: the deviation at 80 %; width: one standard deviation.
    """
    high = levels > LEVEL
    moved = apart.copy()
    wanted = start + width * tail.beyond(levels[high])
    moved[high] = (1.0 - tail.say_ratio) * apart[high] + tail.say_ratio * wanted
    return moved


def tailed_draws(apart: Floats, tail: Tail) -> Floats:
    """The same for draws, whose levels are their ranks; their order stays."""
    if tail.say_ratio == 0.0 or len(apart) < 2:
        return apart
    levels = np.empty(len(apart))
    levels[np.argsort(apart, kind="stable")] = (np.arange(len(apart)) + 0.5) / len(apart)
    start = float(np.max(apart[levels <= LEVEL]))
    width = max(float(np.quantile(apart, 0.9)) / Z90, 1e-3)
    return tailed(apart, levels, start, width, tail)
