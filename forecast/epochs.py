"""Aware datetimes, naive UTC arrays and seconds since 1970: one place that turns one into the other."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

MINUTE = 60
HOUR = 3600
DAY = 86400


def epoch(moment: datetime) -> int:
    """Whole seconds since 1970 of an aware datetime."""
    return int(moment.timestamp())


def moment_of(seconds: float) -> datetime:
    """The aware UTC datetime of seconds since 1970."""
    return datetime.fromtimestamp(int(seconds), UTC)


def epochs(times: Any) -> NDArray[np.int64]:
    """Seconds since 1970 of naive UTC times (array, index or column)."""
    return np.asarray(times, dtype="datetime64[s]").astype(np.int64)


def naive_utc(seconds: NDArray[np.int64]) -> NDArray[np.datetime64]:
    """Naive UTC datetime64[s] of seconds since 1970."""
    return np.asarray(seconds, dtype=np.int64).astype("datetime64[s]")


def hours_index(starts: int, ends: int) -> pd.DatetimeIndex:
    """Whole hours (naive UTC) that cover [starts, ends), in seconds since 1970."""
    first, last = starts // HOUR, -(-ends // HOUR)
    return pd.DatetimeIndex(naive_utc(np.arange(first, last, dtype=np.int64) * HOUR))
