"""The forecast again while the campaign runs: what has come so far says where between the paths this campaign lies.

Sample paths are an ensemble: they know how much of what was seen lasts, and what one service's surprise says about the
others. The update is the ensemble Kalman filter's (Evensen 1994) on log rates, with an exponentially weighted mean of
the latest deviations as its observation. How fast that mean forgets, how much of it is believed and how wide the rest
stays is chosen by re-forecasts of past campaigns (`forecast.backtest.live`).
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

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

HALF_LIFE_SECONDS = 1200.0
OBSERVATION_SD = 0.03
INTERVALS_LEAST = 3
FADES_SECONDS = 12 * 3600.0
NORMAL = NormalDist()
LEAST = 1e-6


def nowcast(
    paths: TrafficPaths,
    actual: Mapping[str, Floats],
    now: datetime,
    seed: int = 0,
    half_life_seconds: float = HALF_LIFE_SECONDS,
    scale_ratio: float = 1.0,
    gain_ratio: float = 1.0,
) -> TrafficPaths:
    """Paths from `now` on, given what came before it.

    half_life_seconds, scale_ratio, gain_ratio: as `traffic.json` has them under `nowcast`, learned from past campaigns.

    actual: mean requests per second by service over the intervals of `paths` [interval], NaN where not (yet) known;
    values after `now` are not looked at. Services without any known interval are moved by the others only.

    Returns:
        The intervals that begin at or after `now`, moved and narrowed; all of them unchanged when fewer than three
        intervals of any service are known.
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
    logs = np.log(np.maximum(paths.requests_per_second, 1e-6)).astype(np.float64)
    summaries, observed = [], []
    for name in names:
        weights = recent_weights(actual[name], ends, moment, half_life_seconds)
        s = paths.index(name)
        summaries.append(logs[:, s] @ weights)
        observed.append(float(np.log(np.maximum(np.nan_to_num(actual[name], nan=1.0), 1e-6)) @ weights))
    fade = gain_ratio * _fade(ends[ahead], moment)
    coming, seen = logs[:, :, ahead], np.array(summaries).T
    moved = updated(coming, _gain(coming, seen), seen, np.array(observed), fade, seed)
    if scale_ratio != 1.0:
        middle = np.median(moved, axis=0)
        moved = middle + scale_ratio * (moved - middle)
    return replace(later, requests_per_second=np.exp(moved).astype(np.float32))


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
    logs = np.log(np.maximum(paths.requests_per_second, 1e-6)).astype(np.float64)
    weights = recent_weights(np.zeros(int(past.sum())), ends[past], moment, settings.half_life_seconds)
    summaries, later = logs[:, :, past] @ weights, logs[:, :, ahead]
    fade = settings.gain_ratio * _fade(ends[ahead], moment)
    gain = _gain(later, summaries)
    moved = updated(later, gain, summaries, np.zeros(summaries.shape[1]), fade, seed)
    middle, base = np.quantile(moved, [0.5, ratio], axis=0)
    away = off_its_hour(settings.scale_ratio * (base - middle), ratio, paths.seconds[ahead], settings)
    return Answer(weights, middle + away, gain.reshape(-1, *later.shape[1:]) * fade)
