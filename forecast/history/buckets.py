"""Bucket lengths read off the starts of buckets, and buckets that lie over each other."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Seconds = NDArray[np.int64]
Rates = NDArray[np.float64]

HOUR_SECONDS = 3600
LENGTHS_SECONDS = tuple(n for n in range(60, HOUR_SECONDS + 1, 60) if HOUR_SECONDS % n == 0)
WITNESSES = 9


@dataclass(frozen=True)
class Series:
    """One service's buckets in time order, none over another; a missing bucket has no entry.

    starts: seconds of UTC; lengths: seconds; rates: requests per second.
    """

    starts: Seconds
    lengths: Seconds
    rates: Rates

    @property
    def ends(self) -> Seconds:
        return self.starts + self.lengths

    def __len__(self) -> int:
        return len(self.starts)

    def within(self, starts_at: float, ends_at: float) -> Series:
        """The buckets that begin in [starts_at, ends_at), in seconds of UTC."""
        return self.part(slice(*np.searchsorted(self.starts, [starts_at, ends_at])))

    def before(self, instant: float) -> Series:
        """The buckets that have ended by that instant: the others were not yet known."""
        count = int(np.searchsorted(self.starts, instant))
        if count and self.starts[count - 1] + self.lengths[count - 1] > instant:
            count -= 1
        return self.part(slice(0, count))

    def part(self, which: slice | NDArray[np.bool_]) -> Series:
        return Series(self.starts[which], self.lengths[which], self.rates[which])

    def times(self, factor: float) -> Series:
        return Series(self.starts, self.lengths, self.rates * factor)


def bucket_lengths(starts: Seconds) -> Seconds:
    """Each bucket's length in seconds, from distinct starts in order.

    A step to the next start that most of the steps before it, or after it, share, and one of its two neighbours, is the
    length; any other step is a gap, and the length is that of the neighbours. A single start tells nothing: zero.
    """
    if len(starts) < 2:
        return np.zeros(len(starts), dtype=np.int64)
    steps = np.diff(starts)
    if steps[0] <= HOUR_SECONDS and (steps == steps[0]).all():
        return np.broadcast_to(steps[0], len(starts))
    lengths = np.append(steps, steps[-1])
    doubtful = np.flatnonzero(_doubtful(lengths))
    if len(doubtful) == 0:
        return lengths
    before = _prevailing(steps, doubtful, -1)
    after = _prevailing(steps, doubtful, +1)
    own, previous = lengths[doubtful], lengths[np.maximum(doubtful - 1, 0)]
    own[doubtful == len(starts) - 1] = HOUR_SECONDS * 24 * 366
    following = steps[np.minimum(doubtful + 1, len(steps) - 1)]
    usual = ((own == before) | (own == after)) & ((own == previous) | (own == following))
    follows_on = (previous == before) | (previous == after)
    lengths[doubtful] = np.where(usual, own, np.minimum(own, np.where(follows_on, previous, np.minimum(before, after))))
    return lengths


def _doubtful(steps: Seconds) -> NDArray[np.bool_]:
    """Whether a step stands in a run of equal steps too short to speak for itself, or is longer than any bucket."""
    run = np.concatenate([[0], np.cumsum(steps[1:] != steps[:-1])])
    sizes = np.bincount(run)[run]
    doubtful: NDArray[np.bool_] = (sizes <= WITNESSES) | (steps > HOUR_SECONDS)
    doubtful[-1] = True
    return doubtful


def _prevailing(steps: Seconds, at: Seconds, direction: int) -> Seconds:
    """The (lower) median of the nearest steps on one side; where there are none, of those on the other side."""
    offsets = direction * np.arange(1, WITNESSES + 1)
    index = at[:, None] + offsets
    missing = (index < 0) | (index >= len(steps))
    witnesses = np.where(missing, np.iinfo(np.int64).max, steps[np.clip(index, 0, len(steps) - 1)])
    counts = (~missing).sum(axis=1)
    witnesses.sort(axis=1)
    median = witnesses[np.arange(len(at)), np.maximum(counts - 1, 0) // 2]
    if direction > 0 or not (counts == 0).any():
        fallback = steps[np.maximum(at - 1, 0)] if direction > 0 else steps[np.minimum(at, len(steps) - 1)]
        return np.where(counts == 0, fallback, median)
    return np.where(counts == 0, _prevailing(steps, at, +1), median)


def overlaps(series: Series) -> NDArray[np.bool_]:
    """Whether each bucket reaches over the start of the next one (the last never does); starts need only be ordered."""
    over: NDArray[np.bool_] = np.zeros(len(series), dtype=np.bool_)
    over[:-1] = series.ends[:-1] > series.starts[1:]
    return over


def joined(parts: list[Series]) -> tuple[Series, Seconds]:
    """Several series as one, in time order (longer buckets first at one start), and which part each bucket is of."""
    if len(parts) == 1:
        return parts[0], np.broadcast_to(np.int64(0), len(parts[0]))
    starts = np.concatenate([p.starts for p in parts])
    lengths = np.concatenate([p.lengths for p in parts])
    owners = np.concatenate([np.full(len(p), i, dtype=np.int64) for i, p in enumerate(parts)])
    order = np.lexsort((owners, -lengths, starts))
    rates = np.concatenate([p.rates for p in parts])[order]
    return Series(starts[order], lengths[order], rates), owners[order]


def end_to_end(parts: list[Series], shared: dict[tuple[int, ...], Seconds]) -> Series | None:
    """Parts of which each begins when the one before has ended, as months of one source do; None for others.

    shared: starts by the identity of the arrays they are put together from; services of one system share them.
    """
    if not all(len(part) for part in parts):
        return None
    turns = sorted(parts, key=lambda part: int(part.starts[0]))
    if any(one.starts[-1] + one.lengths[-1] > other.starts[0] for one, other in pairwise(turns)):
        return None
    which = tuple(id(part.starts) for part in turns)
    if which not in shared:
        shared[which] = np.concatenate([part.starts for part in turns])
    lengths = [part.lengths for part in turns]
    even = all(is_even(each) for each in lengths) and len({int(each[0]) for each in lengths}) == 1
    return Series(
        shared[which],
        np.broadcast_to(np.int64(lengths[0][0]), len(shared[which])) if even else np.concatenate(lengths),
        np.concatenate([part.rates for part in turns]),
    )


def added(parts: list[Series]) -> Series:
    """The sum of series where they meet; where one has begun, not ended and lacks a bucket, the sum is missing too.

    Where lengths differ, the finer buckets are averaged into the coarser first.
    """
    total = parts[0]
    for part in parts[1:]:
        total = _added(total, part)
    return total


def _added(one: Series, other: Series) -> Series:
    if not len(one) or not len(other):
        return one if len(one) else other
    begins = max(one.starts[0], other.starts[0])
    ends = min(one.ends[-1], other.ends[-1])
    alone = [s.part((s.starts < begins) | (s.starts >= ends)) for s in (one, other)]
    a, b = (s.part((s.starts >= begins) & (s.starts < ends)) for s in (one, other))
    if not (len(a) == len(b) and (a.starts == b.starts).all() and (a.lengths == b.lengths).all()):
        a, b = _on_common_buckets(a, b)
    both = Series(a.starts, a.lengths, a.rates + b.rates)
    return joined([*alone, both])[0]


def _on_common_buckets(a: Series, b: Series) -> tuple[Series, Series]:
    coarse = int(max(a.lengths.max(initial=60), b.lengths.max(initial=60)))
    a, b = (s if (s.lengths == coarse).all() else averaged(s, coarse) for s in (a, b))
    _, in_a, in_b = np.intersect1d(a.starts, b.starts, assume_unique=True, return_indices=True)
    keep_a, keep_b = np.zeros(len(a), dtype=np.bool_), np.zeros(len(b), dtype=np.bool_)
    keep_a[in_a], keep_b[in_b] = True, True
    return a.part(keep_a), b.part(keep_b)


def has_no_hole(series: Series) -> bool:
    """Whether buckets of one length follow each other without a gap; False where lengths differ."""
    length, span = int(series.lengths[0]), int(series.starts[-1]) - int(series.starts[0])
    return is_even(series.lengths) and span == length * (len(series) - 1)


def _fills(series: Series, seconds: int) -> bool:
    """Whether buckets of one length fill whole longer buckets without a hole, as they mostly do."""
    length, count = int(series.lengths[0]), len(series)
    return has_no_hole(series) and int(series.starts[0]) % seconds == 0 and length * count % seconds == 0


def is_even(lengths: Seconds) -> bool:
    """Whether all lengths are one; an array that repeats a single number is not looked through."""
    return lengths.strides == (0,) or bool((lengths == lengths[0]).all())


def averaged(series: Series, seconds: int, least_covered_ratio: float = 0.5) -> Series:
    """Mean rates over longer buckets of `seconds`, leaving out those of which less than a share is known.

    A bucket that reaches over the end of a longer one counts in both, with the seconds that it has in each.
    """
    if not len(series):
        return series
    if _fills(series, seconds):
        each = seconds // int(series.lengths[0])
        means = series.rates.reshape(-1, each).mean(axis=1)
        return Series(series.starts[::each], np.broadcast_to(np.int64(seconds), len(means)), means)
    slots = series.starts // seconds
    first = int(slots[0])
    inside = np.minimum(series.ends, (slots + 1) * seconds) - series.starts
    beyond = series.lengths - inside
    size = int(series.ends[-1] - 1) // seconds - first + 1
    known = np.bincount(slots - first, inside, size)
    total = np.bincount(slots - first, inside * series.rates, size)
    reaches = beyond > 0
    if reaches.any():
        after = slots[reaches] - first + 1
        known += np.bincount(after, beyond[reaches], size)
        total += np.bincount(after, (beyond * series.rates)[reaches], size)
    keep = known >= least_covered_ratio * seconds
    starts = (first + np.flatnonzero(keep)) * seconds
    return Series(starts, np.full(len(starts), seconds, dtype=np.int64), total[keep] / known[keep])
