"""A shop that exists nowhere, with promotions of three kinds: data that nobody looked at while building the model.

Its mechanism is not the model's: gamma noise with good and bad days, a wandering level, uplift by discount, people who
buy later what they would have bought, an evening peak inside promotions.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from campaign.plan import Plan

DAYS, EVERY_DAYS = 420, 13
BEGINS = datetime(2024, 1, 1, tzinfo=UTC)
KINDS = {"clearance": (1, 0.25, 0.8), "members": (2, 0.15, 0.5), "flash": (1, 0.7, 1.6)}
"""Days, the usual log uplift and what a discount of one adds to it."""


def promotions(seed: int) -> tuple[pd.Series[float], tuple[Plan, ...]]:
    """Requests per second by hour, and the promotions behind them."""
    rng = np.random.default_rng([seed, 417])
    hours = np.arange(DAYS * 24)
    hour, day = hours % 24, hours // 24
    level = np.cumsum(rng.normal(0.0, 0.012, DAYS))
    luck = rng.standard_t(6, DAYS) * 0.06
    week = np.array([0.0, -0.03, -0.05, 0.0, 0.06, 0.15, 0.12])
    daily = -0.9 * np.cos(2 * np.pi * (hour - 3) / 24) - 0.25 * np.cos(4 * np.pi * (hour - 2) / 24)
    logs = 3.0 + (level + luck + week[np.arange(DAYS) % 7])[day] + daily
    plans = []
    for number, first in enumerate(range(20, DAYS - 5, EVERY_DAYS)):
        kind = list(KINDS)[int(rng.integers(len(KINDS)))]
        length, usual, elasticity = KINDS[kind]
        first += int(rng.integers(0, 5))
        discount = float(rng.choice([0.1, 0.2, 0.3, 0.5]))
        uplift = usual + elasticity * discount + rng.normal(0.0, 0.12)
        inside = (day >= first) & (day < first + length)
        after = (day >= first + length) & (day < first + length + 3)
        evening = 0.5 * uplift * np.exp(-0.5 * ((hour - 20.5) / 1.5) ** 2)
        logs = logs + inside * (uplift - 0.25 * daily + evening) - after * 0.08 * uplift
        starts = BEGINS + timedelta(days=first)
        numbers = {"discount": discount}
        ends = starts + timedelta(days=length)
        plans.append(Plan(id=f"{kind}-{number}", kind=kind, starts_at=starts, ends_at=ends, drivers=numbers))
    rates = np.exp(logs) * rng.gamma(150.0, 1 / 150.0, len(hours))
    index = pd.DatetimeIndex(pd.date_range(BEGINS.replace(tzinfo=None), periods=len(hours), freq="h"))
    return pd.Series(rates, index=index), tuple(plans)
