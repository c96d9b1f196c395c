"""A chunk of services: each one's ordinary hours, its answer to campaigns, and its paths around the total's.

    log y[service] = ordinary[service] + answer[service] * log(total / ordinary total) + own level + own luck + noise

`answer` is learned from past campaigns and pulled to one (to zero on services that a plan leaves out). The total's
paths carry what all services share; what is a service's own is drawn from a generator named after the service, so that
numbers do not depend on how services were put into chunks or where those were computed.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve

from forecast.baseline.ridge import HUBER, Levelled, days_silent, levelled, rate_floor, robust_ridge
from forecast.baseline.scatter import Scatter, count_factors, two_sided
from forecast.baseline.seasons import Design, design
from forecast.epochs import HOUR, naive_utc
from forecast.threads import one_thread

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Mask = NDArray[np.bool_]

ROUNDS = 8
HIDDEN_SHARE_MOST = 0.25
KNOWN_HOURS_LEAST = 5 * 24
ANSWER_SD, ANSWER_NOISE_SD = 0.3, 0.15
LUCK_SD, LUCK_PRIOR = 0.12, 4.0
NOISE_SD_MOST = 0.5
LEVEL_FREEDOM = 6.0
LITTLE_KNOWN_SD = 0.4
LITTLE_KNOWN = Scatter(*(np.array([value]) for value in (LITTLE_KNOWN_SD, LITTLE_KNOWN_SD, 0.5, 0.0)))
OWN_LEVEL_SHARE_LEAST = 0.3


@dataclass(frozen=True)
class Shared:
    """What every chunk needs.

    hours: seconds since 1970 of history's hours; ahead: how many hours follow it; lead_days: as for `fit_baseline`.
    starts, seconds: the forecast's intervals; lift: log of the total over its ordinary rate on each path
    [path, interval]; past_lift: the same in past campaigns [hour], NaN elsewhere; campaigns: number of the past
    campaign that an hour belongs to [hour], -1 for none.
    """

    hours: NDArray[np.int64]
    ahead: int
    zone: str
    country: str | None
    lead_days: float
    starts: NDArray[np.int64]
    seconds: NDArray[np.int64]
    lift: Singles
    past_lift: Floats
    campaigns: NDArray[np.int64]
    ordinary: Floats
    usual_total: float
    total_level_sd: float
    seed: int


@dataclass(frozen=True)
class Chunk:
    """Some services: mean requests per second [hour, service] with NaN gaps, hours not to learn from, and whether the
    campaign touches each."""

    names: tuple[str, ...]
    rates: Singles
    masked: Mask
    touched: tuple[bool, ...]


def forecast_chunk(shared: Shared, chunk: Chunk) -> Singles:
    """Requests per second [path, service, interval] of a chunk's services."""
    with one_thread():
        hours = np.concatenate([shared.hours, shared.hours[-1] + HOUR * np.arange(1, shared.ahead + 1)])
        index = pd.DatetimeIndex(naive_utc(hours))
        made = design(index, shared.campaigns < 0, ZoneInfo(shared.zone), shared.country)
        parts = ordinary(chunk, made, len(hours), shared.lead_days)
        paths = [one_service(shared, chunk, i, hours, part) for i, part in enumerate(parts)]
    return np.stack(paths, axis=1)


def ordinary(chunk: Chunk, made: Design, count: int, lead_days: float) -> list[Levelled]:
    """Each service's ordinary log rates over `count` hours; NaN throughout where too little is known."""
    rates = np.full((count, len(chunk.names)), np.nan)
    rates[: len(chunk.rates)] = chunk.rates
    known = ~np.isnan(rates)
    known[: len(chunk.rates)] &= ~chunk.masked
    floors = np.array([rate_floor(rates[known[:, s], s]) for s in range(rates.shape[1])])
    logs = np.log(np.maximum(np.nan_to_num(rates), floors))
    length = len(chunk.rates)
    coefficients = many_ridge(made.columns[:length], made.penalties, logs[:length], known[:length])
    fitted = made.columns @ coefficients
    left = np.where(known, logs - fitted, np.nan)
    leads = lead_days + days_silent(chunk.rates)
    return [
        levelled(fitted[:, s], left[:, s], known[:, s], leads[s])
        if known[:, s].sum() >= KNOWN_HOURS_LEAST
        else Levelled(np.full(count, np.nan), LITTLE_KNOWN_SD, LITTLE_KNOWN_SD, LITTLE_KNOWN)
        for s in range(rates.shape[1])
    ]


def many_ridge(columns: Floats, penalties: Floats, logs: Floats, known: Mask) -> Floats:
    """Coefficients [column, series] of one robust ridge regression per series.

    Huber's pseudo-observations (Huber & Ronchetti 2009, 7.8) leave the design's Gram matrix the same for all series and
    rounds: what is clipped or not known is replaced by the fit, so one factorisation serves all. Series with more than
    a quarter of their hours hidden are solved on their own, because pseudo-observations creep there.
    """
    factor = cho_factor(columns.T @ columns + np.diag(penalties + 1e-6))
    fitted = np.broadcast_to(np.median(logs, axis=0), logs.shape)
    coefficients = np.zeros((columns.shape[1], logs.shape[1]))
    for _ in range(ROUNDS):
        residual = np.where(known, logs - fitted, 0.0)
        scale = np.array([_scale(residual[known[:, s], s]) for s in range(logs.shape[1])])
        pulled = fitted + np.clip(residual, -HUBER * scale, HUBER * scale)
        coefficients = cho_solve(factor, columns.T @ pulled)
        fitted = columns @ coefficients
    for s in np.flatnonzero((~known).mean(axis=0) > HIDDEN_SHARE_MOST):
        if known[:, s].any():
            coefficients[:, s] = robust_ridge(columns[known[:, s]], logs[known[:, s], s], penalties)
    return np.asarray(coefficients)


def _scale(residual: Floats) -> float:
    return 1.4826 * float(np.median(np.abs(residual))) + 1e-9 if len(residual) else 1.0


def one_service(shared: Shared, chunk: Chunk, place: int, hours: NDArray[np.int64], part: Levelled) -> Singles:
    """Paths of one service [path, interval]; zeros for a service that never had any traffic."""
    rates = chunk.rates[:, place].astype(np.float64)
    if not (np.nan_to_num(rates) > 0).any():
        return np.zeros(shared.lift.shape, dtype=np.float32)
    if np.isnan(part.log_rate).any():
        # Too little ordinary history for a rhythm of its own: the total's, at this service's size.
        base = shared.ordinary + np.log(float(np.nanmean(rates)) / shared.usual_total)
        answer, luck_sd = 1.0 if chunk.touched[place] else 0.0, LUCK_SD
    else:
        base = np.interp(shared.starts + shared.seconds / 2, hours + HOUR / 2, part.log_rate)
        answer, luck_sd = answer_of(shared, rates, part.log_rate[: len(rates)], chunk.touched[place])
    rng = np.random.default_rng([shared.seed, zlib.crc32(chunk.names[place].encode())])
    count = len(shared.lift)
    own = np.sqrt(max(part.level_sd**2 - shared.total_level_sd**2, (OWN_LEVEL_SHARE_LEAST * part.level_sd) ** 2))
    heavy = np.sqrt(LEVEL_FREEDOM / rng.chisquare(LEVEL_FREEDOM, count))
    shift = heavy * (own * rng.standard_normal(count) + luck_sd * rng.standard_normal(count))
    logs = base + answer * shared.lift + shift[:, None]
    logs += _noise(shared.seconds, part.scatter, count, rng)
    rates_drawn: Singles = np.exp(np.clip(logs, -40.0, 40.0)).astype(np.float32)
    if counted := float(part.scatter.counted[0]):
        requests = np.median(rates_drawn, axis=0) * shared.seconds
        rates_drawn *= count_factors(requests, counted, count, rng)
    return rates_drawn


def answer_of(shared: Shared, rates: Floats, log_ordinary: Floats, touched: bool) -> tuple[float, float]:
    """How strongly a service moves with the total in campaigns, and how far single campaigns lie off that."""
    expected = 1.0 if touched else 0.0
    use = ~np.isnan(shared.past_lift) & (rates > 0)
    lift, own = shared.past_lift[use], np.log(np.where(use, rates, 1.0))[use] - log_ordinary[use]
    pull = ANSWER_NOISE_SD**2 / ANSWER_SD**2
    answer = float((lift @ own + pull * expected) / (lift @ lift + pull))
    left = own - answer * lift
    numbers = shared.campaigns[use]
    known = np.unique(numbers[numbers >= 0])
    means = np.array([float(np.mean(left[numbers == c])) for c in known])
    luck = np.sqrt((LUCK_PRIOR * LUCK_SD**2 + float(means @ means)) / (LUCK_PRIOR + len(means)))
    return float(np.clip(answer, 0.0, 3.0)), float(luck)


def _noise(seconds: NDArray[np.int64], scatter: Scatter, count: int, rng: np.random.Generator) -> Floats:
    """Deviations on the log scale that last a while [path, interval]."""
    fresh = rng.standard_normal((count, len(seconds)))
    for i in range(1, len(seconds)):
        keep = scatter.kept_ratio(float(seconds[i - 1]))[0]
        fresh[:, i] = keep * fresh[:, i - 1] + np.sqrt(1.0 - keep**2) * fresh[:, i]
    up, down = (np.minimum(side, NOISE_SD_MOST) for side in (scatter.up, scatter.down))
    return two_sided(fresh, up, down)
