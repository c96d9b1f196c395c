"""The people behind the requests: sessions, orders and support contacts, on the same path index as the traffic.

Orders are a sum of requests per service with learned factors; contacts follow sessions at once and orders with learned
lags of up to two weeks. Where history says nothing, the factors are priors with a source, and the output says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import nnls

from campaign.demand import HALF_HOUR_SECONDS, DemandPaths
from campaign.language import Text, say
from campaign.settings import Desk, Settings, minutes_of_day
from forecast.epochs import DAY, HOUR, epochs, naive_utc

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

ORDERS_PER_SESSION_ASSUMED = 0.03
CONTACTS_PER_ORDER_ASSUMED = 0.067
CONTACTS_PER_SESSION_ASSUMED = 0.0005
# Shares of contacts per order by lag in hours: payment, change of order, where is my order, refund.
LAGS_ASSUMED = ((1.0, 0.15), (24.0, 0.15), (72.0, 0.40), (168.0, 0.30))
ASSUMED_LOG_SD = 0.4
LAG_HOURS = (0.5, 3.0, 8.0, 24.0, 48.0, 72.0, 96.0, 120.0, 168.0, 216.0, 264.0, 312.0)
LEAD_HOURS = (-12.0, -24.0, -36.0)
LAG_REACH_HOURS = 14 * 24
LAG_EARLIEST_HOURS = 72
RECENT_DAYS = 240
ROWS_MIN = 14 * 24


@dataclass(frozen=True)
class OrderRule:
    """orders in an hour = sum over services of requests in the hour * factor, times exp(normal(0, log_sd))."""

    factors: Floats
    log_sd: float


@dataclass(frozen=True)
class ContactRule:
    """Contacts of a desk in a half-hour while it is open, by lags of orders and leads and presence of sessions.

    lag_hours, factors: contacts per order and half-hour around each lag; session_factor: contacts per session now;
    lead_factors: contacts per session to come; log_sd: what is left unexplained.
    """

    lag_factors: Floats
    session_factor: float
    lead_factors: Floats
    log_sd: float


@dataclass(frozen=True)
class DemandRules:
    """Everything learned about people, with what had to be assumed."""

    session_service: int | None
    requests_per_session: float
    orders: OrderRule
    contacts: tuple[ContactRule, ...]
    assumptions: tuple[Text, ...]


def sessions_of(requests: Floats, rules: DemandRules) -> Floats:
    """Sessions from requests [..., service, interval]."""
    counted = requests.sum(axis=-2) if rules.session_service is None else requests[..., rules.session_service, :]
    found: Floats = counted / rules.requests_per_session
    return found


def learn_demand(
    hourly: pd.DataFrame,
    orders: pd.DataFrame | None,
    contacts: pd.DataFrame | None,
    settings: Settings,
    requests_per_visit: float,
) -> DemandRules:
    """Learn factors and lags from history.

    hourly: mean requests per second by naive-UTC hour, a column per service; orders: `starts_at_utc`, `orders`;
    contacts: `starts_at_utc`, `desk`, `contacts`.
    """
    said: list[Text] = []
    services = [str(name) for name in hourly.columns]
    service, per_session = session_rule(settings, services, requests_per_visit, said)
    by_hour = None if orders is None else orders_by_hour(orders, hourly.index)
    plain = DemandRules(service, per_session, OrderRule(np.zeros(len(services)), 0.0), (), ())
    rule = _order_rule(hourly, by_hour, plain, said, _funnel_conversion(settings))
    requests = hourly.to_numpy(dtype=np.float64) * HOUR
    filled = np.nan_to_num(requests @ rule.factors)
    ordered = filled if by_hour is None else np.where(np.isnan(by_hour), filled, by_hour)
    sessions = np.nan_to_num(sessions_of(requests.T, plain))
    rules = [_contact_rule(desk, contacts, sessions, ordered, hourly.index, settings, said) for desk in settings.desks]
    return DemandRules(service, per_session, rule, tuple(rules), tuple(said))


def session_rule(
    settings: Settings, services: Sequence[str], requests_per_visit: float, said: list[Text]
) -> tuple[int | None, float]:
    """Which service counts sessions, and how many of its requests make one."""
    if not settings.funnel:
        said.append(say("a session makes {count} requests (no funnel given)", count=f"{requests_per_visit:g}"))
        return None, requests_per_visit
    front = settings.funnel[0].requests
    candidates = [name for name in front if name in services]
    if not candidates:
        return None, requests_per_visit
    totals = dict.fromkeys(candidates, 0.0)
    reached = 1.0
    for stage in settings.funnel:
        for name in candidates:
            totals[name] += reached * stage.requests.get(name, 0.0)
        reached *= stage.continues_ratio
    # The service whose requests come mostly from the first stages says most directly how many people are there.
    best = max(candidates, key=lambda name: front[name] / totals[name] if totals[name] else 0.0)
    shares = {name: front[name] * front[name] / totals[name] for name in candidates if totals[name]}
    best = max(shares, key=lambda name: shares[name]) if shares else best
    return services.index(best), totals[best]


def _funnel_conversion(settings: Settings) -> float | None:
    if len(settings.funnel) < 2:
        return None
    return float(np.prod([stage.continues_ratio for stage in settings.funnel]))


def orders_by_hour(orders: pd.DataFrame, index: pd.Index) -> Floats:
    """Orders summed by the hours of `index`, NaN where none are known."""
    hours = epochs(orders["starts_at_utc"]) // HOUR
    sums = pd.Series(orders["orders"].to_numpy(dtype=np.float64)).groupby(hours).sum()
    return sums.reindex(epochs(index) // HOUR).to_numpy(dtype=np.float64)


def _order_rule(
    hourly: pd.DataFrame, by_hour: Floats | None, plain: DemandRules, said: list[Text], conversion: float | None
) -> OrderRule:
    requests = hourly.to_numpy(dtype=np.float64) * HOUR
    if by_hour is not None:
        known = ~np.isnan(by_hour) & ~np.isnan(requests).any(axis=1)
        known[: max(len(known) - RECENT_DAYS * 24, 0)] = False
        if known.sum() >= ROWS_MIN and by_hour[known].sum() > 0:
            weight = 1.0 / np.sqrt(np.maximum(by_hour[known], 1.0))
            factors, _ = nnls(requests[known] * weight[:, None], by_hour[known] * weight)
            fitted = np.maximum(requests[known] @ factors, 1e-9)
            return OrderRule(factors, _log_sd(by_hour[known], fitted))
    ratio = conversion or ORDERS_PER_SESSION_ASSUMED
    said.append(say("{percent} % of sessions order (no history of orders)", percent=f"{100 * ratio:.2g}"))
    shares = np.zeros(requests.shape[1])
    if plain.session_service is None:
        shares[:] = ratio / plain.requests_per_session
    else:
        shares[plain.session_service] = ratio / plain.requests_per_session
    return OrderRule(shares, ASSUMED_LOG_SD)


def _log_sd(actual: Floats, fitted: Floats) -> float:
    """Spread of the log ratio where counts are large enough for one, without the counting noise."""
    large = fitted >= 20.0
    if large.sum() < 50:
        return 0.15
    ratio = np.log(np.maximum(actual[large], 0.5) / fitted[large])
    spread = (1.4826 * np.median(np.abs(ratio - np.median(ratio)))) ** 2 - np.median(1.0 / fitted[large])
    return float(np.clip(np.sqrt(max(spread, 0.0)), 0.02, 0.6))


def bump(lag_hours: float, hours: Floats) -> Floats:
    """How a unit of demand at zero is spread over later hours around a lag; sums to one over an hourly grid."""
    width = max(1.0, 0.3 * abs(lag_hours)) if abs(lag_hours) < 40 else 14.0
    shape = np.exp(-0.5 * ((hours - lag_hours) / width) ** 2) * ((hours >= 0) if lag_hours >= 0 else (hours < 0))
    total = shape.sum()
    return np.asarray(shape / total if total else shape)


def lagged(values: Floats, lags: Mapping[float, float]) -> Floats:
    """`values` [..., hour] spread around lags in hours (negative: before they come), each times its factor."""
    hours = np.arange(-LAG_EARLIEST_HOURS, LAG_REACH_HOURS + LAG_EARLIEST_HOURS, dtype=np.float64)
    kernel = sum((factor * bump(lag, hours) for lag, factor in lags.items()), np.zeros(len(hours)))
    length = values.shape[-1]
    size = 1 << int(np.ceil(np.log2(length + len(kernel))))
    spread = np.fft.irfft(np.fft.rfft(values, size) * np.fft.rfft(kernel, size), size)
    return np.maximum(spread[..., LAG_EARLIEST_HOURS : LAG_EARLIEST_HOURS + length], 0.0)


def open_share(desk: Desk, half_hours: NDArray[np.int64], zone: ZoneInfo) -> Floats:
    """1 for half-hours (seconds since 1970) in which the desk is open, 0 otherwise."""
    local = pd.DatetimeIndex(naive_utc(half_hours)).tz_localize("UTC").tz_convert(zone)
    minutes = (local.hour * 60 + local.minute).to_numpy()
    opens, closes = minutes_of_day(desk.opens), minutes_of_day(desk.closes)
    if closes > opens:
        return np.asarray(((minutes >= opens) & (minutes < closes)).astype(np.float64))
    return np.asarray(((minutes >= opens) | (minutes < closes)).astype(np.float64))


def _contact_rule(
    desk: Desk,
    contacts: pd.DataFrame | None,
    sessions: Floats,
    orders: Floats,
    index: pd.Index,
    settings: Settings,
    said: list[Text],
) -> ContactRule:
    mine = None if contacts is None else contacts[contacts["desk"] == desk.name]
    if mine is None or len(mine) < ROWS_MIN:
        said.append(
            say(
                "desk {desk}: {ratio} contacts per order, spread over two weeks (no history of contacts)",
                desk=desk.name,
                ratio=f"{CONTACTS_PER_ORDER_ASSUMED:g}",
            )
        )
        return assumed_contacts(len(settings.desks))
    half_hours = np.repeat(epochs(index), 2) + np.tile([0, HALF_HOUR_SECONDS], len(index))
    counts = pd.Series(mine["contacts"].to_numpy(dtype=np.float64))
    by_half_hour = counts.groupby(epochs(mine["starts_at_utc"]) // HALF_HOUR_SECONDS).sum()
    actual = by_half_hour.reindex(half_hours // HALF_HOUR_SECONDS).to_numpy(dtype=np.float64)
    opened = open_share(desk, half_hours, settings.zone) > 0
    first, last = by_half_hour.index[0] * HALF_HOUR_SECONDS, by_half_hour.index[-1] * HALF_HOUR_SECONDS
    actual = np.where(np.isnan(actual), 0.0, actual)
    use = opened & (half_hours >= max(first + LAG_REACH_HOURS * HOUR, last - RECENT_DAYS * DAY)) & (half_hours <= last)
    columns = np.column_stack([np.repeat(c, 2)[use] / 2.0 for c in _influences(sessions, orders)])
    weight = 1.0 / np.sqrt(np.maximum(actual[use], 1.0))
    scale = np.maximum(columns.max(axis=0), 1e-12)
    factors, _ = nnls(columns / scale * weight[:, None], actual[use] * weight)
    factors = factors / scale
    leads = len(LEAD_HOURS)
    return ContactRule(
        factors[1 + leads :],
        float(factors[0]),
        factors[1 : 1 + leads],
        _log_sd(actual[use], np.maximum(columns @ factors, 1e-9)),
    )


def _influences(sessions: Floats, orders: Floats) -> list[Floats]:
    leads = [lagged(sessions, {lead: 1.0}) for lead in LEAD_HOURS]
    return [sessions, *leads, *(lagged(orders, {lag: 1.0}) for lag in LAG_HOURS)]


def assumed_contacts(desks: int) -> ContactRule:
    """Contacts per order and their lags as vendors report them (4-7 per 100 orders), split evenly over desks."""
    factors = np.zeros(len(LAG_HOURS))
    for lag, share in LAGS_ASSUMED:
        nearest = int(np.argmin([abs(lag - known) for known in LAG_HOURS]))
        factors[nearest] += share * CONTACTS_PER_ORDER_ASSUMED / desks
    return ContactRule(factors, CONTACTS_PER_SESSION_ASSUMED / desks, np.zeros(len(LEAD_HOURS)), ASSUMED_LOG_SD)


def demand_paths(
    rules: DemandRules,
    hours: NDArray[np.int64],
    rates: Singles,
    from_hour: int,
    settings: Settings,
    seed: int,
) -> DemandPaths:
    """Sessions, orders and contacts on every path.

    hours: seconds since 1970 [hour], from two weeks before `from_hour` on, so that lags have something to reach to.
    rates: mean requests per second [path, service, hour], history and forecast alike; output starts at `from_hour`.
    """
    rng = np.random.default_rng([seed, 1440])
    requests = np.nan_to_num(rates).astype(np.float64) * HOUR
    count = len(requests)
    sessions = sessions_of(requests, rules)
    luck = np.exp(rules.orders.log_sd * rng.standard_normal((count, 1)))
    orders = np.einsum("psh,s->ph", requests, rules.orders.factors) * luck
    kept = hours >= from_hour
    half_hours = np.repeat(hours[kept], 2) + np.tile([0, HALF_HOUR_SECONDS], int(kept.sum()))
    contacts = np.zeros((count, len(settings.desks), len(half_hours)), dtype=np.float32)
    for d, (desk, rule) in enumerate(zip(settings.desks, rules.contacts, strict=True)):
        early = lagged(sessions, dict(zip(LEAD_HOURS, rule.lead_factors, strict=True)))
        late = lagged(orders, dict(zip(LAG_HOURS, rule.lag_factors, strict=True)))
        expected = rule.session_factor * sessions + early + late
        luck = np.exp(rule.log_sd * rng.standard_normal((count, 1)))
        half = np.repeat(expected[:, kept] / 2.0, 2, axis=1) * luck
        contacts[:, d] = half * open_share(desk, half_hours, settings.zone)
    return DemandPaths(
        sessions[:, kept].astype(np.float32),
        orders[:, kept].astype(np.float32),
        contacts,
        tuple(desk.name for desk in settings.desks),
        naive_utc(hours[kept]),
        naive_utc(half_hours),
    )
