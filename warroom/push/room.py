"""The answer to "can I push now?", from demand with the push and what is carried, path by path and minute by minute.

Carried is what the planned floors carry, with what the HPA on top has ready by then for what that path asks. Four ways
to fit, each found by asking the model again: as asked, later, to fewer people, or sent out more slowly.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from campaign.plan import Send
from playbooks.rehearsal.certainty import interval
from playbooks.rehearsal.record import Interval

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
    """The minute and service where the push comes nearest to what is carried (or passes it).

    floors: carried by the planned floors alone; carried_low, carried_high: with the HPA, one path in ten below and one
    in ten above. used_ratio: of what is carried with the HPA, exceeded on one path in ten. Requests per second.
    """

    service: str
    at: datetime
    demand_p90_requests_per_second: float
    floors_requests_per_second: float
    carried_low_requests_per_second: float
    carried_high_requests_per_second: float
    used_ratio: float


@dataclass(frozen=True)
class Short:
    """Of a hundred such hours, in how many some service is asked for more than is carried in some minute."""

    by_floors: Interval
    with_hpa: Interval


@dataclass(frozen=True)
class Room:
    """Whether a push fits, and if not, from when, up to how many people, and sent over how many minutes it would.

    fits_by_floors: without the HPA. None: not within three hours, not for anybody, or not within two hours of sending.
    """

    send: Send
    fits: bool
    fits_by_floors: bool
    tightest: Tightest | None
    without: Tightest | None
    short: Short | None = None
    from_at: datetime | None = None
    up_to_reach: float | None = None
    over_minutes: int | None = None


class Demand(Protocol):
    """What is asked of the model."""

    @property
    def services(self) -> tuple[str, ...]: ...

    def minutes(self, send: Send | None, at: datetime) -> Singles:
        """Joint paths of the hour from `at`, with the send or without, and of what came before it that an HPA still
        heeds [path, service, minute]: requests per second."""


class Carrying(Protocol):
    """What is carried in the hour from `at`, requests per second."""

    def by_floors(self, at: datetime) -> Floats:
        """[service, minute]"""

    def with_hpa(self, at: datetime, asked: Singles) -> Floats:
        """[path, service, minute] where the HPA follows what is asked, as `Demand.minutes` has it."""


@dataclass(frozen=True)
class Hour:
    """The hour from a push on: demand [path, service, minute] and what is carried of it."""

    services: tuple[str, ...]
    at: datetime
    demand: Floats
    floors: Floats
    carried: Floats

    @classmethod
    def of(cls, demand: Demand, carrying: Carrying, send: Send | None, at: datetime) -> Hour:
        asked = demand.minutes(send, at)
        hour = asked[:, :, -AFTER_MINUTES:].astype(np.float64)
        return cls(demand.services, at, hour, carrying.by_floors(at), carrying.with_hpa(at, asked))

    @property
    def fits(self) -> bool:
        return self._fits(self.carried)

    @property
    def fits_by_floors(self) -> bool:
        return self._fits(self.floors)

    def _fits(self, most: Floats) -> bool:
        """Whether nine paths of ten are carried in every minute."""
        over = np.count_nonzero(self.demand > most, axis=0)
        return bool((over < len(self.demand) - _rank(len(self.demand))).all())

    @property
    def short(self) -> Short | None:
        """None where nothing is known of what is carried."""
        if not np.isfinite(self.floors).any():
            return None
        paths = len(self.demand)
        hits = [int((self.demand > most).any(axis=(1, 2)).sum()) for most in (self.floors, self.carried)]
        return Short(*(interval(each, paths) for each in hits))

    @property
    def tightest(self) -> Tightest | None:
        if not np.isfinite(self.floors).any():
            return None
        used = planned_for(self.demand / self.carried)
        service, minute = np.unravel_index(int(used.argmax()), used.shape)
        carried = self.carried[:, service, minute]
        low, high = (float(np.quantile(carried, ratio)) for ratio in (1 - QUANTILE_RATIO, QUANTILE_RATIO))
        return Tightest(
            service=self.services[service],
            at=self.at.replace(second=0, microsecond=0) + timedelta(minutes=int(minute)),
            demand_p90_requests_per_second=float(planned_for(self.demand[:, service, minute])),
            floors_requests_per_second=float(self.floors[service, minute]),
            carried_low_requests_per_second=low,
            carried_high_requests_per_second=high,
            used_ratio=float(used[service, minute]),
        )


def room_for(send: Send, demand: Demand, carrying: Carrying) -> Room:
    """The whole answer for one push."""

    def hour(asked: Send | None) -> Hour:
        return Hour.of(demand, carrying, asked, asked.at if asked else send.at)

    def good(changed: Send) -> bool:
        return hour(changed).fits

    with_it = hour(send)
    room = Room(send, with_it.fits, with_it.fits_by_floors, with_it.tightest, hour(None).tightest, with_it.short)
    if room.fits:
        return room
    return replace(room, from_at=_later(send, good), up_to_reach=_fewer(send, good), over_minutes=_slower(send, good))


def planned_for(paths: Floats) -> Floats:
    """The level that nine paths of ten do not exceed [...], one that a path has; `paths` [path, ...]."""
    level: Floats = np.partition(paths, _rank(len(paths)), axis=0)[_rank(len(paths))]
    return level


def _rank(paths: int) -> int:
    return math.ceil(QUANTILE_RATIO * paths) - 1


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
