"""People called in to a desk while the event runs, on each path by itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]
HALF_HOUR_MINUTES = 30


@dataclass
class Called:
    """people: [path, half_hour] more on shift, parts of a half-hour in proportion. times, most: [path] how often
    somebody was called in, and how many at most. first_at: [path] seconds of UTC at which it was decided first; zero.
    """

    people: Floats
    times: Counts = field(init=False)
    most: Counts = field(init=False)
    first_at: Counts = field(init=False)

    def __post_init__(self) -> None:
        self.times, self.most, self.first_at = (np.zeros(len(self.people), np.int64) for _ in range(3))

    @classmethod
    def nobody(cls, shape: tuple[int, ...]) -> Called:
        return cls(np.zeros(shape))

    def add(
        self, paths: NDArray[np.intp], wanted: Counts, decided_at: datetime, after: timedelta, stays: timedelta
    ) -> None:
        """So many altogether on each of the `paths`, from `after` the first half-hour begins on, as long as each stays:
        who is there stays longer, whoever is missing comes."""
        some = wanted > 0
        paths, wanted = paths[some], wanted[some]
        begins = np.arange(self.people.shape[1]) * HALF_HOUR_MINUTES - after / timedelta(minutes=1)
        ends = np.minimum(begins + HALF_HOUR_MINUTES, stays / timedelta(minutes=1))
        share = np.clip((ends - np.maximum(begins, 0.0)) / HALF_HOUR_MINUTES, 0.0, 1.0)
        self.people[paths] = np.maximum(self.people[paths], wanted[:, None] * share)
        self.first_at[paths[self.times[paths] == 0]] = int(decided_at.timestamp())
        self.times[paths] += 1
        self.most[paths] = np.maximum(self.most[paths], wanted)


CallIn = Callable[[Floats], dict[str, Called]]
"""Whom each desk calls in, by its name, for the contacts [path, half_hour] of all desks that come."""
