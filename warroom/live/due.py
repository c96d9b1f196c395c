"""The two clocks: which hours a campaign syncs, when each is due, and when minutes are watched."""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path

from campaign.plan import Plan
from warroom.live.records import Clock, Phase

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
FIRST, LAST = 6 * MINUTE, 12 * MINUTE
"""Sources need minutes after the hour, and at the full and half hour every bot of a platform speaks."""
BEFORE, AFTER = 60 * MINUTE, 180 * MINUTE
SETTLING = 24 * HOUR


def hours_of(plan: Plan) -> tuple[datetime, ...]:
    """The whole hours (of UTC) that the campaign touches."""
    first = hour_of(plan.starts_at)
    count = -((first - plan.ends_at) // HOUR)
    return tuple(first + n * HOUR for n in range(count))


def hour_of(moment: datetime) -> datetime:
    """The whole hour (of UTC) that a moment is in."""
    return moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)


def jitter(folder: Path, campaign: str) -> timedelta:
    """Between :06 and :12, the same for a workspace and campaign every hour, so that many do not ask at once."""
    told = hashlib.sha256(f"{folder.resolve()} {campaign}".encode()).digest()
    seconds = int.from_bytes(told[:4]) % int((LAST - FIRST) / timedelta(seconds=1))
    return FIRST + timedelta(seconds=seconds)


def due_hour(plan: Plan, synced: Collection[datetime], now: datetime, late: timedelta) -> datetime | None:
    """The newest hour whose sync is due now and was not done; None where there is none.

    late: how long after an hour has closed it is synced. Hours before the newest that were missed (a restart, a source
    that was away) are taken along by its sync; they have no message of their own. For a day after the end the figures
    settle: those hours are synced too.
    """
    first = hours_of(plan)[0]
    newest = hour_of(now - late) - HOUR
    if newest < first or newest >= plan.ends_at + SETTLING or newest in synced:
        return None
    return newest


def next_sync(plan: Plan, now: datetime, late: timedelta) -> datetime | None:
    """When the next hour of the campaign is due; None after its last."""
    dues = (hour + HOUR + late for hour in hours_of(plan))
    return next((due for due in dues if due > now), None)


def minute_watch(plan: Plan, now: datetime) -> bool:
    """From an hour before each moment and send to three hours after it."""
    return any(instant - BEFORE <= now < instant + AFTER for instant in plan.instants)


def watched_from(plan: Plan, now: datetime) -> datetime:
    """Where the present watch of minutes began: windows that touch or overlap are one."""
    begins = now
    for instant in sorted(plan.instants, reverse=True):
        if instant - BEFORE <= begins < instant + AFTER:
            begins = instant - BEFORE
    return begins.astimezone(UTC)


def phase_of(plan: Plan, now: datetime) -> Phase:
    if now < plan.starts_at - HOUR:
        return "ahead"
    if now < plan.starts_at:
        return "countdown"
    if now < plan.ends_at:
        return "running"
    return "after" if now < plan.ends_at + SETTLING else "closed"


def clock_of(plan: Plan, now: datetime, late: timedelta) -> Clock:
    ahead = next((instant for instant in plan.instants if instant > now), None)
    return Clock(
        phase_of(plan, now),
        now - plan.starts_at,
        ahead.astimezone(UTC) if ahead else None,
        minute_watch(plan, now),
        next_sync(plan, now, late),
    )
