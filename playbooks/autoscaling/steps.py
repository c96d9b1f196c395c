"""The cheapest step plan that covers a requirement: exact, by dynamic programming.

best[k][j] = min over i < j of best[k-1][i] + max(need[i:j]) * minutes(i, j): an upper envelope with at most k steps, so
it covers the requirement by construction. A step never needs to begin inside a run of equal minutes, so runs are what
is searched over: O(steps * runs^2), vectorised over steps and starts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class StepCover:
    """Steps in order: `starts` (minutes from the beginning, the first 0) and `replicas` held until the next."""

    starts: tuple[int, ...]
    replicas: tuple[int, ...]
    replica_minutes: int

    def by_minute(self, minutes: int) -> NDArray[np.int64]:
        """[minute]: the floor that holds."""
        return held(self.starts, self.replicas, minutes)


def held(starts: Sequence[int], replicas: Sequence[int], minutes: int) -> NDArray[np.int64]:
    """[minute]: the level of the latest step at each minute."""
    lengths = np.diff([*starts, minutes])
    return np.repeat(np.array(replicas, np.int64), lengths)


def cheapest_cover(need: NDArray[np.int64], steps_most: int) -> StepCover:
    """The step plan with the fewest replica-minutes over `need` [minute] with at most `steps_most` steps.

    Among plans that cost the same, the one with the fewest steps.
    """
    begins = np.flatnonzero(np.diff(need, prepend=need[0] - 1))
    level, lengths = need[begins], np.diff([*begins, len(need)])
    best, came_from = _search(level, lengths, min(steps_most, len(level)))
    steps = int(np.argmin(best[:, -1]))
    cuts = [len(level)]
    for k in range(steps, -1, -1):
        cuts.append(int(came_from[k, cuts[-1]]))
    cuts.reverse()
    replicas = [int(level[i:j].max()) for i, j in pairwise(cuts)]
    return StepCover(tuple(int(begins[i]) for i in cuts[:-1]), tuple(replicas), int(best[steps, -1]))


def _search(
    level: NDArray[np.int64], lengths: NDArray[np.int64], steps: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """best[k, j]: replica-minutes of the first j runs in at most k + 1 steps; came_from[k, j]: the last's begin."""
    runs, impossible = len(level), np.iinfo(np.int64).max // 4
    ends = np.concatenate([[0], np.cumsum(lengths)])
    best = np.full((steps, runs + 1), impossible, np.int64)
    came_from = np.zeros((steps, runs + 1), np.int64)
    best[:, 0] = 0
    most = np.zeros(runs, np.int64)
    for j in range(1, runs + 1):
        np.maximum(most[:j], level[j - 1], out=most[:j])
        last = most[:j] * (ends[j] - ends[:j])
        best[0, j] = last[0]
        if steps > 1:
            total = best[:-1, :j] + last
            came_from[1:, j] = total.argmin(axis=1)
            best[1:, j] = total.min(axis=1)
    return best, came_from
