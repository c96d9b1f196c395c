"""How far single intervals lie off what was expected: up and down apart, busy ones before quiet ones, and for how long.

Nights scatter most on the log scale and make no peak, and what keeps people away (rain, an outage) says nothing about
how many can come: so every deviation counts as much as the traffic it moved, and each side has its own spread.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecast.epochs import HOUR

Floats = NDArray[np.float64]

SD_MIN = 0.01
LOG_RATE_MOST = 6.0
HOURS_LEAST = 24
CORRELATION_UNKNOWN, CORRELATION_MOST = 0.5, 0.97
LASTING_SECONDS_LEAST, LASTING_SECONDS_MOST = 1800.0, 6.0 * HOUR


@dataclass(frozen=True)
class Scatter:
    """Deviations on the log scale by service: up, down: the spread of each half [service], as the standard deviation of
    a normal distribution cut in the middle; correlation: what the next hour keeps of an hour's own [service]."""

    up: Floats
    down: Floats
    correlation: Floats

    @staticmethod
    def joined(parts: Sequence[Scatter]) -> Scatter:
        """Services put together."""
        return Scatter(*(np.concatenate([getattr(p, name) for p in parts]) for name in ("up", "down", "correlation")))

    def kept_ratio(self, seconds: float) -> Floats:
        """How much of a deviation is left after so many seconds [service], as the hours' correlation says."""
        lasting = -HOUR / np.log(np.maximum(self.correlation, 1e-3))
        return np.exp(-seconds / np.clip(lasting, LASTING_SECONDS_LEAST, LASTING_SECONDS_MOST))


def scatter_of(left: Floats, log_rates: Floats) -> Scatter:
    """One service's scatter from what is left of its hours [hour] (NaN where not known) after `log_rates`."""
    known = ~np.isnan(left)
    weights = np.where(known, busyness(log_rates, float(np.median(log_rates[known]))), 0.0)
    up, down = sides(np.nan_to_num(left), weights)
    return Scatter(np.array([max(up, SD_MIN)]), np.array([max(down, SD_MIN)]), np.array([_correlation(left, weights)]))


def busyness(log_rates: Floats, log_usual: float) -> Floats:
    """Weights in proportion to the traffic, one at the usual rate."""
    weights: Floats = np.exp(np.clip(log_rates - log_usual, -LOG_RATE_MOST, LOG_RATE_MOST))
    return weights


def sides(left: Floats, weights: Floats, prior_sd: float = 0.0, prior_weight: float = 1e-9) -> tuple[float, float]:
    """Root mean square of what lies above and of what lies below, each shrunk to `prior_sd`."""
    found = []
    for use in (left > 0, left < 0):
        total = prior_weight * prior_sd**2 + float(np.sum(weights[use] * left[use] ** 2))
        found.append(float(np.sqrt(total / (prior_weight + float(np.sum(weights[use]))))))
    return found[0], found[1]


def _correlation(left: Floats, weights: Floats) -> float:
    a, b = left[:-1], left[1:]
    both = ~np.isnan(a) & ~np.isnan(b)
    if both.sum() < HOURS_LEAST:
        return CORRELATION_UNKNOWN
    a, b, w = a[both], b[both], weights[:-1][both]
    size = np.sqrt(float(np.sum(w * a**2)) * float(np.sum(w * b**2)))
    return float(np.clip(np.sum(w * a * b) / max(size, 1e-12), 0.0, CORRELATION_MOST))


def two_sided(normal: NDArray[np.floating], up: Floats, down: Floats) -> Floats:
    """Standard normal deviations stretched on each side by its own spread."""
    return np.asarray(normal * np.where(normal > 0, up, down))
