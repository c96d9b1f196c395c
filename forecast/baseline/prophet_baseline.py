"""Prophet as a second opinion on ordinary hours; the only module that knows it."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import holidays
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from forecast.baseline.ridge import rate_floor
from forecast.baseline.seasons import public_holidays

if TYPE_CHECKING:
    from prophet import Prophet

Floats = NDArray[np.float64]

LEARNED_DAYS = 200
PEER_LEARNED_DAYS = 400
EVENT_SD = 0.5


def prophet_log_rates(
    rates: pd.Series[float],
    known: NDArray[np.bool_],
    hours: pd.DatetimeIndex,
    zone: ZoneInfo,
    country: str | None,
    seed: int,
    events: Floats | None = None,
) -> Floats:
    """Prophet's log rates at `hours` (naive UTC), learned from the known hours of `rates`; trend flat after history.

    The trend is piecewise linear inside history and held at its last value after it; days are the zone's own. It learns
    from the last 200 days: its fit slows with every row, and the yearly rhythm is the ridge baseline's part.
    events [hour, column]: regressors from the first of `rates` to the last of `hours`, without holes.
    """
    first = rates.index[0]
    recent = rates.index >= rates.index[-1] - pd.Timedelta(days=LEARNED_DAYS)
    rates, known = rates[recent], known[recent]
    log_rate = np.log(
        np.maximum(rates.to_numpy(dtype=np.float64), rate_floor(np.asarray(rates.to_numpy()[known], dtype=np.float64)))
    )
    frame = pd.DataFrame({"ds": _local(pd.DatetimeIndex(rates.index), zone), "y": log_rate})[known]
    length_days = (frame["ds"].iloc[-1] - frame["ds"].iloc[0]).days
    with _quiet():
        from prophet import Prophet

        model = Prophet(
            growth="linear",
            yearly_seasonality=False,
            weekly_seasonality=3 if length_days >= 14 else False,
            daily_seasonality=8,
            n_changepoints=min(25, max(length_days // 14, 2)),
            changepoint_prior_scale=0.05,
            uncertainty_samples=0,
            holidays=_holiday_frame(country, frame["ds"], hours),
        )
        if events is None:
            model.add_seasonality("weekend_day", 1, 6, condition_name="weekend")
        frame["weekend"] = pd.DatetimeIndex(frame["ds"]).day_of_week >= 5
        ahead = pd.DataFrame({"ds": _local(hours, zone)})
        ahead["weekend"] = pd.DatetimeIndex(ahead["ds"]).day_of_week >= 5
        if events is not None:
            past = _rows_at(events, first, pd.DatetimeIndex(rates.index[known]))
            frame, ahead = _with_events(model, frame, ahead, past, _rows_at(events, first, hours))
        model.fit(frame, seed=seed)
        predicted = model.predict(ahead)
    trend = predicted["trend"].to_numpy()
    inside = (ahead["ds"] <= frame["ds"].iloc[-1]).to_numpy()
    held = trend[inside][-1] if inside.any() else trend[0]
    rates_found: Floats = predicted["yhat"].to_numpy() - trend + np.where(inside, trend, held)
    return rates_found


def _rows_at(events: Floats, first: pd.Timestamp, hours: pd.DatetimeIndex) -> Floats:
    rows: Floats = events[((hours - first) // pd.Timedelta(hours=1)).to_numpy(dtype=np.int64)]
    return rows


def _with_events(
    model: Prophet, frame: pd.DataFrame, ahead: pd.DataFrame, past: Floats, future: Floats
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The events that have ever happened added as regressors, to the model and to both tables."""
    chosen = np.flatnonzero(np.abs(past).sum(axis=0) > 0)
    names = [f"event{i}" for i in chosen]
    for name in names:
        model.add_regressor(name, prior_scale=EVENT_SD, standardize=False)
    made = (pd.DataFrame(values[:, chosen], columns=names) for values in (past, future))
    learned, later = made
    return pd.concat([frame.reset_index(drop=True), learned], axis=1), pd.concat([ahead, later], axis=1)


def _local(hours: pd.DatetimeIndex, zone: ZoneInfo) -> pd.DatetimeIndex:
    return hours.tz_localize("UTC").tz_convert(zone).tz_localize(None)


def _holiday_frame(country: str | None, past: pd.Series[pd.Timestamp], hours: pd.DatetimeIndex) -> pd.DataFrame | None:
    named = public_holidays(country, int(past.iloc[0].year), int(hours[-1].year))
    if not named:
        return None
    return pd.DataFrame({"holiday": list(named.values()), "ds": pd.to_datetime([str(day) for day in named])})


@contextmanager
def _quiet() -> Iterator[None]:
    """Prophet's log lines and its own deprecation warnings say nothing that a reader of a forecast could use."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def prophet_samples(
    rates: pd.Series[float],
    hours: pd.DatetimeIndex,
    zone: ZoneInfo,
    country: str | None,
    events: Mapping[str, tuple[Floats, Floats]],
    seed: int,
    paths: int = 300,
) -> tuple[Floats, Floats]:
    """Prophet as people use it: requests per second straight, every hour learned from, its own uncertainty.

    rates: the known hours (naive UTC index, NaN left out); hours: what to forecast; events: regressors by name, each as
    (past, ahead) values on the two indices, entered multiplicatively.

    Returns:
        Middle [hour] and samples [path, hour], below zero cut off.
    """
    frame = pd.DataFrame({"ds": _local(pd.DatetimeIndex(rates.index), zone), "y": rates.to_numpy(dtype=np.float64)})
    ahead = pd.DataFrame({"ds": _local(hours, zone)})
    for name, (past, future) in events.items():
        frame[name], ahead[name] = past, future
    known = frame["y"].notna()
    recent = frame["ds"] >= frame["ds"].iloc[-1] - pd.Timedelta(days=PEER_LEARNED_DAYS)
    with _quiet():
        from prophet import Prophet

        model = Prophet(uncertainty_samples=paths)
        if country is not None and country.upper() in holidays.list_supported_countries():
            model.add_country_holidays(country_name=country.upper())
        for name in events:
            model.add_regressor(name, mode="multiplicative", standardize=False)
        model.fit(frame[known & recent], seed=seed)
        np.random.seed(seed)
        drawn = model.predictive_samples(ahead)["yhat"].T
        middle = model.predict(ahead)["yhat"].to_numpy()
    return np.maximum(middle, 0.0), np.maximum(drawn, 0.0)
