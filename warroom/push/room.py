"""The answer to "can I push now?", from the p90 of demand with the push and what is carried, minute by minute.

Four ways to fit, each found by asking the model again: as asked, later, to fewer people, or sent out more slowly.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from campaign.plan import Send

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
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


class Demand(Protocol):
    """What is asked of the model."""

    @property
    def services(self) -> tuple[str, ...]: ...

    def minutes(self, send: Send | None, at: datetime) -> Singles:
        """Joint paths of the hour from `at`, with the send or without [path, service, minute]: requests per second."""


Carries = Callable[[datetime], Floats]
"""First minute → requests per second carried [service, minute] over the next hour."""


def room_for(send: Send, demand: Demand, carries: Carries) -> Room:
    """The whole answer for one push."""

    def tightest(asked: Send | None) -> Tightest | None:
        return _tightest(demand.services, demand.minutes(asked, send.at), carries(send.at), send.at)

    def good(changed: Send) -> bool:
        return _fits(demand.minutes(changed, changed.at), carries(changed.at))

    if good(send):
        return Room(send, True, tightest(send), tightest(None))
    return Room(
        send, False, tightest(send), tightest(None), _later(send, good), _fewer(send, good), _slower(send, good)
    )


def planned_for(paths: Singles) -> Floats:
    """The level that nine paths of ten do not exceed [service, minute], one that a path has."""
    level: Floats = np.partition(paths, _rank(len(paths)), axis=0)[_rank(len(paths))].astype(np.float64)
    return level


def _rank(paths: int) -> int:
    return math.ceil(QUANTILE_RATIO * paths) - 1


def _fits(paths: Singles, most: Floats) -> bool:
    """Whether `planned_for` is carried everywhere, found by counting."""
    over = np.count_nonzero(paths > most.astype(np.float32), axis=0)
    return bool((over < len(paths) - _rank(len(paths))).all())


def _tightest(services: tuple[str, ...], paths: Singles, most: Floats, at: datetime) -> Tightest | None:
    if not np.isfinite(most).any():
        return None
    p90 = planned_for(paths)
    used = p90 / most
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
