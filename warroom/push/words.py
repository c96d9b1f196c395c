"""The answer as sentences: the verdict first, then what would fit."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from campaign.language import Text, say
from campaign.numbers import percent, spoken
from warroom.push.room import Room, Tightest


def sentences(room: Room, zone: ZoneInfo) -> tuple[Text, ...]:
    """What a marketer reads on a phone."""
    at = _clock(room.send.at, zone)
    reach = spoken(room.send.reach)
    if room.fits:
        return (say("Yes: a push to {reach} people at {at} fits.", reach=reach, at=at), *_why(room.tightest, zone))
    told = [say("No: a push to {reach} people at {at} does not fit.", reach=reach, at=at), *_why(room.tightest, zone)]
    if room.without is not None and room.without.used_ratio > 1:
        told.append(say("Even without it the forecast is above what is carried: talk to operations first."))
    if room.from_at is not None:
        told.append(say("It fits from {at}.", at=_clock(room.from_at, zone)))
    if room.up_to_reach:
        told.append(say("At {at} it fits up to {reach} people.", at=at, reach=spoken(room.up_to_reach)))
    if room.over_minutes is not None:
        told.append(say("At {at} it fits if sent over {n} minutes.", at=at, n=room.over_minutes))
    return tuple(told)


def _why(tightest: Tightest | None, zone: ZoneInfo) -> tuple[Text, ...]:
    if tightest is None:
        return (say("No capacity is known, so this says nothing."),)
    return (
        say(
            "Tightest is {service} at {at}: {demand} requests/s (one time in ten more) of {carried} carried, {used}.",
            service=tightest.service,
            at=_clock(tightest.at, zone),
            demand=spoken(tightest.demand_p90_requests_per_second),
            carried=spoken(tightest.carried_requests_per_second),
            used=percent(tightest.used_ratio),
        ),
    )


def _clock(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).strftime("%m-%d %H:%M")
