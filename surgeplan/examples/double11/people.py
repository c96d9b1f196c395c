"""What people do behind the requests: sessions, orders, questions to support, new users and their opinion. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from campaign.plan import Plan
from surgeplan.examples.double11 import truth
from surgeplan.examples.double11.demand import minute_of

Values = NDArray[np.float64]
Counts = NDArray[np.int64]
HALF_HOURS_PER_DAY = 48
LAG_REACH = 4
"""Standard deviations after which a lag kernel is cut."""
CONTACT_HOURS = (
    0.45, 0.25, 0.12, 0.08, 0.06, 0.08, 0.15, 0.35, 0.80, 1.30, 1.60, 1.45,
    1.20, 1.25, 1.40, 1.45, 1.40, 1.25, 1.15, 1.25, 1.45, 1.40, 1.10, 0.75,
)  # fmt: skip
"""When people write, relative to the day's mean; their questions are hours old by then."""


def hourly(requests: NDArray[np.int32], service: str) -> Values:
    """Requests of a service per whole hour."""
    row = requests[truth.SERVICES.index(service)].astype(np.float64)
    return np.asarray(row[: len(row) // 60 * 60].reshape(-1, 60).sum(axis=1))


def hourly_sessions(requests: NDArray[np.int32]) -> Values:
    return hourly(requests, "storefront") / truth.STOREFRONT_REQUESTS_PER_SESSION


def hourly_orders(requests: NDArray[np.int32], seed: int) -> Counts:
    """Orders per hour: a share of the checkout requests that were served."""
    rng = np.random.default_rng([seed, 4])
    expected = hourly(requests, "checkout") / truth.CHECKOUT_REQUESTS_PER_ORDER
    noise = np.exp(rng.normal(0, truth.ORDERS_LOG_NOISE_SD, len(expected)))
    return rng.poisson(expected * noise)


def contacts(sessions: Values, orders: Values, plans: Sequence[Plan], seed: int) -> pd.DataFrame:
    """Contacts per half-hour, desk and intent, from hourly sessions and orders on the same hours.

    Columns: index (half-hours since the history's start), desk, contacts, intent, bot_handled, bot_resolved.
    """
    rng = np.random.default_rng([seed, 5])
    causes = {"sessions": sessions, "orders": orders, "announced": _sessions_in_flagships(sessions, plans)}
    parts = []
    for intent in truth.INTENTS:
        for desk, share in intent.desks.items():
            expected = share * intent.contacts_per_unit * _lagged(causes[intent.follows], intent)
            half_hours = np.repeat(expected, 2) / 2 * _daily_shape(2 * len(expected), desk)
            noise = np.exp(rng.normal(0, truth.CONTACTS_LOG_NOISE_SD, len(half_hours)))
            count = rng.poisson(half_hours * noise)
            handled = rng.binomial(count, intent.bot_handled_ratio if desk == "chat" else 0.0)
            resolved = rng.binomial(handled, intent.bot_resolved_ratio / intent.bot_handled_ratio)
            parts.append(_rows(desk, intent.name, count, handled, resolved))
    rows = pd.concat(parts, ignore_index=True)
    return rows.sort_values(["index", "desk", "intent"], kind="stable", ignore_index=True)


def _rows(desk: str, intent: str, count: Counts, handled: Counts, resolved: Counts) -> pd.DataFrame:
    columns = {"index": np.arange(len(count)), "desk": desk, "contacts": count, "intent": intent}
    return pd.DataFrame(columns | {"bot_handled": handled, "bot_resolved": resolved})


def _sessions_in_flagships(sessions: Values, plans: Sequence[Plan]) -> Values:
    """Sessions inside flagship campaigns, 0 elsewhere: what people ask about beforehand."""
    inside = np.zeros_like(sessions)
    for plan in (p for p in plans if p.kind == "flagship"):
        part = slice(minute_of(plan.starts_at) // 60, minute_of(plan.ends_at) // 60)
        inside[part] = sessions[part]
    return inside


def _lagged(cause: Values, intent: truth.Intent) -> Values:
    """The cause moved by a normal lag and smoothed over the day around, as hourly rates."""
    reach = LAG_REACH * intent.lag_sd_hours
    first, last = int(np.floor(intent.lag_hours - reach)), int(np.ceil(intent.lag_hours + reach))
    if intent.lag_hours >= 0:
        first = max(first, 0)
    hours = np.arange(first, last + 1)
    kernel = np.exp(-0.5 * ((hours - intent.lag_hours) / intent.lag_sd_hours) ** 2)
    kernel /= kernel.sum()
    ahead, behind = max(-first, 0), max(last, 0)
    padded = np.concatenate([np.full(behind, cause[:168].mean()), cause, np.zeros(ahead)])
    full = np.convolve(padded, kernel)
    start = behind - first
    return full[start : start + len(cause)]


def _daily_shape(count: int, desk: str) -> Values:
    """Relative rate of each half-hour of the local day, 0 while the desk is closed, mean 1 over the day."""
    opens, closes = truth.DESK_OPEN_HOURS[desk]
    hours = np.arange(HALF_HOURS_PER_DAY) / 2
    is_open = ((hours >= opens) & (hours < closes)) | (hours + 24 < closes)
    shape = np.repeat(np.array(CONTACT_HOURS), 2) * is_open
    return np.resize(shape / shape.mean(), count)


def business(sessions: Values, orders: Values, plans: Sequence[Plan], seed: int) -> pd.DataFrame:
    """Per local day and channel: spend, new users, how many of them came back within 7 days, and NPS answers.

    Columns: day (since the history's start), channel, spend, new_users, retained_d7_users, nps_answers,
    nps_promoters, nps_detractors, nps_balance (the one less the other), attributed_orders, gmv_paid (theirs).
    """
    rng = np.random.default_rng([seed, 6])
    days = len(sessions) // 24
    daily_sessions, daily_orders = (x[: days * 24].reshape(-1, 24).sum(axis=1) for x in (sessions, orders))
    in_campaign = _campaign_share_of_days(plans, days)
    unhappy = _unhappiness(daily_orders)
    parts = []
    for channel, spend, new_users in _acquisition(plans, daily_sessions, rng):
        retained = truth.RETAINED_RATIO[channel] * (1 - truth.CAMPAIGN_RETENTION_LOSS_RATIO * in_campaign)
        answers = rng.binomial(new_users, 0.02)
        promoters = rng.binomial(answers, np.clip(truth.NPS_SHARES["promoters"] - unhappy, 0.05, 1))
        detractors = rng.binomial(
            answers - promoters,
            np.clip((truth.NPS_SHARES["detractors"] + unhappy) / (1 - truth.NPS_SHARES["promoters"] + unhappy), 0, 1),
        )
        columns = {"day": np.arange(days), "channel": channel, "spend": np.round(spend, 2), "new_users": new_users}
        columns |= {"retained_d7_users": rng.binomial(new_users, retained), "nps_answers": answers}
        parts.append(pd.DataFrame(columns | {"nps_promoters": promoters, "nps_detractors": detractors}))
    rows = pd.concat(parts, ignore_index=True)
    rows["nps_balance"] = rows["nps_promoters"] - rows["nps_detractors"]
    rows = _with_sales(rows, np.random.default_rng([seed, 9]))
    return rows.sort_values(["day", "channel"], kind="stable", ignore_index=True)


def _with_sales(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """What is attributed to each channel: its new users' orders, and what they paid."""
    orders = rng.poisson(truth.ORDERS_PER_NEW_USER * rows["new_users"])
    noise = np.exp(rng.normal(0, truth.SALES_LOG_NOISE_SD, len(rows)))
    fallen = (rows["channel"] == truth.ROI_FALL.channel) & (rows["day"] >= truth.ROI_FALL.day)
    value = truth.ORDER_VALUE * orders * noise * np.where(fallen, 1 - truth.ROI_FALL.ratio, 1.0)
    return rows.assign(attributed_orders=orders, gmv_paid=np.round(value, 2))


def _acquisition(
    plans: Sequence[Plan], daily_sessions: Values, rng: np.random.Generator
) -> Iterator[tuple[str, Values, Counts]]:
    days = len(daily_sessions)
    for channel, per_day in truth.SPEND_PER_DAY.items():
        spend = per_day * np.exp(rng.normal(0, 0.1, days)) + _campaign_spend(plans, channel, days)
        # A cost per user that grows with the day's spend: the cheap users are won first.
        cost = truth.COST_PER_NEW_USER[channel] * np.maximum(spend / per_day, 0.5) ** 0.15
        yield channel, spend, rng.poisson(spend / cost)
    organic = truth.ORGANIC_NEW_USERS_PER_1000_SESSIONS * daily_sessions / 1000
    yield "organic", np.zeros(days), rng.poisson(organic)


def _campaign_spend(plans: Sequence[Plan], channel: str, days: int) -> Values:
    """The plans' own spend on a channel, spread evenly over its hours, per local day."""
    spend = np.zeros(days * 24)
    for plan in plans:
        for planned in (c for c in plan.channels if c.name == channel):
            if planned.spend and planned.starts_at and planned.ends_at:
                first, last = minute_of(planned.starts_at) // 60, minute_of(planned.ends_at) // 60
                spend[max(first, 0) : last] += planned.spend / (last - first)
    return np.asarray(spend.reshape(-1, 24).sum(axis=1))


def _campaign_share_of_days(plans: Sequence[Plan], days: int) -> Values:
    hours = np.zeros(days * 24)
    for plan in plans:
        hours[max(minute_of(plan.starts_at) // 60, 0) : minute_of(plan.ends_at) // 60] = 1
    return np.asarray(hours.reshape(-1, 24).mean(axis=1))


def _unhappiness(daily_orders: Values) -> Values:
    """Promoters lost three days after more orders than usual: parcels come late."""
    usual = np.median(daily_orders)
    late = np.concatenate([np.full(3, usual), daily_orders[:-3]])
    return np.clip(truth.WISMO_NPS_LOSS * (late / usual - 1), 0, 0.25)
