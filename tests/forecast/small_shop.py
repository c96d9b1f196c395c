"""A small shop whose campaigns have known effects: evidence made from numbers, without files."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from campaign.plan import Channel, Moment, Plan, Send
from campaign.settings import Service, Settings, Stage
from forecast.epochs import epoch, epochs, naive_utc
from forecast.evidence import Evidence, learning_spans
from forecast.uplift.episodes import Stretch
from forecast.uplift.shapes import kernel_of
from forecast.uplift.terms import terms_of

BEGINS = datetime(2026, 1, 5, tzinfo=UTC)
SERVICES = {"web": 200.0, "orders": 20.0}
SHARE, SPIKE, SURGE, PUSH = 0.5, 3.0, 0.8, 6.0
DECAYS = {"pulse": 1200.0, "spike": 200.0, "surge": 2700.0, "ramp": 300.0}
SETTINGS = Settings(
    time_zone="UTC",
    services=tuple(Service(name=name) for name in SERVICES),
    funnel=(Stage(stage="visit", requests={"web": 5.0, "orders": 0.5}),),
)


def sale(day: int, kind: str = "sale", reach: float = 400_000.0, **more: object) -> Plan:
    """An eight-hour sale with an opening at 12:00 and a push five minutes before; `day` counts from the beginning."""
    starts = BEGINS + timedelta(days=day, hours=12)
    sends = (Send(at=starts - timedelta(minutes=5), reach=reach, per_second=2000, open_ratio=0.05),) if reach else ()
    values = {
        "id": f"sale-{day}",
        "kind": kind,
        "starts_at": starts,
        "ends_at": starts + timedelta(hours=8),
        "channels": (Channel(name="push", sends=sends),) if sends else (),
        "moments": (Moment(at=starts, kind="opening"),),
    }
    return Plan.model_validate(values | more)


def base_rate(seconds: np.ndarray, level: float) -> np.ndarray:
    hours = seconds / 3600.0
    weekend = ((seconds // 86400 + 3) % 7 >= 5) * 0.15
    return level * np.exp(0.6 * np.sin(2 * np.pi * (hours - 9) / 24) + weekend)


def true_rates(plans: Sequence[Plan], starts: np.ndarray, seconds: int, draws: dict[str, float]) -> np.ndarray:
    """Demand [service, bucket] with the effects above; `draws` are the campaigns' own factors."""
    ends = starts + seconds
    rates = []
    for level in SERVICES.values():
        base = base_rate(starts + seconds / 2, level)
        total = base.copy()
        for plan in plans:
            for term in terms_of(plan):
                shape = kernel_of(
                    term, starts.astype(float), ends.astype(float), np.zeros(len(starts)), DECAYS.get(term.kernel, 0.0)
                )
                size = {
                    "plateau": SHARE * base,
                    "spike": SPIKE * level,
                    "surge": SURGE * level,
                    "pulse": PUSH * (term.volume or 0.0) * level / sum(SERVICES.values()),
                }.get(term.kernel, 0.0)
                total = total + draws.get(plan.id, 1.0) * size * shape
        rates.append(total)
    return np.array(rates)


def shop(
    plans: Sequence[Plan], days: int, seed: int = 0, spread: float = 0.1, noise: float = 0.03
) -> tuple[Evidence, dict[str, float]]:
    """Evidence of `days` days with all plans' effects in it, and the luck that each campaign had."""
    rng = np.random.default_rng(seed)
    draws = {plan.id: float(np.exp(rng.normal(0, spread))) for plan in plans}
    hours = epoch(BEGINS) + 3600 * np.arange(days * 24)
    minutes = epoch(BEGINS) + 60 * np.arange(days * 1440)
    slow = np.repeat(np.exp(rng.normal(0, noise, (len(SERVICES), len(hours)))), 60, axis=1)
    rates = true_rates(plans, minutes, 60, draws) * slow
    rates = rng.poisson(rates * 60) / 60.0
    hourly = pd.DataFrame(
        rates.reshape(len(SERVICES), -1, 60).mean(axis=2).T,
        index=pd.DatetimeIndex(naive_utc(hours)),
        columns=list(SERVICES),
    )
    inside = np.zeros(len(minutes), dtype=bool)
    for starts, ends in learning_spans(plans, int(minutes[-1]) + 60):
        inside |= (minutes >= starts) & (minutes < ends)
    stretches = tuple(
        Stretch(name, minutes[inside], np.full(int(inside.sum()), 60), rates[i, inside])
        for i, name in enumerate(SERVICES)
    )
    assert len(epochs(hourly.index)) == days * 24
    return Evidence(hourly, stretches), draws
