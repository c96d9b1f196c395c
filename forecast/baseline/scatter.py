"""How far single intervals lie off what was expected: up and down apart, busy ones before quiet ones, and for how long.

Nights scatter most on the log scale and make no peak, and what keeps people away (rain, an outage) says nothing about
how many can come: so every deviation counts as much as the traffic it moved, and each side has its own spread. Where
single requests can be counted on fingers, part of the scatter is that counting: it shrinks as more come, and its upper
tail is shorter than a log-normal one (Poisson), so that it is taken out and drawn by itself.
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
MANY_REQUESTS = 2500.0


@dataclass(frozen=True)
class Scatter:
    """Deviations on the log scale by service: up, down: the spread of each half [service], as the standard deviation of
    a normal distribution cut in the middle; correlation: what the next hour keeps of an hour's own [service]; counted:
    variance of a count over its mean, beside that: one for requests that come by themselves, zero where hours have so
    many that it does not show [service]."""

    up: Floats
    down: Floats
    correlation: Floats
    counted: Floats

    @staticmethod
    def joined(parts: Sequence[Scatter]) -> Scatter:
        """Services put together."""
        names = ("up", "down", "correlation", "counted")
        return Scatter(*(np.concatenate([getattr(p, name) for p in parts]) for name in names))

    def kept_ratio(self, seconds: float) -> Floats:
        """How much of a deviation is left after so many seconds [service], as the hours' correlation says."""
        lasting = -HOUR / np.log(np.maximum(self.correlation, 1e-3))
        return np.exp(-seconds / np.clip(lasting, LASTING_SECONDS_LEAST, LASTING_SECONDS_MOST))


def scatter_of(left: Floats, log_rates: Floats) -> Scatter:
    """One service's scatter from what is left of its hours [hour] (NaN where not known) after `log_rates`."""
    known = ~np.isnan(left)
    weights = np.where(known, busyness(log_rates, float(np.median(log_rates[known]))), 0.0)
    single = of_counting(np.exp(log_rates) * HOUR)
    counted = counted_ratio(np.nan_to_num(left), single, weights)
    up, down = sides(np.nan_to_num(left), weights, counted * single)
    kept = _correlation(left, weights, counted * single)
    return Scatter(*(np.array([value]) for value in (max(up, SD_MIN), max(down, SD_MIN), kept, counted)))


def of_counting(requests: Floats) -> Floats:
    """Variance of a Poisson count of expected `requests` on the log scale, near enough for a handful too."""
    found: Floats = 1.0 / (requests + 1.0)
    return found


def counted_ratio(left: Floats, single: Floats, weights: Floats) -> float:
    """How much of a Poisson count's variance, `single` [hour] on the log scale, there is room for in what is left."""
    poisson = float(np.sum(weights * single)) / max(float(np.sum(weights)), 1e-12)
    if poisson < 1.0 / MANY_REQUESTS:
        return 0.0
    return min(float(np.sum(weights * left**2)) / float(np.sum(weights * single)), 1.0)


def busyness(log_rates: Floats, log_usual: float) -> Floats:
    """Weights in proportion to the traffic, one at the usual rate."""
    weights: Floats = np.exp(np.clip(log_rates - log_usual, -LOG_RATE_MOST, LOG_RATE_MOST))
    return weights


def sides(
    left: Floats, weights: Floats, counting: Floats, prior_sd: float = 0.0, prior_weight: float = 1e-9
) -> tuple[float, float]:
    """Root mean square of what lies above and of what lies below beside the variance of counting [hour], each shrunk to
    `prior_sd`."""
    found = []
    for use in (left > 0, left < 0):
        own = float(np.sum(weights[use] * (left[use] ** 2 - counting[use])))
        total = prior_weight * prior_sd**2 + max(own, 0.0)
        found.append(float(np.sqrt(total / (prior_weight + float(np.sum(weights[use]))))))
    return found[0], found[1]


def _correlation(left: Floats, weights: Floats, counting: Floats) -> float:
    a, b = left[:-1], left[1:]
    both = ~np.isnan(a) & ~np.isnan(b)
    if both.sum() < HOURS_LEAST:
        return CORRELATION_UNKNOWN
    a, b, w = a[both], b[both], weights[:-1][both]
    single_a, single_b = counting[:-1][both], counting[1:][both]
    size = np.sqrt(max(float(np.sum(w * (a**2 - single_a))), 0.0) * max(float(np.sum(w * (b**2 - single_b))), 0.0))
    return float(np.clip(np.sum(w * a * b) / max(size, 1e-12), 0.0, CORRELATION_MOST))


def two_sided(normal: NDArray[np.floating], up: Floats, down: Floats) -> Floats:
    """Standard normal deviations stretched on each side by its own spread."""
    return np.asarray(normal * np.where(normal > 0, up, down))


def count_factors(
    requests: NDArray[np.floating], counted: float, paths: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """What counting makes of expected `requests` [interval], around one [path, interval].

    Gamma with the mean and the variance of the count: rates stay rates, and no interval is empty on most paths.
    """
    shape = np.maximum(requests, 1e-3) / counted
    drawn = rng.standard_gamma(shape, (paths, len(shape)))
    return np.asarray(np.maximum(drawn / shape, 1e-6), dtype=np.float32)
