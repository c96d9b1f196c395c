"""Effects in words: middle and range, where, and when."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from campaign.language import Text, say
from campaign.numbers import Change
from warroom.live.actions.records import Effect, Measure, Range

POINTS = 100


def effect_words(effect: Effect, zone: ZoneInfo) -> Text:
    """`storefront at 20:06: -1,900 requests/s (-2,400 to -1,500)`."""
    return say(
        "{name} at {at}: {change}",
        name=effect.name,
        at=f"{effect.at.astimezone(zone):%H:%M}",
        change=change_words(effect.measure, effect.largest),
    )


def change_words(measure: Measure, change: Range) -> Text:
    """A change with its range; a capacity of which only one figure is known has none."""
    times = POINTS if measure == "service_level" else 1.0
    low, middle, high = (Change(times * value) for value in (change.p10, change.p50, change.p90))
    what = say("{middle}") if change.p10 == change.p90 else say("{middle} ({low} to {high})")
    value = Text(what.message, {"low": low, "middle": middle, "high": high})
    return Text(_unit(measure).message, {"value": value})


def _unit(measure: Measure) -> Text:
    units: dict[Measure, Text] = {
        "requests": say("{value} requests/s"),
        "capacity": say("{value} requests/s carried"),
        "service_level": say("{value} points of service level"),
        "contacts": say("{value} contacts per half-hour"),
    }
    return units[measure]
