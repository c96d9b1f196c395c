"""`warroom.ics`: gates, due items, moments, sends, the campaign, its change freeze and the hourly sync.

UIDs are the item's id and scope, so that a newer file replaces the older events in every calendar; DTSTAMP is the
model's as-of, so that the same inputs give the same bytes.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from icalendar import Event

from campaign.language import _
from campaign.moments import moment_name
from campaign.numbers import spoken
from campaign.plan import Plan
from campaign.readiness import Checklist
from playbooks.appointments import appointment, calendar_of
from playbooks.readiness.labels import ROLE_LABELS
from playbooks.readiness.pages import state_sentence

DUE_MINUTES = 15
FREEZE_HOURS = 24


def calendar_file(checklist: Checklist, plan: Plan, zone: ZoneInfo, stamp: datetime) -> bytes:
    """The calendar as bytes; `stamp` becomes every DTSTAMP."""
    return calendar_of(campaign_events(checklist, plan, zone), zone, stamp, "checklist", plan.title)


def campaign_events(checklist: Checklist, plan: Plan, zone: ZoneInfo) -> list[Event]:
    """Everything about one campaign that has a time."""
    return [
        _campaign(checklist, plan, zone),
        _freeze(plan, zone),
        _sync(plan, zone),
        *_moments(plan, zone),
        *_sends(plan, zone),
        *_gates(checklist, plan, zone),
        *_items(checklist, plan, zone),
    ]


def _campaign(checklist: Checklist, plan: Plan, zone: ZoneInfo) -> Event:
    title = _("Campaign: {name}").format(name=plan.title)
    event = appointment(f"campaign-{plan.id}", title, plan.starts_at, zone, plan.ends_at - plan.starts_at)
    if checklist.bundle:
        event.add("description", _("Frozen bundle {hash}.").format(hash=checklist.bundle))
    return event


def _freeze(plan: Plan, zone: ZoneInfo) -> Event:
    around = timedelta(hours=FREEZE_HOURS)
    title = _("Change freeze: {name}").format(name=plan.title)
    return appointment(
        f"freeze-{plan.id}", title, plan.starts_at - around, zone, plan.ends_at - plan.starts_at + 2 * around
    )


def _sync(plan: Plan, zone: ZoneInfo) -> Event:
    title = _("Hourly sync: {name}").format(name=plan.title)
    event = appointment(f"sync-{plan.id}", title, plan.starts_at, zone, timedelta(minutes=DUE_MINUTES), busy=True)
    event.add("rrule", {"freq": "hourly", "until": plan.ends_at.astimezone(ZoneInfo("UTC"))})
    return event


def _moments(plan: Plan, zone: ZoneInfo) -> list[Event]:
    return [
        appointment(
            f"moment-{plan.id}-{moment.kind}-{moment.at.astimezone(ZoneInfo('UTC')):%Y%m%dT%H%M%S}",
            f"{plan.title}: {moment_name(moment.kind)}",
            moment.at,
            zone,
            timedelta(minutes=DUE_MINUTES),
        )
        for moment in plan.moments
    ]


def _sends(plan: Plan, zone: ZoneInfo) -> list[Event]:
    return [
        appointment(
            f"send-{plan.id}-{channel.name}-{send.at.astimezone(ZoneInfo('UTC')):%Y%m%dT%H%M%S}",
            _("{name}: send of {channel} to {reach}").format(
                name=plan.title, channel=channel.name, reach=spoken(send.reach)
            ),
            send.at,
            zone,
            timedelta(minutes=DUE_MINUTES),
        )
        for channel in plan.channels
        for send in channel.sends
    ]


def _gates(checklist: Checklist, plan: Plan, zone: ZoneInfo) -> list[Event]:
    found = []
    for gate in checklist.gates:
        title = f"{gate.gate} {gate.title}: {plan.title}"
        lasts = timedelta(minutes=2 * DUE_MINUTES)
        event = appointment(f"gate-{plan.id}-{gate.gate}", title, gate.due_at_utc, zone, lasts, busy=True)
        event.add("description", "\n".join(str(item.title) for item in checklist.of_gate(gate.gate)))
        event.add("categories", [gate.gate])
        found.append(event)
    return found


def _items(checklist: Checklist, plan: Plan, zone: ZoneInfo) -> list[Event]:
    found = []
    for item in checklist.items:
        title = f"{item.due} {item.title} ({ROLE_LABELS[item.owner]})"
        event = appointment(
            f"item-{item.scope}-{item.id}", title, item.due_at_utc, zone, timedelta(minutes=DUE_MINUTES)
        )
        event.add("description", "\n".join([plan.title, str(item.evidence), state_sentence(item)]))
        event.add("categories", [item.owner, item.gate or "run"])
        found.append(event)
    return found
