"""Ordinary traffic: what each hour brings when no campaign runs, on the log scale.

A robust ridge regression on the calendar gives the rhythm, an exponentially weighted level follows what the calendar
does not know. The level stands still after history ends: three days of extrapolated trend cost more than they bring
(worldcup98: WAPE 0.61 -> 0.46 without). Campaign windows, outages and gaps are masked, never learned as rhythm.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.signal import lfilter

from forecast.baseline.scatter import Scatter, scatter_of
from forecast.baseline.seasons import design
from forecast.epochs import DAY, HOUR, epochs

Floats = NDArray[np.float64]

LEVEL_HALF_LIFE_HOURS = 96.0
PAST_HALF_LIFE_HOURS = 36.0
HUBER = 1.5
ROBUST_ROUNDS = 3
FLOOR_SHARE = 0.005
FLOOR_REQUESTS_PER_SECOND = 1.0 / 3600.0
LEVEL_SD_MIN, LEVEL_SD_MAX = 0.02, 1.0


@dataclass(frozen=True)
class Baseline:
    """Ordinary traffic by hour, through history and on to the horizon.

    hours: seconds since 1970 when each hour starts [hour].
    log_requests_per_second: natural log of the hour's mean rate [hour, service].
    level_sd: how far a whole day may lie off at the horizon, on the log scale [service].
    past_level_sd: the same inside history, where days on both sides are known [service].
    scatter: how far single hours lie off, up and down, and how long that lasts.
    """

    services: tuple[str, ...]
    hours: NDArray[np.int64]
    log_requests_per_second: Floats
    level_sd: Floats
    past_level_sd: Floats
    scatter: Scatter

    def log_at(self, service: int, times: NDArray[np.int64] | Floats) -> Floats:
        """Log rate at instants (seconds since 1970), linear between the middles of the hours."""
        found: Floats = np.interp(times, self.hours + HOUR / 2, self.log_requests_per_second[:, service])
        return found

    def season_at(self, service: int, times: NDArray[np.int64] | Floats) -> Floats:
        """How far the hour lies above or below its own day, on the log scale."""
        column = pd.Series(self.log_requests_per_second[:, service])
        day = column.rolling(24, center=True, min_periods=1).mean().to_numpy()
        found: Floats = np.interp(times, self.hours + HOUR / 2, column.to_numpy() - day)
        return found


def fit_baseline(
    hourly: pd.DataFrame,
    masked: NDArray[np.bool_],
    horizon: pd.DatetimeIndex,
    zone: ZoneInfo,
    country: str | None,
    lead_days: float,
) -> Baseline:
    """Learn ordinary traffic from `hourly` (naive UTC index without holes, mean requests per second, NaN = missing).

    `masked` [hour, service] says which hours not to learn from; `horizon` continues the index to where rates are
    needed; `lead_days` is how far ahead the level's error is measured, further for a service that fell silent before.
    """
    hours = hourly.index.append(horizon)
    known = np.zeros((len(hours), hourly.shape[1]), dtype=bool)
    known[: len(hourly)] = ~masked & hourly.notna().to_numpy()
    rates = np.full(known.shape, np.nan)
    rates[: len(hourly)] = hourly.to_numpy(dtype=np.float64)
    made = design(pd.DatetimeIndex(hours), np.asarray(known[: len(hourly)].any(axis=1)), zone, country)
    leads = lead_days + days_silent(hourly.to_numpy(dtype=np.float64))
    parts = [_one(rates[:, s], known[:, s], made.columns, made.penalties, leads[s]) for s in range(rates.shape[1])]
    return Baseline(
        tuple(str(name) for name in hourly.columns),
        epochs(hours),
        np.column_stack([part.log_rate for part in parts]),
        np.array([part.level_sd for part in parts]),
        np.array([part.past_level_sd for part in parts]),
        Scatter.joined([part.scatter for part in parts]),
    )


def days_silent(rates: NDArray[np.floating]) -> Floats:
    """How long before the end of history [hour, service] each service's last known hour lies: its lead is longer."""
    known = ~np.isnan(rates)
    hours = np.where(known.any(axis=0), known[::-1].argmax(axis=0), len(rates))
    return np.asarray(hours * HOUR / DAY)


@dataclass(frozen=True)
class Levelled:
    """One service's log rates [hour] and spreads, as `Baseline` has them (its scatter has one service)."""

    log_rate: Floats
    level_sd: float
    past_level_sd: float
    scatter: Scatter


def _one(rates: Floats, known: NDArray[np.bool_], columns: Floats, penalties: Floats, lead_days: float) -> Levelled:
    log_rate = np.log(np.maximum(rates, rate_floor(rates[known])))
    fitted = columns @ robust_ridge(columns[known], log_rate[known], penalties)
    residual = np.where(known, log_rate - fitted, np.nan)
    return levelled(fitted, residual, known, lead_days)


def rate_floor(rates: Floats) -> float:
    """The least rate that is told from zero: logs need one."""
    positive = rates[rates > 0]
    return max(FLOOR_SHARE * float(np.median(positive)), FLOOR_REQUESTS_PER_SECOND) if len(positive) else 1e-6


def robust_ridge(columns: Floats, target: Floats, penalties: Floats) -> Floats:
    """Coefficients of a ridge regression whose outliers count less (Huber weights, reweighted a few times)."""
    weights = np.ones(len(target))
    coefficients = np.zeros(columns.shape[1])
    for _ in range(ROBUST_ROUNDS):
        weighted = columns * weights[:, None]
        gram = weighted.T @ columns + np.diag(penalties + 1e-6)
        coefficients = cho_solve(cho_factor(gram), weighted.T @ target)
        residual = target - columns @ coefficients
        scale = 1.4826 * float(np.median(np.abs(residual))) + 1e-9
        weights = np.minimum(1.0, HUBER * scale / np.maximum(np.abs(residual), 1e-12))
    return coefficients


def levelled(fitted: Floats, residual: Floats, known: NDArray[np.bool_], lead_days: float) -> Levelled:
    """Add the level that `residual` (NaN where not known) shows to `fitted` [hour], held after history ends."""
    last = int(np.flatnonzero(known)[-1])
    clipped = _winsorised(residual)
    forward = _weighted_level(clipped, LEVEL_HALF_LIFE_HOURS)
    both = _two_sided_level(clipped, PAST_HALF_LIFE_HOURS)
    level = np.where(np.arange(len(fitted)) <= last, both, forward[last])
    left = residual - both
    daily = _daily_means(residual)
    error = _level_error(daily, _daily_means(forward), lead_days)
    shift = float(np.nan_to_num(daily[~np.isnan(daily)][-1] - forward[last]))
    return Levelled(
        fitted + level,
        float(np.clip(np.hypot(error, 0.5 * shift), LEVEL_SD_MIN, LEVEL_SD_MAX)),
        float(np.clip(0.6 * error, LEVEL_SD_MIN, LEVEL_SD_MAX)),
        scatter_of(_winsorised(left), fitted + level),
    )


def _winsorised(values: Floats, widths: float = 4.0) -> Floats:
    scale = 1.4826 * float(np.nanmedian(np.abs(values))) + 1e-9
    return np.clip(values, -widths * scale, widths * scale)


def _weighted_level(residual: Floats, half_life_hours: float, prior_hours: float = 4.0) -> Floats:
    """Exponentially weighted mean of what is known up to each hour, pulled to zero by a few hours' worth."""
    total, weight = _running(residual, half_life_hours)
    level: Floats = total / (weight + prior_hours)
    return level


def _two_sided_level(residual: Floats, half_life_hours: float, prior_hours: float = 4.0) -> Floats:
    total, weight = _running(residual, half_life_hours)
    later, later_weight = _running(residual[::-1], half_life_hours)
    own = np.nan_to_num(residual)
    known = (~np.isnan(residual)).astype(float)
    level: Floats = (total + later[::-1] - own) / (weight + later_weight[::-1] - known + prior_hours)
    return level


def _running(residual: Floats, half_life_hours: float) -> tuple[Floats, Floats]:
    keep = 0.5 ** (1.0 / half_life_hours)
    total: Floats = lfilter([1.0], [1.0, -keep], np.nan_to_num(residual))
    weight: Floats = lfilter([1.0], [1.0, -keep], (~np.isnan(residual)).astype(float))
    return total, weight


def _daily_means(values: Floats) -> Floats:
    days = values[: len(values) // 24 * 24].reshape(-1, 24)
    known = ~np.isnan(days)
    counts = known.sum(axis=1)
    return np.where(counts >= 6, np.nansum(days, axis=1) / np.maximum(counts, 1), np.nan)


def _level_error(daily: Floats, level: Floats, lead_days: float) -> float:
    """Root mean squared error of yesterday's level as a forecast for the day `lead_days` later, over history."""
    lead = int(np.clip(round(lead_days), 1, max(len(daily) // 3, 1)))
    errors = daily[lead:] - level[:-lead]
    errors = errors[~np.isnan(errors)]
    if len(errors) < 5:
        return 0.15
    return float(np.sqrt(np.mean(_winsorised(errors, 5.0) ** 2)))


def campaign_mask(
    hours: NDArray[np.int64], spans: list[tuple[int, int]], before_seconds: int, after_seconds: int
) -> NDArray[np.bool_]:
    """Which hours (seconds since 1970) touch any of the spans, widened on both sides."""
    touched = np.zeros(len(hours), dtype=bool)
    for starts, ends in spans:
        touched |= (hours + HOUR > starts - before_seconds) & (hours < ends + after_seconds)
    return touched


def blended(mine: Baseline, other_log: Floats, weight: float) -> Baseline:
    """The baseline with `weight` of another member's log rates [hour, service] mixed in."""
    mixed = (1.0 - weight) * mine.log_requests_per_second + weight * other_log
    return replace(mine, log_requests_per_second=mixed)
