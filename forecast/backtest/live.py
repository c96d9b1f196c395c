"""The re-forecast tried on past campaigns: how fast it should forget, how far their course strays from the forecast's,
how wide the rest of the event must stay at each phase, and how much further single minutes lie off their hour."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import isotonic_regression

from campaign.traffic import LiveSettings, PhaseWidth, TrafficPaths
from forecast.epochs import HOUR, epochs
from forecast.nowcast import HALF_LIFE_SECONDS, LASTING_LEAST, LEAST, averaged, nowcast

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

HALF_LIVES_SECONDS = (300.0, HALF_LIFE_SECONDS, 1200.0, 2400.0, 4800.0, 9600.0)
USUAL = HALF_LIVES_SECONDS.index(HALF_LIFE_SECONDS)
LOOKS = (0.15, 0.35, 0.6, 0.8)
INTERVAL_SECONDS = 300
WIDTH_PATHS = 400
Z90 = 1.2816
OF_MEAN = np.sqrt(np.pi / 2)
"""The standard deviation of normal errors over their mean size; taken of sizes, a worst one does not decide alone."""
WIDTH_LEAST = 0.02
PSEUDO_CAMPAIGNS = 2.0
PHASE_PSEUDO = 5.0  # campaigns that the mean of all phases counts as beside what was missed at one
SCALE_LEAST, SCALE_MOST = 0.6, 2.5
LAGS_SECONDS = (600, 1800, 3600, 7200, 14400, 28800, 57600)
MEMORIES_SECONDS = (1200.0, 2400.0, 4800.0, 9600.0, 19200.0, 38400.0)
DRIFT_SD, DRIFT_SECONDS = 0.1, 2400.0
"""What first matches of the 1998 World Cup strayed from their forecast's middle by, beyond their paths: 15 % in an hour
(0.12, 2400 s); a little less is taken of campaigns that nothing is known of."""


@dataclass(frozen=True)
class LiveScore:
    """How re-forecasts during one past campaign missed what came, on the total; NaN where nothing could be compared.

    errors: mean absolute log error of the remaining hours' middle [half-life, look]. strayed: mean size of the change
    of what came over the forecast's middle within each of `LAGS_SECONDS` [lag], on the log scale. apart: mean square of
    how far a minute lay off its hour, on the log scale and beside the middle's course, above and below it [side].
    """

    errors: Floats
    strayed: Floats
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
    paths: TrafficPaths, actual: Mapping[str, Floats], starts_at: datetime, ends_at: datetime, settings: LiveSettings
) -> Iterator[Rest | None]:
    """What is left of an event at each look on the way through it, forecast again; None where nothing is."""
    inside = (epochs(paths.starts_at_utc) + paths.seconds) <= ends_at.timestamp()
    came = np.sum([actual[name] for name in paths.services], axis=0)
    for now in looks(starts_at, ends_at):
        moved = nowcast(paths, actual, now, settings)
        use = inside[-len(moved.seconds) :]
        if not use.any():
            yield None
            continue
        hours = epochs(moved.starts_at_utc)[use] // HOUR
        first = np.flatnonzero(np.concatenate([[True], np.diff(hours) != 0]))
        totals = moved.requests_per_second.sum(axis=1)[:, use].astype(np.float64)
        yield Rest(totals, came[-len(use) :][use], first, moved.seconds[use])


def looks(starts_at: datetime, ends_at: datetime) -> tuple[datetime, ...]:
    """The moments at which campaigns are compared: a share of the way through each."""
    return tuple(starts_at + share * (ends_at - starts_at) for share in LOOKS)


def tried(half_life_seconds: float, drift_sd: float = DRIFT_SD, drift_seconds: float = DRIFT_SECONDS) -> LiveSettings:
    return LiveSettings(
        half_life_seconds=half_life_seconds,
        scale_ratio=1.0,
        campaigns=0,
        drift_sd=drift_sd,
        drift_seconds=drift_seconds,
    )


def live_scores(paths: TrafficPaths, actual: Mapping[str, Floats], starts_at: datetime, ends_at: datetime) -> LiveScore:
    """A past campaign forecast again with each half-life, hour by hour, and with the usual one, minute by minute."""
    rough, came = coarser(paths, actual)
    errors = [
        [_hour_error(rest) if rest else np.nan for rest in rests(rough, came, starts_at, ends_at, tried(half_life))]
        for half_life in HALF_LIVES_SECONDS
    ]
    found = rests(paths, actual, starts_at, ends_at, tried(HALF_LIFE_SECONDS))
    apart = [_apart(rest) for rest in found if rest]
    total = np.sum([came[name] for name in rough.services], axis=0)
    middle = np.median(rough.requests_per_second.sum(axis=1, dtype=np.float64), axis=0)
    away = np.log(np.where(total > 0, total, np.nan)) - np.log(np.maximum(middle, LEAST))
    strayed = changes(away, rough, starts_at, ends_at)
    return LiveScore(np.array(errors), strayed, _mean_known(np.array(apart).reshape(-1, 2)))


def changes(logs: Floats, paths: TrafficPaths, starts_at: datetime, ends_at: datetime) -> Floats:
    """Mean size of the change of `logs` [..., interval of `paths`] within each lag, inside the event [lag]: what
    geostatistics calls a (robust) variogram (Cressie and Hawkins 1980)."""
    starts = epochs(paths.starts_at_utc)
    inside = (starts >= starts_at.timestamp()) & (starts + paths.seconds <= ends_at.timestamp())
    starts, logs = starts[inside], logs[..., inside]
    found = np.full(len(LAGS_SECONDS), np.nan)
    for i, lag in enumerate(LAGS_SECONDS):
        at = np.flatnonzero(np.isin(starts + lag, starts))
        sizes = np.abs(logs[..., np.searchsorted(starts, starts[at] + lag)] - logs[..., at])
        if not np.isnan(sizes).all():
            found[i] = np.nanmean(sizes)
    return found


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
    """How to forecast this campaign's `paths` again: with the half-life that surely did best over past campaigns; with
    as much of a walk as paths lack to stray as past campaigns did; as wide at each phase as past re-forecasts missed
    hours there, but never wider than before; and minutes as far off their hours as they were.

    What the paths have themselves counts as two more campaigns, as it does for the frozen forecast: paths that were
    narrowed to hold a peak would be too narrow for everything else.
    """
    few = replace(paths, requests_per_second=paths.requests_per_second[:WIDTH_PATHS])
    usable = [score for score in scores if np.isfinite(score.errors).any(axis=1).all()]
    drift = drift_of(few, [score.strayed for score in usable], starts_at, ends_at)
    if not usable:
        return tried(HALF_LIFE_SECONDS, *drift)
    chosen = surely_best(np.array([_mean_known(score.errors.T) for score in usable]))
    found = tried(HALF_LIVES_SECONDS[chosen], *drift)
    hours, minute = own_widths(few, starts_at, ends_at, found)
    missed = np.array([score.errors[chosen] for score in usable]) * OF_MEAN / hours
    overall = float(_believed(np.ones(1), _mean_known(missed.T)[:, None], PSEUDO_CAMPAIGNS)[0])
    by_phase = never_wider(hours * _believed(np.full(len(LOOKS), overall), missed, PHASE_PSEUDO)) / hours
    phases = np.clip(by_phase, SCALE_LEAST, SCALE_MOST)
    scale = float(np.clip(overall, SCALE_LEAST, SCALE_MOST))
    minute = scale**2 * minute
    beyond = _believed(minute, np.array([score.apart for score in usable]), PSEUDO_CAMPAIGNS) - minute
    up, down = np.sqrt(np.maximum(np.nan_to_num(beyond), 0.0))
    moments = [at.astimezone(UTC) for at in looks(starts_at, ends_at)]
    widths = zip(moments, phases.tolist(), strict=True)
    return found.model_copy(
        update={
            "scale_ratio": scale,
            "phases": tuple(PhaseWidth(at_utc=at, scale_ratio=ratio) for at, ratio in widths),
            "campaigns": len(usable),
            "minute_sd_up": float(up),
            "minute_sd_down": float(down),
        }
    )


def surely_best(errors: Floats) -> int:
    """Which half-life surely beat the usual one over past campaigns, by errors [campaign, half-life]: the one whose
    gain is most beside its standard error, if it is more than that (one-standard-error rule: Breiman et al. 1984)."""
    count = len(errors)
    if count < 2:
        return USUAL
    gained = errors[:, [USUAL]] - errors
    doubt = gained.std(axis=0, ddof=1) / np.sqrt(count)
    sure = gained.mean(axis=0) / np.maximum(doubt, 1e-9)
    return int(sure.argmax()) if sure.max() > 1.0 else USUAL


def never_wider(widths: Floats) -> Floats:
    """Widths [look] of which none is above the one before: more is known at each."""
    narrowing: Floats = isotonic_regression(widths, increasing=False).x
    return narrowing


def _believed(own: Floats, seen: Floats, pseudo: float) -> Floats:
    """Figures [n] of which paths say `own`, after past campaigns had `seen` [campaign, n], NaN where not known."""
    counts = (~np.isnan(seen)).sum(axis=0)
    mixed: Floats = (pseudo * own + np.nansum(seen, axis=0)) / (pseudo + counts)
    return mixed


def drift_of(
    paths: TrafficPaths, seen: Sequence[Floats], starts_at: datetime, ends_at: datetime
) -> tuple[float, float]:
    """Standard deviation and memory (seconds) of the walk that paths lack to stray from their middle as past campaigns
    did from theirs: fitted to the variogram, lag by lag weighed by its size (Cressie 1985). The usual walk counts as
    two more campaigns."""
    rough, _ = coarser(paths, {})
    logs = np.log(np.maximum(rough.requests_per_second.sum(axis=1, dtype=np.float64), LEAST))
    spread = float(np.mean(logs.var(axis=0)))
    own = OF_MEAN * changes(logs - np.median(logs, axis=0), rough, starts_at, ends_at)
    usual = np.sqrt(own**2 + DRIFT_SD**2 * _walked(DRIFT_SECONDS))
    whole = _believed(usual, OF_MEAN * np.array(seen).reshape(-1, len(usual)), PSEUDO_CAMPAIGNS)
    use = np.isfinite(whole)
    if not use.any():
        return DRIFT_SD, DRIFT_SECONDS
    lacking, weight = (whole**2 - own**2)[use], whole[use] ** -4.0
    fits = []
    for memory in MEMORIES_SECONDS:
        grown = (_walked(memory) - own**2 / spread)[use]
        variance = float((weight * grown * lacking).sum() / (weight * grown**2).sum())
        variance = float(np.clip(variance, 0.0, (1.0 - LASTING_LEAST) * spread))
        fits.append((float((weight * (lacking - variance * grown) ** 2).sum()), variance, memory))
    _, variance, memory = min(fits)
    return float(np.sqrt(variance)), memory


def _walked(memory_seconds: float) -> Floats:
    """Mean square change of an Ornstein-Uhlenbeck process of unit variance within each lag [lag]."""
    grown: Floats = 2.0 * (1.0 - np.exp(-np.array(LAGS_SECONDS) / memory_seconds))
    return grown


def own_widths(
    paths: TrafficPaths, starts_at: datetime, ends_at: datetime, settings: LiveSettings
) -> tuple[Floats, Floats]:
    """What re-forecasts of the paths have on the log scale: standard deviations of an hour [look], and variances of a
    minute about its hour, above and below [side]. Where the event goes does not change them, so it may as well go along
    the middle."""
    usual = np.median(paths.requests_per_second, axis=0).astype(np.float64)
    along = dict(zip(paths.services, usual, strict=True))
    hours, minutes = np.full(len(LOOKS), np.nan), []
    for i, rest in enumerate(rests(paths, along, starts_at, ends_at, settings)):
        if rest is None:
            continue
        low, high = np.quantile(np.maximum(rest.by_hour(rest.totals), 1e-9), [0.1, 0.9], axis=0)
        hours[i] = max(float(np.mean(np.log(high / low))) / 2 / Z90, WIDTH_LEAST)
        below, middle, above = np.quantile(rest.apart(rest.totals), [0.1, 0.5, 0.9], axis=0)
        sides = [((side - middle) / Z90) ** 2 for side in (above, below)]
        minutes.append([_of_a_minute(side, rest.seconds, ~np.isnan(side)) for side in sides])
    return hours, _mean_known(np.array(minutes).reshape(-1, 2))
