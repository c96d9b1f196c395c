"""What is left of the capacity at each push that is coming: kept minute by minute, so that a gate can see it."""

from __future__ import annotations

from datetime import datetime, timedelta

from campaign.plan import Plan
from campaign.store.live import Measured
from playbooks.readiness.live_evidence import HEADROOM
from warroom.live.records import Column, LiveState, Minutes
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
    shares = [_kept(state.minutes[name], capacity.over_time, at) for name, capacity in state.capacities.items()]
    return min((share for share in shares if share is not None), default=None)


def _kept(minutes: Minutes, capacity: Column, at: datetime) -> float | None:
    """The least share of its capacity that p90 leaves in the half hour from `at`."""
    band = minutes.reforecast or minutes.frozen
    first, last = at.timestamp(), (at + AFTER).timestamp()
    shares = [
        1.0 - p90 / most
        for start, p90, most in zip(minutes.starts_at, band.p90, capacity, strict=False)
        if first <= start < last and p90 is not None and most
    ]
    return min(shares, default=None)
