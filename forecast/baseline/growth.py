"""Beyond a week: a damped trend and last year's growth, each taken only as far as it proved itself at that lead.

A level that stands still is the better forecast for days. Over weeks a shop that grows goes on growing, and seasons
come back: both moves are computed as of many past days and scaled by what they were worth there, so that noise gets a
weight near zero (Gardner & McKenzie 1985 for the damping; the weight is a ridge regression through the origin).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.baseline.ridge import Baseline
from forecast.epochs import HOUR

Floats = NDArray[np.float64]

LEAD_DAYS_LEAST = 7.0
DAMPING_PER_DAY = 0.96
TREND_DAYS = 28
YEAR_DAYS = 364
WEEK_DAYS = 7
ORIGIN_EVERY_DAYS = 7
ORIGINS_LEAST = 6
PRIOR_ORIGINS = 4.0
WEEK_HOURS = 168


@dataclass(frozen=True)
class Growth:
    """How much of each move is believed (0 to 1), and the share of the level's error that is left with both."""

    trend_weight: float = 0.0
    year_weight: float = 0.0
    error_ratio: float = 1.0


def with_growth(
    baseline: Baseline, hourly: pd.DataFrame, masked: NDArray[np.bool_], lead_days: float
) -> tuple[Baseline, Growth]:
    """The baseline with its level moved on after history ends; unchanged for leads up to a week.

    hourly, masked: as for `fit_baseline`; lead_days: from the end of history to the campaign.
    """
    if lead_days <= LEAD_DAYS_LEAST:
        return baseline, Growth()
    levels = daily_levels(baseline, hourly, masked)
    growth = learned_growth(levels, round(lead_days))
    days = (baseline.hours - int(baseline.hours[len(hourly) - 1])) / (24.0 * HOUR)
    ahead = np.maximum(days, 0.0)
    rhythm = _weekly_means(baseline.log_requests_per_second)
    waves = np.where(ahead[:, None] > 0, rhythm - rhythm[len(hourly) - 1], 0.0)
    moves = growth.trend_weight * trend_moves(levels, ahead)
    moves += growth.year_weight * (year_moves(levels, ahead) - waves)
    moved = baseline.log_requests_per_second + moves
    narrowed = baseline.level_sd * growth.error_ratio
    return replace(baseline, log_requests_per_second=moved, level_sd=narrowed), growth


def daily_levels(baseline: Baseline, hourly: pd.DataFrame, masked: NDArray[np.bool_]) -> Floats:
    """Mean log rate of each day without the rhythm of hour and weekday [day, service]; days without any are filled."""
    count = len(hourly) // 24 * 24
    logs = baseline.log_requests_per_second[:count]
    rhythm = logs - _weekly_means(logs)
    rates = hourly.to_numpy(dtype=np.float64)[:count]
    known = ~masked[:count] & (rates > 0)
    free = np.where(known, np.log(np.where(known, rates, 1.0)) - rhythm, np.nan)
    days = free.reshape(-1, 24, free.shape[1])
    counts = (~np.isnan(days)).sum(axis=1)
    means = np.where(counts >= 6, np.nansum(days, axis=1) / np.maximum(counts, 1), np.nan)
    return pd.DataFrame(means).interpolate(limit_direction="both").fillna(0.0).to_numpy()


def learned_growth(levels: Floats, lead: int) -> Growth:
    """How far each move would have been right `lead` days ahead, asked every week of history."""
    smooth = _trailing(levels)
    origins = np.arange(TREND_DAYS + WEEK_DAYS, len(levels) - lead, ORIGIN_EVERY_DAYS)
    if len(origins) < ORIGINS_LEAST:
        return Growth()
    came = smooth[origins + lead] - smooth[origins]
    ahead = np.array([float(lead)])
    trends = np.array([trend_moves(levels[: o + 1], ahead)[0] for o in origins])
    trend_weight = _worth(trends, came)
    left = came - trend_weight * trends
    yearly = origins[origins >= YEAR_DAYS + WEEK_DAYS]
    year_weight = 0.0
    if len(yearly) >= ORIGINS_LEAST:
        years = np.array([year_moves(levels[: o + 1], ahead)[0] for o in yearly])
        late = np.isin(origins, yearly)
        year_weight = _worth(years, left[late])
        left[late] -= year_weight * years
    error = np.sqrt(np.sum(left**2) / max(float(np.sum(came**2)), 1e-12))
    return Growth(trend_weight, year_weight, float(np.clip(error, 0.5, 1.0)))


def trend_moves(levels: Floats, ahead_days: Floats) -> Floats:
    """How far a damped straight line through the last four weeks goes on [ahead, service]."""
    recent = levels[-TREND_DAYS:]
    days = np.arange(len(recent), dtype=np.float64)
    away = days - days.mean()
    slope = away @ (recent - recent.mean(axis=0)) / max(float(away @ away), 1e-9)
    damped = DAMPING_PER_DAY * (1.0 - DAMPING_PER_DAY**ahead_days) / (1.0 - DAMPING_PER_DAY)
    return np.asarray(damped[:, None] * slope)


def year_moves(levels: Floats, ahead_days: Floats) -> Floats:
    """How far the level moved over the same days a year ago [ahead, service]; nothing with less than a year."""
    if len(levels) < YEAR_DAYS + WEEK_DAYS:
        return np.zeros((len(ahead_days), levels.shape[1]))
    smooth = _trailing(levels)
    then = len(levels) - 1 - YEAR_DAYS
    at = np.minimum(then + ahead_days, len(levels) - 1.0)
    days = np.arange(len(levels), dtype=np.float64)
    return np.column_stack([np.interp(at, days, column) - column[then] for column in smooth.T])


def _worth(moves: Floats, came: Floats) -> float:
    """The share of a move that would have been right, pulled to zero as if four more times nothing had come of it."""
    size = float(np.sum(moves**2))
    if size <= 1e-12:
        return 0.0
    prior = PRIOR_ORIGINS * size / len(moves)
    return float(np.clip(np.sum(moves * came) / (size + prior), 0.0, 1.0))


def _trailing(levels: Floats) -> Floats:
    """Means over the week up to each day: weekdays do not matter any more."""
    return pd.DataFrame(levels).rolling(WEEK_DAYS, min_periods=1).mean().to_numpy()


def _weekly_means(logs: Floats) -> Floats:
    return pd.DataFrame(logs).rolling(WEEK_HOURS, center=True, min_periods=1).mean().to_numpy()
