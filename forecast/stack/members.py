"""The stack's members: what each way of forecasting says about the hours of a campaign, with the same knowledge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from campaign.plan import Plan
from campaign.settings import Settings
from forecast.baseline.prophet_baseline import prophet_log_rates
from forecast.baseline.ridge import Baseline, rate_floor
from forecast.baseline.seasons import design
from forecast.epochs import DAY, HOUR, naive_utc
from forecast.evidence import Evidence, long_known
from forecast.stack.arma import arma_log_rates
from forecast.stack.boosting import boosted_log_rates, boosting_loads
from forecast.stack.columns import EDGES, FIELD, PART_OF_DAY, EventColumns, event_columns, with_rhythm
from forecast.stack.stack import ARMA, BOOSTING, PROPHET_HELD

Floats = NDArray[np.float64]

RECENT_HOURS = 400 * 24
SHORT_HOURS = 100 * 24
NEAR_HOURS = 24
BEYOND_SEEN = float(np.log(4.0))
EFFECT_SD, FINE_EFFECT_SD = 0.6, 0.3


@dataclass(frozen=True)
class Known:
    """The total of services that a campaign touches, by hour, through to the end of the forecast.

    hours: seconds since 1970; log_rates: NaN where not known and ahead; log_base: ordinary traffic, all [hour];
    past: how many of the hours are history.
    """

    hours: NDArray[np.int64]
    log_rates: Floats
    log_base: Floats
    past: int


def members_of(
    evidence: Evidence,
    target: Plan,
    plans: Sequence[Plan],
    settings: Settings,
    baseline: Baseline,
    hours: NDArray[np.int64],
    seed: int = 0,
) -> dict[str, Floats]:
    """Each member's middle over `hours` [hour], in requests per second on the services that the target touches.

    baseline: ordinary traffic over history and beyond `hours`. Members that cannot be fitted are left out.
    """
    touched = np.array([target.touches(name) for name in baseline.services])
    learned = touched & long_known(evidence.hourly)
    learned = learned if learned.any() else touched
    known = known_of(evidence, learned, baseline, int(hours[-1]))
    # Services that began lately go with the others: a few weeks do not teach what campaigns do.
    rest = log_base_of(baseline, touched, len(known.hours)) - known.log_base
    columns = event_columns(known.hours, target, plans)
    fine = with_rhythm(columns, known.hours, settings.zone, target.kind)
    at = np.searchsorted(known.hours, hours)
    logs: dict[str, Floats] = {ARMA: _arma(known, fine.without(EDGES), settings)}
    if boosting_loads():
        logs[BOOSTING] = _boosting(known, fine, settings, seed)
    logs[PROPHET_HELD] = _prophet(known, columns, settings, seed)
    low, high = seen_range(known, columns)
    return {
        name: np.exp((np.clip(values, known.log_base + low, known.log_base + high) + rest)[at])
        for name, values in logs.items()
    }


def seen_range(known: Known, columns: EventColumns) -> tuple[float, float]:
    """How far campaigns have ever moved an hour from ordinary traffic, on the log scale, and a factor of four beyond.

    Regressors that happened once or twice can send a fit anywhere; four times what was seen is enough.
    """
    over = (known.log_rates - known.log_base)[columns.touched() & ~np.isnan(known.log_rates)]
    low, high = (float(f(over, initial=0.0)) for f in (np.min, np.max))
    return low - BEYOND_SEEN, high + BEYOND_SEEN


def known_of(evidence: Evidence, services: NDArray[np.bool_], baseline: Baseline, last_hour: int) -> Known:
    total = evidence.hourly.loc[:, services].sum(axis=1, skipna=False).to_numpy(dtype=np.float64, copy=True)
    total[disturbed_hours(evidence, services)] = np.nan
    inside = baseline.hours <= last_hour
    rates = np.full(int(inside.sum()), np.nan)
    rates[: len(total)] = total
    floor = rate_floor(rates[~np.isnan(rates)])
    log_base = log_base_of(baseline, services, len(rates))
    return Known(baseline.hours[inside], np.log(np.maximum(rates, floor)), log_base, len(total))


def disturbed_hours(evidence: Evidence, services: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Hours [hour] of which nothing says what demand was on one of the services: missing, not low or high."""
    names = {name for name, used in zip(evidence.services, services, strict=True) if used}
    hours = evidence.hours
    found = np.zeros(len(hours), dtype=bool)
    for d in evidence.disturbed:
        if d.service in names and d.kind != "surge":
            found |= (hours >= d.starts) & (hours + HOUR <= d.ends)
    return found


def log_base_of(baseline: Baseline, services: NDArray[np.bool_], count: int) -> Floats:
    """Ordinary traffic of some services together, on the log scale, over the first `count` hours."""
    found: Floats = np.log(np.exp(baseline.log_requests_per_second[:count][:, services]).sum(axis=1))
    return found


def _arma(known: Known, columns: EventColumns, settings: Settings) -> Floats:
    """With the calendar beside the events where history is short and most hours are a campaign's; else over ordinary
    traffic, which is known better without them and takes a fraction of the time."""
    fine = [name.startswith(FIELD) or PART_OF_DAY in name for name in columns.names]
    sds = np.where(fine, FINE_EFFECT_SD, EFFECT_SD)
    if known.past <= SHORT_HOURS:
        index = pd.DatetimeIndex(naive_utc(known.hours))
        every, ordinary = np.ones(known.past, dtype=bool), ~columns.touched()[: known.past]
        calendar = design(index, every, settings.zone, settings.country, ordinary)
        return arma_log_rates(known.log_rates, calendar.columns, calendar.penalties, columns.values, sds)
    level = np.ones((len(known.hours), 1))
    over = arma_log_rates(known.log_rates - known.log_base, level, np.zeros(1), columns.values, sds)
    return np.asarray(known.log_base + over)


def _boosting(known: Known, columns: EventColumns, settings: Settings, seed: int) -> Floats:
    """Learns from the last 400 days and from every campaign with a day on both sides."""
    local = pd.DatetimeIndex(naive_utc(known.hours)).tz_localize("UTC").tz_convert(settings.zone)
    day = pd.Series(known.log_base).rolling(24, center=True, min_periods=1).mean().to_numpy()
    features = np.column_stack([local.hour, local.day_of_week, columns.values, known.log_base - day])
    reached = columns.touched()
    near = np.convolve(reached, np.ones(2 * NEAR_HOURS + 1), "same") > 0
    recent = np.arange(len(near)) >= known.past - RECENT_HOURS
    rates = np.where(near | recent, known.log_rates, np.nan)
    return boosted_log_rates(rates, known.log_base, features, reached, seed)


def _prophet(known: Known, columns: EventColumns, settings: Settings, seed: int) -> Floats:
    """Prophet on the log scale with the plans' effects as regressors and its trend held where history ends."""
    index = pd.DatetimeIndex(naive_utc(known.hours))
    told = pd.Series(np.exp(known.log_rates[: known.past]), index=index[: known.past])
    ahead = slice(known.past - DAY // HOUR, None)
    found = known.log_base.copy()
    found[ahead] = prophet_log_rates(
        told, told.notna().to_numpy(), index[ahead], settings.zone, settings.country, seed, columns.values
    )
    return found
