"""What earlier forecasts missed hour by hour: campaigns of a kind have a course of their own that no plan tells."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Positions = NDArray[np.int64]

PSEUDO_CAMPAIGNS = 3.0
MISS_MOST = 1.5
SMOOTHED_HOURS = 3


def missed(actual: Floats, middle: Floats) -> Floats:
    """Log of what came over what was forecast [hour], beside the whole campaign's own; NaN where nothing came."""
    logs = np.full(len(actual), np.nan)
    came = actual > 0
    logs[came] = np.log(actual[came] / np.maximum(middle[came], 1e-9))
    if came.any():
        logs -= np.average(logs[came], weights=np.maximum(middle[came], 1e-9))
    return np.asarray(np.clip(logs, -MISS_MOST, MISS_MOST))


def course_from(misses: Sequence[tuple[Positions, Floats]]) -> Floats:
    """By how much to correct each hour since a campaign's start, on the log scale [hour].

    misses: of each earlier campaign of the kind the hours since its start and what was missed in them. A mean against
    three that missed nothing, smoothed over three hours.
    """
    length = max((int(hours.max(initial=-1)) + 1 for hours, _ in misses), default=0)
    if length == 0:
        return np.zeros(0)
    total, known = np.zeros(length), np.zeros(length)
    for hours, logs in misses:
        told = ~np.isnan(logs)
        total[hours[told]] += logs[told]
        known[hours[told]] += 1.0
    course = np.pad(total / (known + PSEUDO_CAMPAIGNS), SMOOTHED_HOURS // 2, mode="edge")
    return np.convolve(course, np.full(SMOOTHED_HOURS, 1.0 / SMOOTHED_HOURS), mode="valid")
