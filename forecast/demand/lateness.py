"""Orders and contacts that end before the forecast's date: older knowledge of people, so wider bands, and said.

A shop's conversion and what people ask about drift with its assortment, prices and service. How fast is a judgement:
six hundredths on the log scale after one week of silence, growing with the root of time as a random walk does, so that
a month without orders widens them by an eighth each side.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

import numpy as np
import pandas as pd

from campaign.language import Text, say
from campaign.settings import Settings
from forecast.demand.people import DemandRules
from forecast.epochs import DAY, epoch, epochs

LATE_DAYS = 1.0
DRIFT_LOG_SD_PER_ROOT_WEEK = 0.06


@dataclass(frozen=True)
class Lateness:
    """How many days before the forecast's date knowledge of people ends, where that is more than a day.

    contacts_days: by desk. What has no history at all is not late: its priors are stated already.
    """

    orders_days: float = 0.0
    contacts_days: Mapping[str, float] = field(default_factory=dict)


def lateness_of(
    orders: pd.DataFrame | None, contacts: pd.DataFrame | None, settings: Settings, as_of: datetime
) -> Lateness:
    """From the last rows before `as_of`; `orders` and `contacts` as history has them."""
    by_desk = {}
    for desk in settings.desks:
        days = _days_behind(None if contacts is None else contacts[contacts["desk"] == desk.name], as_of)
        if days:
            by_desk[desk.name] = days
    return Lateness(_days_behind(orders, as_of), by_desk)


def _days_behind(rows: pd.DataFrame | None, as_of: datetime) -> float:
    if rows is None or rows.empty:
        return 0.0
    days = (epoch(as_of) - int(epochs(rows["starts_at_utc"]).max())) / DAY
    return days if days > LATE_DAYS else 0.0


def widened(rules: DemandRules, late: Lateness, settings: Settings) -> DemandRules:
    """The rules with the spread that late knowledge costs, and what is late among their assumptions."""
    contacts = tuple(
        replace(rule, log_sd=_drifted(rule.log_sd, late.contacts_days.get(desk.name, 0.0)))
        for desk, rule in zip(settings.desks, rules.contacts, strict=True)
    )
    orders = replace(rules.orders, log_sd=_drifted(rules.orders.log_sd, late.orders_days))
    return replace(rules, orders=orders, contacts=contacts, assumptions=(*rules.assumptions, *late_said(late)))


def _drifted(log_sd: float, days: float) -> float:
    return float(np.hypot(log_sd, DRIFT_LOG_SD_PER_ROOT_WEEK * np.sqrt(days / 7.0)))


def late_said(late: Lateness) -> tuple[Text, ...]:
    """What ends too early, in words."""
    said = [
        say(
            "orders end {days} days before the forecast's date: the range of orders, and of contacts, is wider",
            days=f"{late.orders_days:.1f}",
        )
    ]
    by_desk = [
        say(
            "desk {desk}: contacts end {days} days before the forecast's date, so their range is wider",
            desk=desk,
            days=f"{days:.1f}",
        )
        for desk, days in late.contacts_days.items()
    ]
    return (*(said if late.orders_days else ()), *by_desk)
