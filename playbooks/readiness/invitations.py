"""`warroom.ics`: gates, due items, moments, the campaign, its change freeze and the hourly sync.

RFC 5545 through the icalendar library. UIDs are the item's id and scope, so that a newer file replaces the older
events in every calendar; DTSTAMP is the model's as-of, so that the same inputs give the same bytes.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, Timezone

from campaign.language import _
from campaign.plan import Plan
from campaign.readiness import Checklist
from playbooks.readiness.labels import ROLE_LABELS
from playbooks.readiness.pages import state_sentence

DUE_MINUTES = 15
FREEZE_HOURS = 24
DOMAIN = "surgeplan"


def calendar_file(checklist: Checklist, plan: Plan, zone: ZoneInfo, stamp: datetime) -> bytes:
    """The calendar as bytes; `stamp` becomes every DTSTAMP."""
    events = [
        _campaign(checklist, plan, zone),
        _freeze(plan, zone),
        _sync(plan, zone),
        *_moments(plan, zone),
        *_gates(checklist, plan, zone),
        *_items(checklist, plan, zone),
    ]
    calendar = Calendar()
    calendar.add("prodid", "-//surgeplan//checklist//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", plan.title)
    calendar.add("x-wr-timezone", zone.key)
    if zone.key != "UTC":
        first = min(event.DTSTART for event in events).date() - timedelta(days=1)
        last = max(event.DTSTART for event in events).date() + timedelta(days=366)
        calendar.add_component(Timezone.from_tzid(zone.key, first_date=first, last_date=last))
    for event in events:
        event.add("dtstamp", stamp)
        calendar.add_component(event)
    return bytes(calendar.to_ical())


def _event(uid: str, title: str, starts_at: datetime, zone: ZoneInfo, lasts: timedelta, *, busy: bool = False) -> Event:
    event = Event()
    event.add("uid", f"{uid}@{DOMAIN}")
    event.add("summary", title)
    event.add("dtstart", starts_at.astimezone(zone))
    event.add("dtend", (starts_at + lasts).astimezone(zone))
    event.add("transp", "OPAQUE" if busy else "TRANSPARENT")
    return event


def _campaign(checklist: Checklist, plan: Plan, zone: ZoneInfo) -> Event:
    title = _("Campaign: {name}").format(name=plan.title)
    event = _event(f"campaign-{plan.id}", title, plan.starts_at, zone, plan.ends_at - plan.starts_at)
    if checklist.bundle:
        event.add("description", _("Frozen bundle {hash}.").format(hash=checklist.bundle))
    return event


def _freeze(plan: Plan, zone: ZoneInfo) -> Event:
    around = timedelta(hours=FREEZE_HOURS)
    title = _("Change freeze: {name}").format(name=plan.title)
    return _event(f"freeze-{plan.id}", title, plan.starts_at - around, zone, plan.ends_at - plan.starts_at + 2 * around)


def _sync(plan: Plan, zone: ZoneInfo) -> Event:
    title = _("Hourly sync: {name}").format(name=plan.title)
    event = _event(f"sync-{plan.id}", title, plan.starts_at, zone, timedelta(minutes=DUE_MINUTES), busy=True)
    event.add("rrule", {"freq": "hourly", "until": plan.ends_at.astimezone(ZoneInfo("UTC"))})
    return event


def _moments(plan: Plan, zone: ZoneInfo) -> list[Event]:
    return [
        _event(
            f"moment-{plan.id}-{moment.kind}-{moment.at.astimezone(ZoneInfo('UTC')):%Y%m%dT%H%M%S}",
            f"{plan.title}: {moment.kind}",
            moment.at,
            zone,
            timedelta(minutes=DUE_MINUTES),
        )
        for moment in plan.moments
    ]


def _gates(checklist: Checklist, plan: Plan, zone: ZoneInfo) -> list[Event]:
    found = []
    for gate in checklist.gates:
        title = f"{gate.gate} {gate.title}: {plan.title}"
        lasts = timedelta(minutes=2 * DUE_MINUTES)
        event = _event(f"gate-{plan.id}-{gate.gate}", title, gate.due_at_utc, zone, lasts, busy=True)
        event.add("description", "\n".join(str(item.title) for item in checklist.of_gate(gate.gate)))
        event.add("categories", [gate.gate])
        found.append(event)
    return found


def _items(checklist: Checklist, plan: Plan, zone: ZoneInfo) -> list[Event]:
    found = []
    for item in checklist.items:
        title = f"{item.due} {item.title} ({ROLE_LABELS[item.owner]})"
        event = _event(f"item-{item.scope}-{item.id}", title, item.due_at_utc, zone, timedelta(minutes=DUE_MINUTES))
        event.add("description", "\n".join([plan.title, str(item.evidence), state_sentence(item)]))
        event.add("categories", [item.owner, item.gate or "run"])
        found.append(event)
    return found
