"""The answer as sentences: the verdict first, then what would fit."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from campaign.language import Text, say
from campaign.numbers import percent, spoken
from playbooks.rehearsal.certainty import in_range
from warroom.push.room import Room, Short, Tightest


def sentences(room: Room, zone: ZoneInfo) -> tuple[Text, ...]:
    """What a marketer reads on a phone."""
    at = _clock(room.send.at, zone)
    reach = spoken(room.send.reach)
    if room.fits:
        return (say("Yes: a push to {reach} people at {at} fits.", reach=reach, at=at), *_why(room, zone))
    told = [say("No: a push to {reach} people at {at} does not fit.", reach=reach, at=at), *_why(room, zone)]
    if room.without is not None and room.without.used_ratio > 1:
        told.append(say("Even without it the forecast is above what is carried: talk to operations first."))
    if room.from_at is not None:
        told.append(say("It fits from {at}.", at=_clock(room.from_at, zone)))
    if room.up_to_reach:
        told.append(say("At {at} it fits up to {reach} people.", at=at, reach=spoken(room.up_to_reach)))
    if room.over_minutes is not None:
        told.append(say("At {at} it fits if sent over {n} minutes.", at=at, n=room.over_minutes))
    return tuple(told)


def _why(room: Room, zone: ZoneInfo) -> tuple[Text, ...]:
    if room.tightest is None or room.short is None:
        return (say("No capacity is known, so this says nothing."),)
    return (_tightest(room.tightest, zone), _short(room.short))


def _tightest(tightest: Tightest, zone: ZoneInfo) -> Text:
    floors, high = tightest.floors_requests_per_second, tightest.carried_high_requests_per_second
    told = {
        "service": tightest.service,
        "at": _clock(tightest.at, zone),
        "demand": spoken(tightest.demand_p90_requests_per_second),
        "floors": spoken(floors),
        "used": percent(tightest.used_ratio),
    }
    if high <= floors:
        return say(
            "Tightest is {service} at {at}: {demand} requests/s (one time in ten more) of {floors} carried, {used}.",
            **told,
        )
    return say(
        "Tightest is {service} at {at}: {demand} requests/s (one time in ten more); the planned floors alone carry "
        "{floors}, with the HPA {low} to {high}; {used} of it is used (one time in ten more).",
        low=spoken(tightest.carried_low_requests_per_second),
        high=spoken(high),
        **told,
    )


def _short(short: Short) -> Text:
    return say(
        "In the hour from then on something is short in {with_hpa} of cases; by the planned floors alone it would be "
        "in {by_floors}.",
        with_hpa=in_range(short.with_hpa),
        by_floors=in_range(short.by_floors),
    )


def _clock(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).strftime("%m-%d %H:%M")
