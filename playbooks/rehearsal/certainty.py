"""How sure a share of the paths is: Clopper-Pearson's interval, and how many paths would decide.

Clopper and Pearson, Biometrika 26, 1934: the shares under which so few, or so many, hits would be no rarer than 2.5 %
each. It never covers less than it says, whatever the share, which Wilson's does near zero, where risks live.
"""

from __future__ import annotations

import math

from scipy.stats import beta

from campaign.numbers import percent
from playbooks.rehearsal.record import CONFIDENCE_RATIO, Interval

MOST_PATHS = 1_000_000


def interval(hits: int, paths: int) -> Interval:
    """The shares that `hits` of `paths` do not speak against."""
    return _interval(hits, paths)


def _interval(hits: float, paths: int) -> Interval:
    tail = (1 - CONFIDENCE_RATIO) / 2
    low = float(beta.ppf(tail, hits, paths - hits + 1)) if hits > 0 else 0.0
    high = float(beta.ppf(1 - tail, hits + 1, paths - hits)) if hits < paths else 1.0
    return Interval(low=low, high=high)


def paths_that_decide(ratio: float, accepted_ratio: float, paths: int) -> int | None:
    """The fewest paths, to two digits, whose interval leaves the accepted share out if `ratio` stays as it is.

    None where more than a million would not.
    """

    def decided(count: int) -> bool:
        found = _interval(ratio * count, count)
        return found.high <= accepted_ratio or found.low > accepted_ratio

    if not decided(MOST_PATHS):
        return None
    undecided, deciding = paths, MOST_PATHS
    while deciding - undecided > max(1, undecided // 100):
        middle = (undecided + deciding) // 2
        undecided, deciding = (undecided, middle) if decided(middle) else (middle, deciding)
    unit = int(10 ** max(0, int(math.log10(deciding)) - 1))
    return math.ceil(deciding / unit) * unit


def in_range(found: Interval) -> str:
    """`0.5 – 1.4 %`."""
    return f"{percent(found.low).removesuffix(' %')} – {percent(found.high)}"


def with_interval(ratio: float, found: Interval) -> str:
    """A share as people read it: `0.9 % (0.5 – 1.4 %)`."""
    return f"{percent(ratio)} ({in_range(found)})"
