"""What each send of the plan brings, so that a drill can let one of them go out early."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from campaign.traffic import Effect
from playbooks.simulation.fleet import Demand

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Send:
    """One send. minute: of the planned hours. shares: of each service's demand in each minute [service, minute].

    most_requests_per_second: what it adds at its largest on all services together, in the middle of the forecast.
    """

    channel: str
    minute: int
    shares: Floats
    most_requests_per_second: float


def sends_of(
    effects: Iterable[Effect], services: Sequence[str], starts_at: datetime, middle: NDArray[np.floating]
) -> tuple[Send, ...]:
    """Sends within the planned hours, in time order; `middle` requests per second [service, minute] of the forecast.

    The median of what a send adds, over the middle of all demand, is its share on every path: paths differ in size
    more than in what makes them.
    """
    added: dict[tuple[int, str], NDArray[np.float64]] = {}
    for effect in effects:
        if effect.course is None or effect.service not in services:
            continue
        first = (effect.course.sent_at_utc - starts_at) // timedelta(minutes=1)
        if not 0 <= first < middle.shape[1]:
            continue
        on = added.setdefault((first, effect.driver), np.zeros(middle.shape))
        by_minute = np.repeat(effect.course.ratios, effect.course.seconds // 60)
        course = by_minute[: middle.shape[1] - first]
        on[services.index(effect.service), first : first + len(course)] += effect.added_requests_per_second.p50 * course
    return tuple(
        Send(channel, minute, _shares(on, middle), float(on.sum(axis=0).max()))
        for (minute, channel), on in sorted(added.items(), key=lambda each: each[0])
    )


def _shares(added: NDArray[np.float64], middle: NDArray[np.floating]) -> Floats:
    shares: Floats = np.clip(added / np.maximum(middle, 1e-9), 0.0, 1.0).astype(np.float32)
    return shares


def with_send_early(demand: Demand, send: Send, minutes: int) -> Demand:
    """The same demand with what this send brings moved so many minutes ahead; all else comes when it was planned."""
    own = demand.requests_per_second * send.shares[:, None, :]
    rates = demand.requests_per_second - own
    rates[:, :, : rates.shape[2] - minutes] += own[:, :, minutes:]
    return replace(demand, requests_per_second=rates)
