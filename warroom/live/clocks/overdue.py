"""What a clock should have done by now and has not, whoever was to do it: read from what was kept alone."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from campaign.plan import Plan
from campaign.store.live import LiveStore
from warroom.live.clocks.sync import synced_hours
from warroom.live.due import HOUR, MINUTE, due_hour, minute_watch, watched_from
from warroom.live.state import MINUTE_PULL
from warroom.service.troubles import Work

HOUR_LATE = 15 * MINUTE
"""A sync is due between :06 and :12; the checklist's `hourly-sync` wants it by quarter past."""
MINUTE_LATE = 3 * MINUTE
"""A look is due each half minute, and may take as long as its slowest source is waited for."""


@dataclass(frozen=True)
class Overdue:
    """Since when: the last look, or when the watch began; of the hourly clock, the end of the hour not synced."""

    work: Work
    since: datetime


def overdue(plan: Plan, synced: Collection[datetime], looked_at: datetime | None, now: datetime) -> tuple[Overdue, ...]:
    """synced: hours whose sync came to its end; looked_at: when minutes were looked at last."""
    found = []
    if minute_watch(plan, now):
        since = max(filter(None, (looked_at, watched_from(plan, now))))
        if now - since > MINUTE_LATE:
            found.append(Overdue("minute", since))
    hour = due_hour(plan, synced, now, HOUR_LATE)
    if hour is not None:
        found.append(Overdue("hour", hour + HOUR))
    return tuple(found)


def overdue_now(store: LiveStore, plan: Plan, now: datetime) -> tuple[Overdue, ...]:
    """The same of what is kept.

    Raises:
        UserError: the store cannot be read.
    """
    looked = store.document(plan.id, MINUTE_PULL)
    return overdue(plan, synced_hours(store, plan), looked[0] if looked else None, now)
