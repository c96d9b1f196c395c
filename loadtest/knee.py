"""Where the p99 of one replica meets its objective: isotonic regression with a block bootstrap.

p99 is within the objective exactly where no more than one request in a hundred is slower. That share is made never to
fall with the rate, not log p99: steps that the regression pools then pool their requests, and a share is unbiased where
p99 of a short step is not. No shape of the curve is assumed: a line through the logarithm of the share lies too low
where some requests are slow even though nobody waits.

A step is one offered rate, held for some seconds; a block is one second of it. Neighbouring requests share a queue and
are not independent, so whole seconds are drawn, never single requests.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

Floats = NDArray[np.float64]
DRAWS = 400
SLOW_RATIO = 0.01
# Bootstrap of an isotonic fit with as many draws as steps is too sure of itself (Sen, Banerjee, Woodroofe 2010, Annals
# of Statistics 38, 1953); with fewer draws than steps it is not.
DRAWN_RATIO = 0.6


@dataclass(frozen=True)
class Step:
    """One offered rate and what was seen after its warm-up.

    counts: [second, bucket] requests whose response time (from the intended start) falls into each bucket.
    bucket_ms: upper edge of each bucket.
    intended, done: [second] requests meant for each second, and replies that came in it; mean_ms: mean response time.
    """

    offered_per_second: float
    mean_ms: float
    lag_p99_ms: float
    counts: NDArray[np.int64]
    bucket_ms: Floats
    intended: Floats
    done: Floats

    @property
    def achieved_per_second(self) -> float:
        """Replies per second."""
        return float(self.done.mean())

    @property
    def p99_ms(self) -> float:
        return self.quantile_ms(0.99)

    def slow_and_all(self, objective_ms: float) -> Floats:
        """[second, 2]: requests over the objective, and all requests."""
        over = self.counts[:, self.bucket_ms > objective_ms].sum(axis=1)
        return np.stack([over, self.counts.sum(axis=1)], axis=1).astype(np.float64)

    def quantile_ms(self, q: float) -> float:
        return _quantile(self.counts.sum(axis=0), self.bucket_ms, q)


@dataclass(frozen=True)
class Knee:
    """Requests per second at which p99 meets the objective, and its 95 % interval."""

    low: float
    mid: float
    high: float


def buckets_of(histograms: Sequence[HdrHistogram | None]) -> tuple[NDArray[np.int64], Floats]:
    """Histograms of one layout as counts [histogram, bucket], and the upper edge of each bucket that is used, in ms."""
    known = next((h for h in histograms if h is not None), None)
    if known is None:
        return np.zeros((len(histograms), 1), np.int64), np.ones(1)
    rows = np.zeros((len(histograms), known.counts_len), np.int64)
    for row, histogram in zip(rows, histograms, strict=True):
        if histogram is not None:
            row[:] = np.ctypeslib.as_array(histogram.counts)
    used = np.flatnonzero(rows.any(axis=0))
    edges = [known.get_highest_equivalent_value(known.get_value_from_index(int(i))) / 1000 for i in used]
    return rows[:, used], np.array(edges, dtype=np.float64)


def knee_point(steps: Sequence[Step], objective_ms: float) -> float | None:
    """The knee without its interval, or None where the objective holds at every step, or at none."""
    ordered = _ordered(steps)
    counts = [step.slow_and_all(objective_ms).sum(axis=0) for step in ordered]
    return _crossing(_rates(ordered), np.array(counts))


def find_knee(steps: Sequence[Step], objective_ms: float, rng: np.random.Generator) -> Knee | None:
    """The knee, or None where the objective holds at every step, or at none."""
    ordered = _ordered(steps)
    slow = [step.slow_and_all(objective_ms) for step in ordered]
    whole = knee_point(steps, objective_ms)
    if whole is None:
        return None
    draws = [_crossing(*_redrawn(_rates(ordered), slow, rng)) for _ in range(DRAWS)]
    known = [draw for draw in draws if draw is not None] or [whole]
    low, high = np.quantile(known, [0.025, 0.975])
    return Knee(float(min(low, whole)), whole, float(max(high, whole)))


def _ordered(steps: Sequence[Step]) -> list[Step]:
    return sorted(steps, key=lambda step: step.offered_per_second)


def _rates(steps: Sequence[Step]) -> Floats:
    return np.array([step.offered_per_second for step in steps])


def _redrawn(rates: Floats, slow: Sequence[Floats], rng: np.random.Generator) -> tuple[Floats, Floats]:
    """Steps drawn with replacement, and within each of them its seconds: both vary from run to run."""
    drawn = np.sort(rng.integers(0, len(slow), max(round(DRAWN_RATIO * len(slow)), 2)))
    blocks = [slow[i][rng.integers(0, len(slow[i]), len(slow[i]))].sum(axis=0) for i in drawn]
    return rates[drawn], np.array(blocks)


def _crossing(rates: Floats, slow_and_all: Floats) -> float | None:
    """Where the share of slow requests, made never to fall with the rate, passes `SLOW_RATIO`."""
    requests = np.maximum(slow_and_all[:, 1], 1.0)
    smooth = isotonic_regression(slow_and_all[:, 0] / requests, weights=requests).x
    above = int(np.searchsorted(smooth, SLOW_RATIO, side="right"))
    if above in (0, len(smooth)):
        return None
    # Half a request is the least a step can tell from nothing.
    left, right = np.log(np.maximum(smooth[above - 1 : above + 1], 0.5 / requests[above - 1 : above + 1]))
    share = min(max((np.log(SLOW_RATIO) - left) / (right - left), 0.0), 1.0) if right > left else 0.5
    return float(rates[above - 1] + share * (rates[above] - rates[above - 1]))


def _quantile(counts: NDArray[np.int64], bucket_ms: Floats, q: float) -> float:
    total = int(counts.sum())
    if not total:
        return float(bucket_ms[0])
    index = int(np.searchsorted(np.cumsum(counts), np.ceil(q * total)))
    return float(bucket_ms[min(index, len(bucket_ms) - 1)])
