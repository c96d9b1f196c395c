"""The service desk while it runs: what came and what the bot took of it, and people against the plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from campaign.settings import Desk, RatioRange
from campaign.store.live import Measured
from metrics.intake.contacts import SERVED
from warroom.live.due import HOUR
from warroom.live.records import Reading
from warroom.live.sources.readings import QUEUE
from warroom.support.intervals import Interval, level_of

AHEAD = timedelta(hours=12)


@dataclass(frozen=True)
class HourOfContacts:
    """The newest hour that is told. expected: contacts by the staffing plan, p50 and p90, None outside of it.
    contained_ratio: the share that the bot resolved, None where history does not say."""

    starts_at: datetime
    contacts: float
    expected_p50: float | None
    expected_p90: float | None
    contained_ratio: float | None
    preliminary: bool


@dataclass(frozen=True)
class HourServed:
    """How people served in the newest hour that is told. offered: contacts that wanted a person; level_ratio: of
    these, served as the desk promises; planned_ratio: by the staffing plan, None outside of it; abandoned_ratio: gave
    up; waiting: the most at once; agents: people signed in, on average. None where the source does not tell it."""

    starts_at: datetime
    offered: float
    level_ratio: float | None
    planned_ratio: float | None
    abandoned_ratio: float | None
    waiting: float | None
    agents: float | None
    preliminary: bool


@dataclass(frozen=True)
class DeskNow:
    """One desk. planned: its interval of the staffing plan now, None without one (or while it is closed); gap: the
    next interval of the coming hours in which somebody is missing. queue: who waits, as read last. served: None where
    no source tells how it serves."""

    desk: Desk
    hour: HourOfContacts | None
    planned: Interval | None
    gap: Interval | None
    queue: Reading | None
    served: HourServed | None = None

    @property
    def planned_containment(self) -> RatioRange | None:
        return self.desk.bot.resolved_ratio if self.desk.bot else None


def desks_now(
    desks: Sequence[Desk],
    staffing: Mapping[str, Sequence[Interval]],
    values: Sequence[Measured],
    readings: Sequence[Reading],
    now: datetime,
) -> tuple[DeskNow, ...]:
    """Every desk of the settings. staffing: `staffing.csv` by desk; values: hours of what came to it and how it
    served."""
    queues = {reading.service: reading for reading in readings if reading.name == QUEUE}
    return tuple(
        DeskNow(
            desk=desk,
            hour=_newest_hour(desk.name, staffing.get(desk.name, ()), values),
            planned=_at(staffing.get(desk.name, ()), now),
            gap=next(
                (i for i in staffing.get(desk.name, ()) if i.missing > 0 and now <= i.starts_at < now + AHEAD), None
            ),
            queue=queues.get(desk.name),
            served=_newest_served(desk.name, staffing.get(desk.name, ()), values),
        )
        for desk in desks
    )


def _at(intervals: Sequence[Interval], now: datetime) -> Interval | None:
    """The last interval that has begun, if it still runs."""
    begun = [one for one in intervals if one.starts_at <= now]
    if not begun or now - begun[-1].starts_at >= _length(intervals):
        return None
    return begun[-1]


def _length(intervals: Sequence[Interval]) -> timedelta:
    gaps = (later.starts_at - one.starts_at for one, later in pairwise(intervals))
    return min(gaps, default=HOUR / 2)


def _newest_hour(desk: str, intervals: Sequence[Interval], values: Sequence[Measured]) -> HourOfContacts | None:
    own = [value for value in values if value.name == desk]
    newest = max((v for v in own if v.measure == "contacts"), key=lambda v: v.starts_at, default=None)
    if newest is None:
        return None
    starts = datetime.fromtimestamp(newest.starts_at, UTC)
    resolved = next((v.value for v in own if v.measure == "bot_resolved" and v.starts_at == newest.starts_at), None)
    within = [one for one in intervals if starts <= one.starts_at < starts + HOUR]
    return HourOfContacts(
        starts_at=starts,
        contacts=newest.value,
        expected_p50=sum(one.contacts_p50 for one in within) if within else None,
        expected_p90=sum(one.contacts_p90 for one in within) if within else None,
        contained_ratio=resolved / newest.value if resolved is not None and newest.value else None,
        preliminary=not newest.final,
    )


def _newest_served(desk: str, intervals: Sequence[Interval], values: Sequence[Measured]) -> HourServed | None:
    own = [value for value in values if value.name == desk and value.measure in SERVED]
    newest = max((v for v in own if v.measure == "contacts_offered"), key=lambda v: v.starts_at, default=None)
    if newest is None:
        return None
    told = {v.measure: v.value for v in own if v.starts_at == newest.starts_at}
    starts = datetime.fromtimestamp(newest.starts_at, UTC)
    return HourServed(
        starts_at=starts,
        offered=newest.value,
        level_ratio=_share(told.get("contacts_in_time"), newest.value),
        planned_ratio=level_of([one for one in intervals if starts <= one.starts_at < starts + HOUR]),
        abandoned_ratio=_share(told.get("contacts_abandoned"), newest.value),
        waiting=told.get("contacts_waiting"),
        agents=told.get("agents_logged_in"),
        preliminary=not newest.final,
    )


def _share(part: float | None, whole: float) -> float | None:
    return part / whole if part is not None and whole > 0 else None
