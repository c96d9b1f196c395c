"""Appointments as an iCalendar file (RFC 5545), each with the zone's rules, so that no phone shifts them by an hour.

UIDs stay the same from file to file: a newer one replaces the older appointments in every calendar.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from icalendar import Calendar, Event, Timezone

DOMAIN = "surgeplan"
ZONE_RULES_DAYS = 366


def appointment(
    uid: str, title: str, starts_at: datetime, zone: ZoneInfo, lasts: timedelta, *, busy: bool = False
) -> Event:
    """One appointment; busy ones block the time in people's calendars."""
    event = Event()
    event.add("uid", f"{uid}@{DOMAIN}")
    event.add("summary", title)
    event.add("dtstart", starts_at.astimezone(zone))
    event.add("dtend", (starts_at + lasts).astimezone(zone))
    event.add("transp", "OPAQUE" if busy else "TRANSPARENT")
    return event


def calendar_of(
    events: Sequence[Event],
    zone: ZoneInfo,
    stamp: datetime,
    product: str,
    title: str = "",
    refresh: timedelta | None = None,
) -> bytes:
    """The file. `stamp` becomes every DTSTAMP: the same inputs give the same bytes. `refresh`: how often a subscriber
    should ask again."""
    calendar = Calendar()
    calendar.add("prodid", f"-//surgeplan//{product}//EN")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    if title:
        calendar.add("x-wr-calname", title)
        calendar.add("x-wr-timezone", zone.key)
    if refresh is not None:
        calendar.add("refresh-interval", refresh, parameters={"value": "DURATION"})
        calendar.add("x-published-ttl", f"PT{round(refresh.total_seconds() / 60)}M")
    if zone.key != "UTC" and events:
        first = min(event.DTSTART for event in events).date() - timedelta(days=1)
        last = max(event.DTSTART for event in events).date() + timedelta(days=ZONE_RULES_DAYS)
        calendar.add_component(Timezone.from_tzid(zone.key, first_date=first, last_date=last))
    for event in events:
        event.add("dtstamp", stamp)
        calendar.add_component(event)
    return bytes(calendar.to_ical())
