"""The re-forecast tried on past campaigns: how fast it should forget, how much of what it sees to believe, and how wide
the rest of the event must stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from campaign.traffic import LiveSettings, TrafficPaths
from forecast.epochs import HOUR, epochs
from forecast.nowcast import HALF_LIFE_SECONDS, nowcast

Floats = NDArray[np.float64]

HALF_LIVES_SECONDS = (300.0, 600.0, HALF_LIFE_SECONDS, 2400.0, 4800.0, 9600.0)
GAIN_RATIOS = (1.0, 0.8, 0.6)
WAYS = tuple((half_life, gain) for half_life in HALF_LIVES_SECONDS for gain in GAIN_RATIOS)
"""Hours before an opening say less about the rush after it than the paths believe: how much less is tried too."""
USUAL = WAYS.index((HALF_LIFE_SECONDS, 1.0))
LOOKS = (0.15, 0.35, 0.6)
INTERVAL_SECONDS = 300
Z90 = 1.2816
WIDTH_LEAST = 0.02
PSEUDO_CAMPAIGNS = 5.0
GAIN_LEAST = 0.02
SCALE_LEAST, SCALE_MOST = 0.6, 2.5


def live_scores(paths: TrafficPaths, actual: Mapping[str, Floats], starts_at: datetime, ends_at: datetime) -> Floats:
    """For each of `WAYS`: mean absolute log error of the remaining hours' middle, and mean squared error in standard
    deviations of the range [score, way]; NaN where nothing was left to compare.

    Looked at three times on the way through the event, on the total by hour.
    """
    paths, actual = coarser(paths, actual)
    found = np.full((len(LOOKS), 2, len(WAYS)), np.nan)
    inside = (epochs(paths.starts_at_utc) + paths.seconds) <= ends_at.timestamp()
    came = np.sum([actual[name] for name in paths.services], axis=0)
    for i, share in enumerate(LOOKS):
        now = starts_at + share * (ends_at - starts_at)
        for j, (half_life, gain) in enumerate(WAYS):
            moved = nowcast(paths, actual, now, half_life_seconds=half_life, gain_ratio=gain)
            rest = inside[-len(moved.seconds) :]
            if rest.any():
                found[i, :, j] = _scored(moved, rest, came[-len(moved.seconds) :])
    known = ~np.isnan(found)
    return np.where(known.any(axis=0), np.nansum(found, axis=0) / np.maximum(known.sum(axis=0), 1), np.nan)


def _scored(moved: TrafficPaths, rest: NDArray[np.bool_], came: Floats) -> tuple[float, float]:
    hours = epochs(moved.starts_at_utc)[rest] // HOUR
    at = np.flatnonzero(np.concatenate([[True], np.diff(hours) != 0]))
    counts = np.diff(np.append(at, len(hours)))
    totals = np.add.reduceat(moved.requests_per_second.sum(axis=1)[:, rest], at, axis=1) / counts
    actual = np.add.reduceat(came[rest], at) / counts
    use = actual > 0
    if not use.any():
        return np.nan, np.nan
    p50, p90 = np.quantile(totals[:, use], [0.5, 0.9], axis=0)
    miss = np.log(actual[use] / np.maximum(p50, 1e-9))
    width = np.maximum(np.log(np.maximum(p90, 1e-9) / np.maximum(p50, 1e-9)) / Z90, WIDTH_LEAST)
    return float(np.mean(np.abs(miss))), float(np.mean(np.minimum((miss / width) ** 2, 9.0)))


def coarser(paths: TrafficPaths, actual: Mapping[str, Floats]) -> tuple[TrafficPaths, dict[str, Floats]]:
    """Paths and actuals in means over five minutes: enough to try half-lives, and quick."""
    starts = epochs(paths.starts_at_utc)
    numbers = starts // np.maximum(paths.seconds, INTERVAL_SECONDS)
    at = np.flatnonzero(np.concatenate([[True], np.diff(numbers) != 0]))
    lengths = np.add.reduceat(paths.seconds, at)
    rates = np.add.reduceat(paths.requests_per_second * paths.seconds, at, axis=2) / lengths
    means = {name: np.add.reduceat(values * paths.seconds, at) / lengths for name, values in actual.items()}
    return TrafficPaths(rates.astype(np.float32), paths.services, paths.starts_at_utc[at], lengths), means


def live_settings(scores: Sequence[Floats]) -> LiveSettings:
    """The way that was best over past campaigns, if it beat the usual one by two percent, and the width that would have
    covered what came, shrunk as if five more campaigns had been covered as said."""
    usable = [score for score in scores if np.isfinite(score).all()]
    if not usable:
        return LiveSettings(half_life_seconds=HALF_LIFE_SECONDS, scale_ratio=1.0, campaigns=0)
    errors = np.mean([score[0] for score in usable], axis=0)
    best = int(errors.argmin())
    chosen = best if errors[best] < (1.0 - GAIN_LEAST) * errors[USUAL] else USUAL
    squares = sum(float(score[1, chosen]) for score in usable)
    scale = np.sqrt((PSEUDO_CAMPAIGNS + squares) / (PSEUDO_CAMPAIGNS + len(usable)))
    return LiveSettings(
        half_life_seconds=WAYS[chosen][0],
        gain_ratio=WAYS[chosen][1],
        scale_ratio=float(np.clip(scale, SCALE_LEAST, SCALE_MOST)),
        campaigns=len(usable),
    )
