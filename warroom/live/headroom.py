"""What is left of the capacity at each push that is coming: kept minute by minute, so that a gate can see it."""

from __future__ import annotations

from datetime import datetime, timedelta

from campaign.plan import Plan
from campaign.store.live import Measured
from playbooks.readiness.live_evidence import HEADROOM
from warroom.live.records import LiveState, Minutes
from warroom.live.state import MINUTE_SECONDS

AHEAD = timedelta(hours=1)
AFTER = timedelta(minutes=30)


def before_pushes(plan: Plan, state: LiveState) -> list[Measured]:
    """For each send of the next hour: what the tightest service keeps free in the half hour after it, as a share of its
    capacity; below zero where the re-forecast's p90, which has the send in it, does not fit."""
    found = []
    for at in sorted({send.at for send in plan.sends}):
        if state.now < at <= state.now + AHEAD:
            spare = _spare(state, at)
            if spare is not None:
                minute = int(state.now.timestamp()) // MINUTE_SECONDS * MINUTE_SECONDS
                name = str(int(at.timestamp()))
                found.append(Measured(HEADROOM, name, MINUTE_SECONDS, minute, spare, False))
    return found


def _spare(state: LiveState, at: datetime) -> float | None:
    """The least share that any service keeps; None where no capacity, or nothing of that time, is known."""
    shares = []
    for service, capacity in state.capacities.items():
        peak = _highest(state.minutes[service], at)
        if capacity.requests_per_second and peak is not None:
            shares.append(1.0 - peak / capacity.requests_per_second)
    return min(shares, default=None)


def _highest(minutes: Minutes, at: datetime) -> float | None:
    band = minutes.reforecast or minutes.frozen
    first, last = at.timestamp(), (at + AFTER).timestamp()
    near = [
        p90 for start, p90 in zip(minutes.starts_at, band.p90, strict=True) if first <= start < last and p90 is not None
    ]
    return max(near, default=None)
