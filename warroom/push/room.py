"""The answer to "can I push now?", from the p90 of demand with the push and what is carried, minute by minute.

Four ways to fit, each found by asking the model again: as asked, later, to fewer people, or sent out more slowly.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from campaign.plan import Send

Floats = NDArray[np.float64]
QUANTILE_RATIO = 0.9
AFTER_MINUTES = 60
LATEST_MINUTES = 180
STEP_MINUTES = 10
SPREAD_MINUTES_MAX = 120
REACH_DIGITS = 2


@dataclass(frozen=True)
class Tightest:
    """The minute and service where the push comes nearest to what is carried (or passes it)."""

    service: str
    at: datetime
    demand_p90_requests_per_second: float
    carried_requests_per_second: float

    @property
    def used_ratio(self) -> float:
        return self.demand_p90_requests_per_second / self.carried_requests_per_second


@dataclass(frozen=True)
class Room:
    """Whether a push fits, and if not, from when, up to how many people, and sent over how many minutes it would.

    None: not within three hours, not for anybody, or not within two hours of sending.
    """

    send: Send
    fits: bool
    tightest: Tightest | None
    without: Tightest | None
    from_at: datetime | None = None
    up_to_reach: float | None = None
    over_minutes: int | None = None


Demand = Callable[[Send | None, datetime], tuple[tuple[str, ...], Floats]]
"""(the push or none, first minute) → services, and p90 requests per second [service, minute] over the next hour."""
Carries = Callable[[tuple[str, ...], datetime], Floats]
"""(services, first minute) → requests per second carried [service, minute] over the next hour."""


def room_for(send: Send, demand: Demand, carries: Carries) -> Room:
    """The whole answer for one push."""
    tightest = _tightest(send, send.at, demand, carries)
    without = _tightest(None, send.at, demand, carries)
    if _fits(tightest):
        return Room(send, True, tightest, without)

    def good(changed: Send) -> bool:
        return _fits(_tightest(changed, changed.at, demand, carries))

    return Room(send, False, tightest, without, _later(send, good), _fewer(send, good), _slower(send, good))


def _fits(tightest: Tightest | None) -> bool:
    return tightest is None or tightest.used_ratio <= 1.0


def _tightest(send: Send | None, at: datetime, demand: Demand, carries: Carries) -> Tightest | None:
    services, p90 = demand(send, at)
    most = carries(services, at)
    used = p90 / most
    if not len(used) or not np.isfinite(most).any():
        return None
    service, minute = np.unravel_index(int(used.argmax()), used.shape)
    when = at.replace(second=0, microsecond=0) + timedelta(minutes=int(minute))
    return Tightest(services[service], when, float(p90[service, minute]), float(most[service, minute]))


def _later(send: Send, good: Callable[[Send], bool]) -> datetime | None:
    """The first minute within three hours at which it fits as it is."""
    for minutes in range(STEP_MINUTES, LATEST_MINUTES + 1, STEP_MINUTES):
        if good(_at(send, minutes)):
            found = next(
                m for m in range(minutes - STEP_MINUTES + 1, minutes + 1) if m == minutes or good(_at(send, m))
            )
            return _at(send, found).at
    return None


def _at(send: Send, minutes: int) -> Send:
    return send.model_copy(update={"at": send.at + timedelta(minutes=minutes)})


def _fewer(send: Send, good: Callable[[Send], bool]) -> float | None:
    """The most people it fits, rounded down to two digits."""
    low, high = 0.0, send.reach
    for _ in range(8):
        middle = (low + high) / 2
        low, high = (middle, high) if good(_to(send, middle)) else (low, middle)
    return _rounded_down(low) or None


def _to(send: Send, reach: float) -> Send:
    return send.model_copy(update={"reach": reach})


def _rounded_down(value: float) -> float:
    if value < 1:
        return 0.0
    unit = 10.0 ** (math.floor(math.log10(value)) - REACH_DIGITS + 1)
    return math.floor(value / unit) * unit


def _slower(send: Send, good: Callable[[Send], bool]) -> int | None:
    """The fewest minutes of sending with which it fits."""
    if not good(_over(send, SPREAD_MINUTES_MAX)):
        return None
    low, high = 0, SPREAD_MINUTES_MAX
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if good(_over(send, middle)) else (middle, high)
    return high


def _over(send: Send, minutes: int) -> Send:
    return send.model_copy(update={"per_second": max(send.reach / (60 * minutes), 1e-6)})
