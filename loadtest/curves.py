"""From sample paths to the rates of every second: choose a curve, refine it to seconds, compress its quiet parts.

Every step keeps the number of requests of the stretch it works on; the rate axis is never touched.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from campaign.traffic import QUANTILES, SecondProfile, TrafficPaths

Floats = NDArray[np.float64]
WORST = "worst"


@dataclass(frozen=True)
class Curve:
    """Requests per second of every service and second, from `starts_at_utc` on.

    requests_per_second: float [service, second].
    """

    requests_per_second: Floats
    services: tuple[str, ...]
    starts_at_utc: np.datetime64

    @property
    def total(self) -> Floats:
        return np.asarray(self.requests_per_second.sum(axis=0), dtype=np.float64)

    def cut(self, first_second: int, seconds: int) -> Curve:
        part = self.requests_per_second[:, first_second : first_second + seconds]
        return Curve(part, self.services, self.starts_at_utc + np.timedelta64(first_second, "s"))

    def rates(self) -> dict[str, Floats]:
        return dict(zip(self.services, self.requests_per_second, strict=True))


def chosen_curve(paths: TrafficPaths, name: str, peaks: dict[str, float]) -> tuple[Curve, dict[str, float]]:
    """The curve of a quantile (`p50`, `p90`, …), or the sample path with the highest total (`worst`).

    A quantile taken interval by interval stays below the quantile of the peak, because not every path peaks in the
    same minute; each service is lifted by one factor so that its highest interval is `peaks[service]`.

    Returns:
        The curve, and the factor each service was lifted by (1 where `peaks` says nothing or is lower).
    """
    if name == WORST:
        path = int(np.argmax(paths.requests_per_second.sum(axis=1).max(axis=1)))
        rates = paths.requests_per_second[path].astype(np.float64)
        lifts = dict.fromkeys(paths.services, 1.0)
    else:
        rates = np.quantile(paths.requests_per_second.astype(np.float64), QUANTILES[name], axis=0)
        lifts = {s: _lift(rates[i], peaks.get(s)) for i, s in enumerate(paths.services)}
        rates = rates * np.array([lifts[s] for s in paths.services])[:, None]
    seconds = np.repeat(rates, paths.seconds, axis=1)
    return Curve(seconds, paths.services, paths.starts_at_utc[0]), lifts


def _lift(rates: Floats, peak: float | None) -> float:
    highest = float(rates.max())
    return max(1.0, peak / highest) if peak and highest > 0 else 1.0


def with_flashes(curve: Curve, profiles: Sequence[SecondProfile]) -> Curve:
    """The same curve with the seconds around each profiled moment sharing their requests as the profile says."""
    rates = curve.requests_per_second.copy()
    for profile in profiles:
        if profile.service not in curve.services:
            continue
        moment = np.datetime64(profile.moment.astimezone(UTC).replace(tzinfo=None), "s")
        first = int((moment - curve.starts_at_utc) / np.timedelta64(1, "s")) + profile.from_seconds
        last = first + len(profile.shares)
        if first >= 0 and last <= rates.shape[1]:
            row = curve.services.index(profile.service)
            rates[row, first:last] = rates[row, first:last].sum() * np.array(profile.shares)
    return Curve(rates, curve.services, curve.starts_at_utc)


def steepest_window(total: Floats, around_second: int, seconds: int) -> int:
    """First second of the `seconds` long window that holds `around_second` and, of those, the steepest rise.

    The rise is over five minutes (or the whole window where it is shorter); among equals the busiest wins.
    """
    last = max(len(total) - seconds, 0)
    lead = min(300, seconds // 4)
    lowest = max(around_second - seconds + lead, 0)
    starts = np.arange(min(lowest, last), min(max(around_second - lead, 0), last) + 1, max(1, seconds // 60))
    if len(starts) < 2:
        return int(min(max(around_second - seconds // 2, 0), last))
    span = max(1, min(300, seconds // 2))
    rises = np.maximum(total[span:] - total[:-span], 0.0) if len(total) > span else np.zeros(1)
    sums = np.concatenate([[0.0], np.cumsum(total)])
    scores = [
        (round(float(rises[s : s + seconds - span].max(initial=0.0)), 6), sums[s + seconds] - sums[s]) for s in starts
    ]
    return int(starts[max(range(len(starts)), key=scores.__getitem__)])


@dataclass(frozen=True)
class Part:
    """Campaign seconds [first, last) of a curve, played `compression` times as fast."""

    first: int
    last: int
    compression: int

    @property
    def run_seconds(self) -> int:
        return -(-(self.last - self.first) // self.compression)


def parts_of(seconds: int, real_time: Sequence[tuple[int, int]], compression: int) -> list[Part]:
    """Cut [0, seconds) into parts: 1:1 inside the `real_time` spans, `compression` elsewhere."""
    slow = np.zeros(seconds, bool)
    for first, last in real_time:
        slow[max(first, 0) : max(last, 0)] = True
    edges = [0, *(np.flatnonzero(np.diff(slow.astype(int))) + 1).tolist(), seconds]
    return [Part(first, last, 1 if slow[first] else compression) for first, last in pairwise(edges) if last > first]


def compressed(rates: Floats, parts: Sequence[Part]) -> Floats:
    """Rates of every second of the run, shape [..., run second]: means over the campaign seconds each one plays."""
    played = [_averaged(rates[..., part.first : part.last], part.compression) for part in parts]
    return np.concatenate(played, axis=-1)


def _averaged(rates: Floats, compression: int) -> Floats:
    if compression == 1:
        return rates
    edges = np.arange(0, rates.shape[-1], compression)
    lengths = np.diff(np.append(edges, rates.shape[-1]))
    return np.asarray(np.add.reduceat(rates, edges, axis=-1) / lengths, dtype=np.float64)
