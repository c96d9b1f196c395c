"""The re-forecast tried on past campaigns: how fast it should forget, how much of what it sees to believe, how wide the
rest of the event must stay, and how much further single minutes lie off their hour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from campaign.traffic import LiveSettings, TrafficPaths
from forecast.epochs import HOUR, epochs
from forecast.nowcast import HALF_LIFE_SECONDS, averaged, nowcast

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

HALF_LIVES_SECONDS = (300.0, 600.0, HALF_LIFE_SECONDS, 2400.0, 4800.0, 9600.0)
GAIN_RATIOS = (1.0, 0.8, 0.6)
WAYS = tuple((half_life, gain) for half_life in HALF_LIVES_SECONDS for gain in GAIN_RATIOS)
"""Hours before an opening say less about the rush after it than the paths believe: how much less is tried too."""
USUAL = WAYS.index((HALF_LIFE_SECONDS, 1.0))
LOOKS = (0.15, 0.35, 0.6, 0.8)
INTERVAL_SECONDS = 300
WIDTH_PATHS = 400
Z90 = 1.2816
WIDTH_LEAST = 0.02
PSEUDO_CAMPAIGNS = 2.0
GAIN_LEAST = 0.02
SCALE_LEAST, SCALE_MOST = 0.6, 2.5


@dataclass(frozen=True)
class LiveScore:
    """How re-forecasts during one past campaign missed what came, on the total.

    errors: mean absolute log error of the remaining hours' middle [way]. apart: mean square of how far a minute lay off
    its hour, on the log scale and beside the middle's course, above and below it [side]. NaN where nothing was left to
    compare, or where intervals are hours.
    """

    errors: Floats
    apart: Floats


@dataclass(frozen=True)
class Rest:
    """The rest of an event as it was forecast again: totals [path, interval], and what came [interval]."""

    totals: Floats
    came: Floats
    first: Ints
    seconds: Ints

    def by_hour(self, rates: Floats) -> Floats:
        """Means over hours [..., hour] of `rates` [..., interval]."""
        lengths = np.add.reduceat(self.seconds, self.first)
        means: Floats = np.add.reduceat(rates * self.seconds, self.first, axis=-1) / lengths
        return means

    def apart(self, rates: Floats) -> Floats:
        """Log of `rates` [..., interval] over their hour's mean; NaN where either is not known or nothing came."""
        counts = np.diff(np.append(self.first, len(self.seconds)))
        ratios = rates / np.repeat(np.maximum(self.by_hour(rates), 1e-9), counts, axis=-1)
        logs: Floats = np.log(np.where(ratios > 0, ratios, np.nan))
        return logs


def rests(
    paths: TrafficPaths,
    actual: Mapping[str, Floats],
    starts_at: datetime,
    ends_at: datetime,
    half_life_seconds: float,
    gain_ratio: float,
) -> Iterator[Rest]:
    """What is left of an event at each look on the way through it, forecast again in one way."""
    inside = (epochs(paths.starts_at_utc) + paths.seconds) <= ends_at.timestamp()
    came = np.sum([actual[name] for name in paths.services], axis=0)
    for share in LOOKS:
        now = starts_at + share * (ends_at - starts_at)
        moved = nowcast(paths, actual, now, half_life_seconds=half_life_seconds, gain_ratio=gain_ratio)
        use = inside[-len(moved.seconds) :]
        if use.any():
            hours = epochs(moved.starts_at_utc)[use] // HOUR
            first = np.flatnonzero(np.concatenate([[True], np.diff(hours) != 0]))
            totals = moved.requests_per_second.sum(axis=1)[:, use].astype(np.float64)
            yield Rest(totals, came[-len(use) :][use], first, moved.seconds[use])


def live_scores(paths: TrafficPaths, actual: Mapping[str, Floats], starts_at: datetime, ends_at: datetime) -> LiveScore:
    """A past campaign forecast again in each of `WAYS`, hour by hour, and in the usual way, minute by minute."""
    rough, came = coarser(paths, actual)
    errors = [[_hour_error(rest) for rest in rests(rough, came, starts_at, ends_at, *way)] for way in WAYS]
    apart = [_apart(rest) for rest in rests(paths, actual, starts_at, ends_at, *WAYS[USUAL])]
    return LiveScore(
        _mean_known(np.array(errors).reshape(len(WAYS), -1).T), _mean_known(np.array(apart).reshape(-1, 2))
    )


def _mean_known(values: Floats) -> Floats:
    """Means over the first axis of what is not NaN; NaN where nothing is."""
    known = ~np.isnan(values)
    sums, counts = np.where(known, values, 0.0).sum(axis=0), known.sum(axis=0)
    means: Floats = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan)
    return means


def _hour_error(rest: Rest) -> float:
    came = rest.by_hour(rest.came)
    use = came > 0
    if not use.any():
        return np.nan
    middle = np.median(rest.by_hour(rest.totals)[:, use], axis=0)
    return float(np.mean(np.abs(np.log(came[use] / np.maximum(middle, 1e-9)))))


def _apart(rest: Rest) -> tuple[float, float]:
    away = rest.apart(rest.came) - rest.apart(np.median(rest.totals, axis=0))
    return _of_a_minute(away**2, rest.seconds, away > 0), _of_a_minute(away**2, rest.seconds, away < 0)


def _of_a_minute(squares: Floats, seconds: Ints, use: NDArray[np.bool_]) -> float:
    """Mean square that deviations of no length would have had, from those of intervals; NaN where all are hours."""
    left = averaged(seconds)
    use = use & (left > 0)
    return float(squares[use].mean() / left[use].mean()) if use.any() else np.nan


def coarser(paths: TrafficPaths, actual: Mapping[str, Floats]) -> tuple[TrafficPaths, dict[str, Floats]]:
    """Paths and actuals in means over five minutes: enough to try half-lives, and quick."""
    starts = epochs(paths.starts_at_utc)
    numbers = starts // np.maximum(paths.seconds, INTERVAL_SECONDS)
    at = np.flatnonzero(np.concatenate([[True], np.diff(numbers) != 0]))
    lengths = np.add.reduceat(paths.seconds, at)
    rates = np.add.reduceat(paths.requests_per_second * paths.seconds, at, axis=2) / lengths
    means = {name: np.add.reduceat(values * paths.seconds, at) / lengths for name, values in actual.items()}
    return TrafficPaths(rates.astype(np.float32), paths.services, paths.starts_at_utc[at], lengths), means


def live_settings(
    scores: Sequence[LiveScore], paths: TrafficPaths, starts_at: datetime, ends_at: datetime
) -> LiveSettings:
    """How to forecast this campaign's `paths` again: in the way that was best over past campaigns, if it beat the usual
    one by two percent, as wide as past re-forecasts missed hours, and minutes as far off their hours as they were.

    How wide the paths are themselves counts as two more campaigns, as it does for the frozen forecast: paths that were
    narrowed to hold a peak would be too narrow for everything else.
    """
    usable = [score for score in scores if np.isfinite(score.errors).all()]
    if not usable:
        return LiveSettings(half_life_seconds=HALF_LIFE_SECONDS, scale_ratio=1.0, campaigns=0)
    errors = np.mean([score.errors for score in usable], axis=0)
    best = int(errors.argmin())
    chosen = best if errors[best] < (1.0 - GAIN_LEAST) * errors[USUAL] else USUAL
    hour, minute = own_variances(paths, starts_at, ends_at, *WAYS[chosen])
    # The standard deviation of normal errors is that much more than their mean; a square would follow the worst alone.
    missed = np.array([[np.pi / 2 * score.errors[chosen] ** 2] for score in usable])
    wider = np.nan_to_num(np.sqrt(_believed(hour, missed) / hour), nan=1.0)
    scale = float(np.clip(wider[0], SCALE_LEAST, SCALE_MOST))
    minute = scale**2 * minute
    beyond = _believed(minute, np.array([score.apart for score in usable])) - minute
    up, down = np.sqrt(np.maximum(np.nan_to_num(beyond), 0.0))
    return LiveSettings(
        half_life_seconds=WAYS[chosen][0],
        gain_ratio=WAYS[chosen][1],
        scale_ratio=scale,
        campaigns=len(usable),
        minute_sd_up=float(up),
        minute_sd_down=float(down),
    )


def _believed(own: Floats, seen: Floats) -> Floats:
    """Variances [n] of which paths say `own`, after past campaigns had `seen` [campaign, n], NaN where not known."""
    counts = (~np.isnan(seen)).sum(axis=0)
    mixed: Floats = (PSEUDO_CAMPAIGNS * own + np.nansum(seen, axis=0)) / (PSEUDO_CAMPAIGNS + counts)
    return mixed


def own_variances(
    paths: TrafficPaths, starts_at: datetime, ends_at: datetime, half_life_seconds: float, gain_ratio: float
) -> tuple[Floats, Floats]:
    """Variances on the log scale that re-forecasts of the paths have: of an hour [1], and of a minute about its hour,
    above and below [side]. Where the event goes does not change them, so it may as well go along the middle."""
    few = replace(paths, requests_per_second=paths.requests_per_second[:WIDTH_PATHS])
    usual = np.median(few.requests_per_second, axis=0).astype(np.float64)
    along = dict(zip(paths.services, usual, strict=True))
    hours, minutes = [], []
    for rest in rests(few, along, starts_at, ends_at, half_life_seconds, gain_ratio):
        low, high = np.quantile(np.maximum(rest.by_hour(rest.totals), 1e-9), [0.1, 0.9], axis=0)
        hours.append(float(np.mean(np.log(high / low))) / 2 / Z90)
        below, middle, above = np.quantile(rest.apart(rest.totals), [0.1, 0.5, 0.9], axis=0)
        sides = [((side - middle) / Z90) ** 2 for side in (above, below)]
        minutes.append([_of_a_minute(side, rest.seconds, ~np.isnan(side)) for side in sides])
    return np.maximum(_mean_known(np.array([hours]).T), WIDTH_LEAST) ** 2, _mean_known(np.array(minutes).reshape(-1, 2))
