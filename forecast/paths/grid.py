"""The intervals a forecast speaks of: minutes where demand jumps, coarser elsewhere when minutes would be too many."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from forecast.epochs import HOUR
from forecast.uplift.episodes import AROUND_SECONDS, since_nearest

SIDE_SECONDS = 6 * HOUR
MINUTES_MAX = 3600


@dataclass(frozen=True)
class Grid:
    """Intervals in time order without holes: starts (seconds since 1970) and lengths in seconds."""

    starts: NDArray[np.int64]
    seconds: NDArray[np.int64]

    @property
    def ends(self) -> NDArray[np.int64]:
        return self.starts + self.seconds


def make_grid(starts: int, ends: int, instants: NDArray[np.float64], finest: int, elsewhere: int) -> Grid:
    """Intervals over [starts, ends), whole hours at the outside.

    finest: the shortest bucket that history has (60 where it has minutes); elsewhere: what to use away from instants
    when the whole would be more than 3,600 intervals of the finest.
    """
    first, last = starts // HOUR * HOUR, -(-ends // HOUR) * HOUR
    if (last - first) / finest <= MINUTES_MAX:
        return _even(first, last, finest)
    coarse = _even(first, last, max(elsewhere, finest))
    near = np.abs(since_nearest(coarse.starts + coarse.seconds / 2, instants)) <= AROUND_SECONDS
    pieces = [
        _even(int(at), int(at + length), finest if close else int(length))
        for at, length, close in zip(coarse.starts, coarse.seconds, near, strict=True)
    ]
    return Grid(np.concatenate([p.starts for p in pieces]), np.concatenate([p.seconds for p in pieces]))


def _even(first: int, last: int, seconds: int) -> Grid:
    starts = np.arange(first, last, seconds, dtype=np.int64)
    return Grid(starts, np.full(len(starts), seconds, dtype=np.int64))
