"""What is usual for an hour of the week: the yardstick for outages and surges, not a forecast."""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.epochs import naive_utc
from forecast.history.buckets import HOUR_SECONDS, Series, averaged

WEEK_HOURS = 168
WEEKS_EACH_SIDE = 4
DAYS_EACH_SIDE = 10
WITNESSES_AT_LEAST = 3

Floats = NDArray[np.float64]


def hourly_rates(series: Series) -> tuple[NDArray[np.int64], Floats]:
    """Hours since 1970 without holes, and the mean rate in each (NaN where less than half is known)."""
    hours = averaged(series, HOUR_SECONDS)
    numbers = hours.starts // HOUR_SECONDS
    every = np.arange(numbers[0], numbers[-1] + 1) if len(numbers) else numbers
    rates = np.full(len(every), np.nan)
    rates[numbers - every[0] if len(numbers) else numbers] = hours.rates
    return every, rates


def usual_rates(hours: NDArray[np.int64], rates: Floats, excluded: NDArray[np.bool_], zone: ZoneInfo) -> Floats:
    """The median rate of the same local hour of the week within four weeks each side, without excluded hours.

    Where fewer than three such hours are known: of the same hour of the day within ten days each side; NaN where
    there are fewer than three of those too. hours: since 1970, without holes.
    """
    if not len(hours):
        return rates
    witnesses = np.where(excluded, np.nan, rates)
    local = hours + _offset_hours(hours, zone)
    weekly = _seasonal_median(local, witnesses, WEEK_HOURS, WEEKS_EACH_SIDE)
    daily = _seasonal_median(local, witnesses, 24, DAYS_EACH_SIDE)
    return np.where(np.isnan(weekly), daily, weekly)


def _offset_hours(hours: NDArray[np.int64], zone: ZoneInfo) -> NDArray[np.int64]:
    """Whole hours that the local clock is ahead of UTC; half-hour zones are rounded down, all hours alike."""
    index = pd.DatetimeIndex(naive_utc(hours * HOUR_SECONDS))
    local = index.tz_localize("UTC").tz_convert(zone).tz_localize(None)
    ahead: NDArray[np.int64] = ((local - index) // pd.Timedelta(hours=1)).to_numpy().astype(np.int64)
    return ahead


def _seasonal_median(local: NDArray[np.int64], values: Floats, period: int, each_side: int) -> Floats:
    """The median of the same hour of the period within so many periods each side, itself included."""
    row, column = local // period, local % period
    row = row - row.min()
    table = np.full((int(row.max()) + 1 + 2 * each_side, period), np.nan)
    table[row + each_side, column] = values
    windows = np.lib.stride_tricks.sliding_window_view(table, 2 * each_side + 1, axis=0)
    found: Floats = _medians(windows)[row, column]
    return found


def _medians(windows: Floats) -> Floats:
    """The median of each window's known values, NaN where there are too few; sorting puts the unknown ones last."""
    ordered = np.sort(windows, axis=-1)
    known = (~np.isnan(ordered)).sum(axis=-1)
    low, high = (np.maximum(known - 1, 0) // 2, np.minimum(known // 2, ordered.shape[-1] - 1))
    middle = [np.take_along_axis(ordered, at[..., None], axis=-1)[..., 0] for at in (low, high)]
    medians: Floats = np.where(known >= WITNESSES_AT_LEAST, (middle[0] + middle[1]) / 2, np.nan)
    return medians


def usual_at(hours: NDArray[np.int64], usual: Floats, series: Series) -> Floats:
    """The usual rate at the middle of each bucket, straight between the middles of hours; NaN where not known."""
    if not len(series) or not len(hours):
        return np.full(len(series), np.nan)
    middles = series.starts + series.lengths / 2
    centres = hours * HOUR_SECONDS + HOUR_SECONDS / 2
    between: Floats = np.interp(middles, centres, usual)
    return between
