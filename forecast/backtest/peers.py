"""The forecasts that people would make otherwise, on the same hours with the same knowledge."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from campaign.plan import Plan
from campaign.settings import Settings
from forecast.backtest.again import Tested, there_then
from forecast.baseline.prophet_baseline import prophet_samples
from forecast.epochs import HOUR, epoch, epochs, naive_utc
from forecast.evidence import Evidence, known_before
from forecast.uplift.shapes import kernel_of
from forecast.uplift.terms import Term, terms_of

Floats = NDArray[np.float64]

LAST_WEEK, PROPHET, PROPHET_EVENTS, OURS = "last-week", "prophet", "prophet-events", "surgeplan"
PEER_KERNELS = ("plateau", "surge", "pulse", "slot", "spend")
SPREAD_DECAY_SECONDS = {"pulse": 1200.0, "spike": 300.0, "surge": 3000.0}


@dataclass(frozen=True)
class PeerForecast:
    """A method's forecast of one campaign's hours on the total: middle [hour]; busiest hours [path], if it has any."""

    method: str
    middle: Floats
    peak_hours: Floats | None


def peers_of(
    evidence: Evidence, tested: Tested, plan: Plan, plans: Sequence[Plan], settings: Settings, seed: int = 0
) -> tuple[PeerForecast, ...]:
    """Last week, Prophet, and Prophet with the plans' moments, sends and windows as regressors."""
    before = known_before(there_then(evidence, tested.as_of), epoch(tested.as_of))
    total = before.hourly.sum(axis=1, skipna=False)
    ahead = pd.DatetimeIndex(naive_utc(tested.hours))
    made = [PeerForecast(LAST_WEEK, tested.last_week, None)]
    for method, events in ((PROPHET, {}), (PROPHET_EVENTS, regressors(plan, plans, total, tested.hours))):
        middle, drawn = prophet_samples(total, ahead, settings.zone, settings.country, events, seed)
        made.append(PeerForecast(method, middle, drawn.max(axis=1)))
    return tuple(made)


def regressors(
    plan: Plan, plans: Sequence[Plan], total: pd.Series[float], hours: NDArray[np.int64]
) -> dict[str, tuple[Floats, Floats]]:
    """One regressor for each kind's window and each driver of the target: its kernel by hour, past and ahead.

    By hour a spike and its slower surge are one thing, so each moment enters once.
    """
    past = epochs(total.index)
    families: dict[str, list[Term]] = {}
    for one in (p for p in plans if p.starts_at < plan.ends_at):
        for term in terms_of(one):
            if term.kernel not in PEER_KERNELS:
                continue
            families.setdefault(_family(term, one), []).append(term)
    mine = {_family(term, plan) for term in terms_of(plan) if term.kernel in PEER_KERNELS}
    made = {name: (_column(terms, past), _column(terms, hours)) for name, terms in families.items() if name in mine}
    return {name: pair for name, pair in made.items() if pair[0].any()}


def _family(term: Term, plan: Plan) -> str:
    return f"{plan.kind}-{term.kernel}" if term.driver == "campaign" else f"{term.driver}-{term.kernel}"


def _column(terms: Sequence[Term], hours: NDArray[np.int64]) -> Floats:
    """Sum of the terms' kernels over hours; volumes in units of the family's mean."""
    starts = hours.astype(np.float64)
    volumes = [term.volume for term in terms if term.volume]
    usual = float(np.mean(volumes)) if volumes else 1.0
    column = np.zeros(len(hours))
    for term in terms:
        near = (hours > term.starts - 6 * HOUR) & (hours < term.ends + 24 * HOUR)
        decay = SPREAD_DECAY_SECONDS.get(term.kernel, 0.0)
        flat = np.zeros(int(near.sum()))
        shape = kernel_of(term, starts[near], starts[near] + HOUR, flat, decay)
        column[near] += shape / max(float(shape.max(initial=0.0)), 1e-9) * ((term.volume or usual) / usual)
    return column
