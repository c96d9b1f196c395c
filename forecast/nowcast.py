"""The forecast again while the campaign runs: what has come so far says where between the paths this campaign lies.

Sample paths are an ensemble: they know how much of what was seen lasts, and what one service's surprise says about the
others. The update is the ensemble Kalman filter's (Evensen 1994) on log rates, with an exponentially weighted mean of
the latest deviations as its observation (for a level that walks, the filter itself is such a mean: Muth 1960). No path
is weighed or dropped, so that the ensemble never degenerates, however long the campaign runs. How fast that mean
forgets, how far the level walks and how wide the rest stays is learned from re-forecasts of past campaigns
(`forecast.backtest.live`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from campaign.traffic import QUANTILES, LiveSettings, TrafficPaths
from forecast.epochs import HOUR, epoch, epochs
from forecast.paths.joint import LEVEL_SHARED

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

HALF_LIFE_SECONDS = 600.0
OBSERVATION_SD = 0.03
INTERVALS_LEAST = 3
FADES_SECONDS = 12 * 3600.0
LASTING_LEAST = 0.25
NORMAL = NormalDist()
LEAST = 1e-6
UNTAUGHT = LiveSettings(half_life_seconds=HALF_LIFE_SECONDS, scale_ratio=1.0, campaigns=0)


def nowcast(
    paths: TrafficPaths,
    actual: Mapping[str, Floats],
    now: datetime,
    settings: LiveSettings = UNTAUGHT,
    seed: int = 0,
) -> TrafficPaths:
    """Paths from `now` on, given what came before it.

    actual: mean requests per second by service over the intervals of `paths` [interval], NaN where not (yet) known;
    values after `now` are not looked at. Services without any known interval are moved by the others only.

    Returns:
        The intervals that end after `now`, moved and narrowed; all of them unchanged when fewer than three intervals of
        any service are known.
    """
    ends = epochs(paths.starts_at_utc) + paths.seconds
    moment = epoch(now)
    ahead = ends > moment
    names = [name for name in paths.services if name in actual and _known(actual[name], ends <= moment)]
    later = replace(
        paths,
        requests_per_second=paths.requests_per_second[:, :, ahead],
        starts_at_utc=paths.starts_at_utc[ahead],
        seconds=paths.seconds[ahead],
    )
    if not names or not ahead.any():
        return later
    logs = drifting(paths, settings, seed)
    summaries, observed = [], []
    for name in names:
        weights = recent_weights(actual[name], ends, moment, settings.half_life_seconds)
        summaries.append(logs[:, paths.index(name)] @ weights)
        observed.append(float(np.log(np.maximum(np.nan_to_num(actual[name], nan=1.0), LEAST)) @ weights))
    fade = settings.gain_ratio * _fade(ends[ahead], moment)
    coming, seen = logs[:, :, ahead], np.array(summaries).T
    moved = updated(coming, _gain(coming, seen), seen, np.array(observed), fade, seed)
    middle = np.median(moved, axis=0)
    moved = middle + width_ratio(settings, now) * (moved - middle)
    return replace(later, requests_per_second=np.exp(moved).astype(np.float32))


def drifting(paths: TrafficPaths, settings: LiveSettings, seed: int) -> Floats:
    """Log rates [path, service, interval] of paths whose level also moves on the way, as far as past campaigns' did.

    Paths of one shape and many levels take whatever they see for lasting, and are sure of the rest. What their shapes
    lack is model error, added to every path before it is compared with what came (additive inflation: Mitchell and
    Houtekamer 2000), as a mean-reverting walk, shared by services as levels are. It takes the place of as much of the
    paths' own variance, down to a quarter of it: the frozen range was right, only which part of it lasts was not.
    """
    logs = np.log(np.maximum(paths.requests_per_second, LEAST)).astype(np.float64)
    if settings.drift_sd == 0.0:
        return logs
    middle = logs.mean(axis=0)
    lasting = 1.0 - settings.drift_sd**2 / np.maximum(logs.var(axis=0), LEAST)
    moving: Floats = middle + np.sqrt(np.maximum(lasting, LASTING_LEAST)) * (logs - middle)
    rng = np.random.default_rng([seed, 1828])
    shared = walk(len(logs), paths.seconds, settings.drift_seconds, rng)
    for service in range(len(paths.services)):
        own = walk(len(logs), paths.seconds, settings.drift_seconds, rng)
        both = np.sqrt(LEVEL_SHARED) * shared + np.sqrt(1.0 - LEVEL_SHARED) * own
        moving[:, service] += settings.drift_sd * both
    return moving


def walk(paths: int, seconds: NDArray[np.int64], memory_seconds: float, rng: np.random.Generator) -> Floats:
    """Ornstein-Uhlenbeck processes of unit variance [path, interval]."""
    steps = rng.standard_normal((len(seconds), paths))
    keeps = np.exp(-seconds / memory_seconds)
    for i, keep in enumerate(keeps[:-1], 1):
        steps[i] = keep * steps[i - 1] + np.sqrt(1.0 - keep**2) * steps[i]
    walked: Floats = steps.T
    return walked


def width_ratio(settings: LiveSettings, now: datetime) -> float:
    """How much wider than the paths say the rest stays at this moment of the campaign."""
    if not settings.phases:
        return settings.scale_ratio
    times = [phase.at_utc.timestamp() for phase in settings.phases]
    return float(np.interp(now.timestamp(), times, [phase.scale_ratio for phase in settings.phases]))


def _known(values: Floats, past: NDArray[np.bool_]) -> bool:
    return int((past & ~np.isnan(values)).sum()) >= INTERVALS_LEAST


def recent_weights(values: Floats, ends: NDArray[np.int64], moment: int, half_life_seconds: float) -> Floats:
    """Weights [interval] that sum to one over the known past, halving every `half_life_seconds` back from its end."""
    known = (ends <= moment) & ~np.isnan(values)
    age = np.where(known, ends[known].max() - ends, 0)
    weights = np.where(known, 0.5 ** (age / half_life_seconds), 0.0)
    normed: Floats = weights / weights.sum()
    return normed


def _fade(ends: NDArray[np.int64], moment: int) -> Floats:
    """What is seen now says less about tomorrow than the ensemble believes: halves every twelve hours."""
    faded: Floats = 0.5 ** ((ends - moment) / FADES_SECONDS)
    return faded


def updated(logs: Floats, gain: Floats, summaries: Floats, observed: Floats, fade: Floats, seed: int) -> Floats:
    """Log rates [path, service, interval] after observing `observed` [summary] where paths had `summaries`.

    gain: as `_gain` has it. Every path is moved toward a slightly different observation, so that the spread left is the
    right one.
    """
    rng = np.random.default_rng([seed, 1440])
    surprise = observed + OBSERVATION_SD * rng.standard_normal(summaries.shape) - summaries
    move = (surprise @ gain).reshape(logs.shape) * fade
    moved: Floats = logs + move
    return moved


def _gain(logs: Floats, summaries: Floats) -> Floats:
    """[summary, service × interval]: what one more of an observed summary adds to the log rates."""
    count = len(logs)
    away = summaries - summaries.mean(axis=0)
    inside = away.T @ away / (count - 1) + OBSERVATION_SD**2 * np.eye(summaries.shape[1])
    flat = (logs - logs.mean(axis=0)).reshape(count, -1)
    gain: Floats = np.linalg.solve(inside, away.T @ flat / (count - 1))
    return gain


def interval_quantiles(rates: Floats, seconds: NDArray[np.int64], settings: LiveSettings) -> Floats:
    """p10, p50, p90 and p99 of what single intervals bring [quantile, ..., interval]; rates: [path, ..., interval].

    The paths say how whole hours may come. That an interval lies off its hour by more than they know is independent of
    it and is added here, as variances are; so whatever is read off the paths over an hour knows nothing of it.
    """
    found = np.quantile(rates, list(QUANTILES.values()), axis=0)
    logs = np.log(np.maximum(found, LEAST))
    away = logs - logs[list(QUANTILES).index("p50")]
    both = np.stack([off_its_hour(a, q, seconds, settings) for a, q in zip(away, QUANTILES.values(), strict=True)])
    wider: Floats = found * np.exp(both - away)
    return wider


def off_its_hour(away: Floats, ratio: float, seconds: NDArray[np.int64], settings: LiveSettings) -> Floats:
    """How far the quantile `ratio` of an interval lies from the middle on the log scale [..., interval]; `away` is what
    the paths have of that."""
    minute = settings.minute_sd_up if ratio > 0.5 else settings.minute_sd_down
    own = NORMAL.inv_cdf(ratio) * minute * np.sqrt(averaged(seconds))
    further: Floats = np.copysign(np.hypot(away, own), ratio - 0.5)
    return further


def averaged(seconds: NDArray[np.int64]) -> Floats:
    """What is left of the variance within an hour in the mean over so many seconds: all of it over none, none over the
    hour. (1998 World Cup: 0.93, 0.79, 0.54 of a minute's over 5, 15, 30 minutes.)"""
    left: Floats = 1.0 - np.minimum(seconds, HOUR) / HOUR
    return left


@dataclass(frozen=True)
class Answer:
    """A quantile of what comes, worked out for whatever will have come by then.

    The gain knows nothing of what is observed, and all paths of the ensemble are moved alike by it; so any quantile is
    `base` plus the observed times `gain`, the same as `nowcast` finds, for thousands of observed campaigns at once.
    weights: [known interval]. base: log rates [service, interval ahead]. gain: [observed service, service, ahead].
    """

    weights: Floats
    base: Floats
    gain: Floats

    def rates(self, came: NDArray[np.floating]) -> Floats:
        """Requests per second [campaign, service, interval ahead] where `came` [campaign, service, known interval].

        Of more known intervals than were thought of, the latest count. Whatever else is asked at the same time, each
        campaign's figures are the same to the last bit.
        """
        latest = np.ascontiguousarray(came[:, :, -len(self.weights) :])
        observed = (np.log(np.maximum(latest, 1e-6)) * self.weights).sum(axis=2)
        moved = np.broadcast_to(self.base, (len(came), *self.base.shape)).copy()
        for service, gain in enumerate(self.gain):
            moved += observed[:, service, None, None] * gain
        found: Floats = np.exp(moved, out=moved)
        return found


def answer(paths: TrafficPaths, now: datetime, ratio: float, settings: LiveSettings, seed: int = 0) -> Answer | None:
    """The quantile `ratio` of the intervals that end after `now`, given any campaign's rates in those before it: as
    `interval_quantiles` has it of the re-forecast.

    settings: as `traffic.json` has them under `nowcast`. None where too little is known by then to say anything.
    """
    ends, moment = epochs(paths.starts_at_utc) + paths.seconds, epoch(now)
    past, ahead = ends <= moment, ends > moment
    if past.sum() < INTERVALS_LEAST or not ahead.any():
        return None
    logs = drifting(paths, settings, seed)
    weights = recent_weights(np.zeros(int(past.sum())), ends[past], moment, settings.half_life_seconds)
    summaries, later = logs[:, :, past] @ weights, logs[:, :, ahead]
    fade = settings.gain_ratio * _fade(ends[ahead], moment)
    gain = _gain(later, summaries)
    moved = updated(later, gain, summaries, np.zeros(summaries.shape[1]), fade, seed)
    middle, base = np.quantile(moved, [0.5, ratio], axis=0)
    away = off_its_hour(width_ratio(settings, now) * (base - middle), ratio, paths.seconds[ahead], settings)
    return Answer(weights, middle + away, gain.reshape(-1, *later.shape[1:]) * fade)
