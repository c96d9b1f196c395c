"""How many replicas each minute needs: a demand quantile over sample paths, divided by what one replica carries.

When the forecast's error dominates the randomness of arrivals, the newsvendor quantile is the right safety margin and
square-root staffing is not (Bassamboo, Randhawa, Zeevi, Management Science 56(10), 2010).
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

Minutes = NDArray[np.int64]
ROUNDING = 1e-6
CONFIDENCE_RATIO = 0.95  # of what is said surely, both sides together


def demand_quantile(rates: NDArray[np.float32], quantile_ratio: float) -> NDArray[np.float64]:
    """[minute]: the path value not exceeded with that probability; `rates` [path, minute].

    The next larger path is taken, never a value between two: with few paths the answer errs on the safe side.
    """
    found: NDArray[np.float64] = np.quantile(rates.astype(np.float64), quantile_ratio, axis=0, method="higher")
    return found


def sure_quantile(rates: NDArray[np.float32], quantile_ratio: float) -> NDArray[np.float64]:
    """[minute]: the path value that surely no larger share of all events exceeds than 1 - `quantile_ratio`.

    A quantile read off some paths is itself uncertain; planned for exactly, it is missed as often as not. This is its
    upper confidence limit whatever the distribution (Wilks, Annals of Mathematical Statistics 12, 1941): the path with
    as many above it as `paths_above` says, the largest where even none would leave it open.
    """
    rank = len(rates) - 1 - max(paths_above(len(rates), 1 - quantile_ratio), 0)
    found: NDArray[np.float64] = np.partition(rates, rank, axis=0)[rank].astype(np.float64)
    return found


@cache
def paths_above(paths: int, ratio: float) -> int:
    """The most of so many paths that may be above while the share of all events that is surely stays within `ratio`.

    -1: not even none of them. By Clopper and Pearson's interval, as the rehearsal judges: surely means 97.5 %.
    """
    tail = (1 - CONFIDENCE_RATIO) / 2
    hits = np.arange(paths)
    highest = np.asarray(beta.ppf(1 - tail, hits + 1, paths - hits))
    return int((highest <= ratio).sum()) - 1


def replicas_for(rates: NDArray[np.float64], capacity_per_replica: float, multiple: int = 1) -> Minutes:
    """Whole replicas that carry these requests per second, a multiple of `multiple` (zones, pairs)."""
    units = np.ceil(rates / (capacity_per_replica * multiple) - ROUNDING).astype(np.int64)
    return np.maximum(units, 0) * multiple


def widened(replicas: Minutes, before_minutes: int, after_minutes: int) -> Minutes:
    """Each minute holds the most of the minutes from `before_minutes` ago to `after_minutes` ahead.

    Ahead covers a drop that comes early and the time replicas take to start; behind covers a drop that comes late.
    """
    span = before_minutes + after_minutes + 1
    padded = np.pad(replicas, (before_minutes, after_minutes), mode="edge")
    windows = np.lib.stride_tricks.sliding_window_view(padded, span)
    most: Minutes = windows.max(axis=1)
    return most


def newsvendor_ratio(cost_of_one_short: float, cost_of_one_over: float) -> float:
    """The quantile at which one more replica-hour costs as much as it saves: Cu / (Cu + Co)."""
    return cost_of_one_short / (cost_of_one_short + cost_of_one_over)
