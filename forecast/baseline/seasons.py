"""What the calendar says about an hour: the columns that ordinary traffic is regressed on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from zoneinfo import ZoneInfo

import holidays
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.epochs import DAY, HOUR

YEARLY_FROM_DAYS = 400
YEARLY_WAVES = 3
HINGE_DAYS = 28
HOLIDAY_BLOCKS = 8

CHINESE_DAYS = {(6, 18): "618", (11, 11): "Double 11", (12, 12): "Double 12"}
BLACK_FRIDAY_COUNTRIES = frozenset({"AU", "BR", "CA", "DE", "ES", "FR", "GB", "IT", "US"})

FREE, WEAK, STRONG = 1e-3, 0.5, 6.0


@dataclass(frozen=True)
class Design:
    """Regression columns by hour, and how strongly each is pulled to zero."""

    columns: NDArray[np.float64]
    penalties: NDArray[np.float64]


@cache
def public_holidays(country: str | None, first_year: int, last_year: int) -> dict[object, str]:
    """Public holidays by local date, named in English where the calendar can; empty without a country it knows."""
    if country is None or country.upper() not in holidays.list_supported_countries():
        return {}
    years = range(first_year, last_year + 1)
    supported = holidays.country_holidays(country.upper()).supported_languages
    language = "en_US" if "en_US" in supported else None
    return dict(holidays.country_holidays(country.upper(), years=years, language=language).items())


@cache
def shopping_days(country: str | None, first_year: int, last_year: int) -> dict[object, str]:
    """Days on which everybody shops, by local date: what they bring is no campaign's own, and no public holiday's."""
    code, found = (country or "").upper(), dict[object, str]()
    for year in range(first_year, last_year + 1):
        if code == "CN":
            found |= {date(year, month, day): name for (month, day), name in CHINESE_DAYS.items()}
        elif code in BLACK_FRIDAY_COUNTRIES:
            thanksgiving = date(year, 11, 22 + (3 - date(year, 11, 22).weekday()) % 7)  # the fourth Thursday
            found[thanksgiving + timedelta(days=1)] = "Black Friday"
            found[thanksgiving + timedelta(days=4)] = "Cyber Monday"
    return found


def design(
    hours: pd.DatetimeIndex,
    known: NDArray[np.bool_],
    zone: ZoneInfo,
    country: str | None,
    ordinary: NDArray[np.bool_] | None = None,
) -> Design:
    """Hour of day, day of week, their product, holidays, shopping days, yearly waves and a trend.

    The trend stops where nothing is known. `hours` are naive UTC; `known` says of those of history, the first ones,
    which are learned from; `ordinary` which of them no campaign touches, where others are learned from too. Penalties
    are ridge penalties in units of one hour's squared error.
    """
    local = hours.tz_localize("UTC").tz_convert(zone)
    hour, weekday = local.hour.to_numpy(), local.day_of_week.to_numpy()
    groups = [
        (np.ones((len(hours), 1)), 0.0),
        (_one_hot(hour, 24), FREE * 100),
        (_one_hot(weekday, 7), FREE * 100),
        (_one_hot(weekday * 24 + hour, 168), STRONG),
        (_holiday_columns(local, country), STRONG),
        (_shopping_columns(local, known if ordinary is None else ordinary, country), STRONG),
        (_yearly(hours, len(known)), WEAK * 10),
        (_hinges(known, len(hours)), WEAK),
    ]
    columns = np.hstack([block for block, _ in groups])
    penalties = np.concatenate([np.full(block.shape[1], penalty) for block, penalty in groups])
    return Design(columns, penalties)


def _one_hot(values: NDArray[np.int32], count: int) -> NDArray[np.float64]:
    chosen: NDArray[np.float64] = (values[:, None] == np.arange(count)).astype(np.float64)
    return chosen


def _holiday_columns(local: pd.DatetimeIndex, country: str | None) -> NDArray[np.float64]:
    """A column for each named holiday (all its days), and the day's rhythm on any of them."""
    named = public_holidays(country, int(local.year.min()), int(local.year.max()))
    dates = local.date
    names = np.array([named.get(date, "") for date in dates])
    known = sorted({str(name) for name in names if name})
    if not known:
        return np.zeros((len(local), 0))
    each = (names[:, None] == np.array(known)).astype(np.float64)
    rhythm = _one_hot(local.hour.to_numpy() * HOLIDAY_BLOCKS // 24, HOLIDAY_BLOCKS) * (names != "")[:, None]
    return np.hstack([each, rhythm])


def _shopping_columns(local: pd.DatetimeIndex, ordinary: NDArray[np.bool_], country: str | None) -> NDArray[np.float64]:
    """A column for each shopping day of which an ordinary hour is known: on most of them own campaigns run."""
    named = shopping_days(country, int(local.year.min()), int(local.year.max()))
    names = np.array([named.get(day, "") for day in local.date])
    learned = sorted({str(name) for name in names[: len(ordinary)][ordinary] if name})
    each: NDArray[np.float64] = (names[:, None] == np.array(learned, dtype=names.dtype)).astype(np.float64)
    return each


def _yearly(hours: pd.DatetimeIndex, past: int) -> NDArray[np.float64]:
    days = (hours - hours[0]).total_seconds().to_numpy() / DAY
    if (past - 1) * HOUR < YEARLY_FROM_DAYS * DAY:
        return np.zeros((len(hours), 0))
    angles = 2 * np.pi * np.outer(days / 365.25, np.arange(1, YEARLY_WAVES + 1))
    return np.hstack([np.sin(angles), np.cos(angles)])


def _hinges(known: NDArray[np.bool_], count: int) -> NDArray[np.float64]:
    """Changes of slope after every four weeks' worth of known hours; all stand still after the last one [hour, knot].

    Long campaigns leave months of which nothing ordinary is known: a slope that could change there would lead anywhere.
    """
    at = np.flatnonzero(known)
    if len(at) == 0:
        return np.zeros((count, 0))
    every = int(HINGE_DAYS * DAY / HOUR)
    knots = at[: max(len(at) - every, 1) : every]
    slopes: NDArray[np.float64] = np.maximum(np.minimum(np.arange(count), at[-1])[:, None] - knots, 0) / every
    return slopes
