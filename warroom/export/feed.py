"""One campaign's calendar: gates, moments, sends and freeze of its checklist; shifts, war-room seats, meetings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from icalendar import Event

from campaign.language import _
from campaign.plan import Plan
from campaign.readiness import Checklist
from playbooks.appointments import appointment, calendar_of
from playbooks.growth.agenda import next_start
from playbooks.growth.pages import meeting_event
from playbooks.growth.policy import Meeting
from playbooks.readiness.brought import Seat
from playbooks.readiness.invitations import campaign_events
from playbooks.staffing.plan import DeskPlan

REFRESH = timedelta(hours=1)


@dataclass(frozen=True)
class Dates:
    """Everything of a campaign that has a time. zone: of the campaign; house: of the workspace, where meetings are."""

    plan: Plan
    checklist: Checklist
    desks: Sequence[DeskPlan]
    seats: Sequence[Seat]
    meetings: Sequence[Meeting]
    zone: ZoneInfo
    house: ZoneInfo


def feed(dates: Dates, now: datetime) -> bytes:
    """The calendar as of now."""
    events = [
        *campaign_events(dates.checklist, dates.plan, dates.zone),
        *_shifts(dates.plan, dates.desks, dates.zone),
        *_seats(dates.plan, dates.seats, dates.zone),
        *_meetings(dates.meetings, dates.house, now),
    ]
    stamp = now.replace(microsecond=0)
    return calendar_of(events, dates.zone, stamp, "campaign", dates.plan.title, refresh=REFRESH)


def _shifts(plan: Plan, desks: Iterable[DeskPlan], zone: ZoneInfo) -> Iterator[Event]:
    """A shift of a desk on a day is one appointment, whenever its breaks are."""
    for desk in desks:
        agents: dict[tuple[str, str, datetime, datetime], int] = {}
        for count in desk.shifts:
            key = (count.shift, count.day, count.starts_at_utc, count.ends_at_utc)
            agents[key] = agents.get(key, 0) + count.agents
        for (shift, day, starts, ends), people in agents.items():
            title = _("{desk}, shift {shift}: {n} people").format(desk=desk.desk, shift=shift, n=people)
            uid = f"shift-{plan.id}-{desk.desk}-{day}-{shift}-{starts.astimezone(UTC):%H%M}"
            yield appointment(uid, title, starts, zone, ends - starts)


def _seats(plan: Plan, seats: Iterable[Seat], zone: ZoneInfo) -> Iterator[Event]:
    for seat in seats:
        title = _("War room, {seat}: {name}").format(seat=seat.seat, name=seat.name)
        uid = f"seat-{plan.id}-{seat.seat}-{seat.starts_at.astimezone(UTC):%Y%m%dT%H%M}-{seat.name}"
        yield appointment(uid, title, seat.starts_at, zone, seat.ends_at - seat.starts_at)


def _meetings(meetings: Iterable[Meeting], zone: ZoneInfo, now: datetime) -> Iterator[Event]:
    for meeting in meetings:
        yield meeting_event(meeting, next_start(meeting, now, zone), zone)
