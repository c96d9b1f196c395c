"""What the live side proved by itself: hours that were synced, head-room before pushes, errors after scaling down."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from campaign.plan import Plan
from campaign.store.database import STATE_URL, Database, address
from campaign.store.live import LiveStore, Measured

SYNCED, HEADROOM, ERRORS = "synced", "push_headroom", "error_ratio"
HOUR_SECONDS, MINUTE_SECONDS = 3600, 60
SETTLING = timedelta(days=1)


@dataclass(frozen=True)
class LiveEvidence:
    """synced: when the sync of each hour ended, by the hour's start. headroom: the share of its capacity that the
    tightest service keeps after each send, as last seen before it. errors: ratio by service and instant, after the end.
    """

    synced: dict[datetime, datetime] = field(default_factory=dict)
    headroom: dict[datetime, float] = field(default_factory=dict)
    errors: dict[str, dict[datetime, float]] = field(default_factory=dict)


def live_evidence(folder: Path, plan: Plan) -> LiveEvidence:
    """Empty where nothing was ever synced.

    Raises:
        UserError: the store cannot be read.
    """
    store = LiveStore(Database(*address(folder, os.environ.get(STATE_URL))))
    before, after = plan.starts_at - timedelta(hours=7), plan.ends_at + SETTLING
    hours = store.measured(plan.id, HOUR_SECONDS, before, after, [SYNCED])
    if not hours:
        return LiveEvidence()
    pushes = store.measured(plan.id, MINUTE_SECONDS, before, plan.ends_at, [HEADROOM])
    errors: dict[str, dict[datetime, float]] = {}
    for value in store.measured(plan.id, MINUTE_SECONDS, plan.ends_at, after, [ERRORS]):
        errors.setdefault(value.name, {})[_moment(value.starts_at)] = value.value
    return LiveEvidence(
        synced={_moment(hour.starts_at): _moment(hour.value) for hour in hours},
        headroom={_moment(int(push.name)): push.value for push in _before_their_send(pushes)},
        errors=errors,
    )


def _before_their_send(pushes: list[Measured]) -> list[Measured]:
    return [push for push in pushes if push.starts_at <= int(push.name)]


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(int(seconds), UTC)
