"""Where a value lies in a band: quantiles as a curve of standard deviations over the logarithm of the value."""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from campaign.traffic import QUANTILES

Floats = NDArray[np.float64]

NORMAL = NormalDist()
LEVELS_Z = np.array([NORMAL.inv_cdf(level) for level in QUANTILES.values()])
LEAST = 1e-9
NARROWEST = 0.02  # a band of hardly any width would make every value an extreme one
Z_MOST = 12.0


def z_scores(actual: Floats, quantiles: Floats) -> Floats:
    """How many standard deviations from the median each value is; NaN where value or band is not known.

    actual [n]; quantiles [quantile, n] in the order of `QUANTILES`. Between quantiles and beyond them the log of the
    value is straight in z, so that values far outside still differ. A band is taken at least two percent wide.
    """
    logs = np.log(np.maximum(quantiles, LEAST))
    value = np.log(np.maximum(actual, LEAST))
    p10, p50, p90, p99 = logs
    below = np.maximum((p50 - p10) / -LEVELS_Z[0], NARROWEST)
    above = np.maximum((p90 - p50) / LEVELS_Z[2], NARROWEST)
    beyond = np.maximum((p99 - p90) / (LEVELS_Z[3] - LEVELS_Z[2]), NARROWEST)
    away = value - p50
    corner = above * LEVELS_Z[2]
    z = np.where(away < 0, away / below, np.where(away <= corner, away / above, LEVELS_Z[2] + (away - corner) / beyond))
    found: Floats = np.where(np.isfinite(actual) & (quantiles[1] > 0), np.clip(z, -Z_MOST, Z_MOST), np.nan)
    return found


def percentile(z: float) -> float:
    """The share of comparable campaigns that stay below."""
    return NORMAL.cdf(z)


def known(value: float | None) -> float:
    """A figure that may be unknown, as arrays have it."""
    return math.nan if value is None else value
