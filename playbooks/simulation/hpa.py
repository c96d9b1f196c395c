"""Kubernetes' HorizontalPodAutoscaler in its own arithmetic, on whole arrays at once.

Source: kubernetes/kubernetes, pkg/controller/podautoscaler/horizontal.go and replica_calculator.go (v1.32), with the
defaults of autoscaling/v2 `behavior`: up by the larger of 100 % and 4 pods per 15 s at once, down only to the largest
recommendation of the last 300 s. All arrays broadcast against [row, path].
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Counts = NDArray[np.int64]
Rates = NDArray[np.float64]

TOLERANCE_RATIO = 0.1
SYNC_SECONDS = 15
UP_PODS = 4
DOWN_WINDOW_SECONDS = 300
ROUNDING = 1e-9


def wanted_by_utilization(utilization_ratio: Rates, target_ratio: Rates, ready: Counts, unready: Counts) -> Counts:
    """Replicas that a Resource metric (CPU utilisation of the ready pods) asks for.

    On the way up unready pods count as idle, and a change of direction by counting them means no change
    (GetResourceReplicas). Without any ready pod there is no metric and nothing changes.
    """
    replicas = ready + unready
    ratio = utilization_ratio / target_ratio
    wanted = np.ceil(ratio * ready - ROUNDING).astype(np.int64)
    steady = np.abs(1 - ratio) <= TOLERANCE_RATIO
    if unready.any():
        spread = ratio * ready / np.maximum(replicas, 1)
        careful = (unready > 0) & (ratio > 1)
        steady = np.where(careful, (spread <= 1 + TOLERANCE_RATIO) | (wanted < replicas), steady)
    return np.where(steady | (ready == 0), replicas, wanted)


def wanted_by_rate(requests_per_second: Rates, target_per_replica: Rates, replicas: Counts) -> Counts:
    """Replicas that an External metric of type AverageValue asks for (GetExternalPerPodMetricReplicas)."""
    ratio = requests_per_second / (target_per_replica * np.maximum(replicas, 1))
    wanted = np.ceil(requests_per_second / target_per_replica - ROUNDING).astype(np.int64)
    return np.where(np.abs(1 - ratio) <= TOLERANCE_RATIO, replicas, wanted)


def next_replicas(wanted: Counts, recent_most: Counts, replicas: Counts, floor: Any, ceiling: Any) -> Counts:
    """What the controller sets: stabilised, within the scale-up policy, within minReplicas and maxReplicas.

    `recent_most` is the largest recommendation of the down window, this one included. Below minReplicas the controller
    jumps at once: neither tolerance nor policy applies on that branch.
    """
    stabilised = np.where(wanted > replicas, wanted, np.minimum(replicas, recent_most))
    limit = np.maximum(2 * replicas, replicas + UP_PODS)
    followed = np.minimum(np.maximum(np.minimum(stabilised, limit), floor), ceiling)
    set_to: Counts = np.where(replicas < floor, floor, followed)
    return set_to


def sure_growth(target_ratio: float) -> float:
    """By how much replicas surely grow within one start-up under full load, by CPU: utilisation ends at 100 % however
    much is asked, and within the tolerance nothing changes."""
    return 1 / ((1 + TOLERANCE_RATIO) * target_ratio)


def surely_ready(asked: Rates, floor: Counts, lag: int, window: int, per_replica: float, growth: float) -> Counts:
    """Replicas that are ready in each interval, the last axis of `asked` [..., interval] requests per second.

    Those of `floor` [..., interval], or of an HPA the fewest that its tolerance allows for what was asked in the
    `window` before, in which it does not scale down, ever since they had to start `lag` intervals ago; no more than
    `growth` times those that were ready then. per_replica: what one carries at the HPA's target.
    """
    heeded = _over_the_last(np.maximum, asked, window)
    ever_since = _over_the_last(np.minimum, heeded, lag)
    wanted = np.ceil(ever_since / ((1 + TOLERANCE_RATIO) * per_replica) - ROUNDING).astype(np.int64)
    ready: Counts = np.maximum(wanted, floor)
    if not lag or np.isinf(growth):
        return ready
    least = np.broadcast_to(floor, ready.shape)
    for first in range(lag, ready.shape[-1], lag):
        now, before = ready[..., first : first + lag], ready[..., first - lag : first]
        grown = np.ceil(growth * before[..., : now.shape[-1]] - ROUNDING).astype(np.int64)
        now[:] = np.maximum(np.minimum(now, grown), least[..., first : first + lag])
    return ready


def _over_the_last(most: np.ufunc, values: Rates, before: int) -> Rates:
    """The largest (or least) of each value of the last axis and the `before` ahead of it; the first stands for what is
    ahead of all."""
    at = np.arange(values.shape[-1])
    found = values
    for earlier in range(1, before + 1):
        found = most(found, values[..., np.maximum(at - earlier, 0)])
    return found
