"""Effects in words: middle and range, where, and when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from campaign.language import Text, say
from campaign.numbers import Change, local_minute, minute_of_day
from warroom.live.actions.log import Decision
from warroom.live.actions.records import Effect, Lever, Measure, Range

POINTS = 100
KNOWN_BY = 3
"""Past campaigns with a channel from which on its effect counts as known, as the forecast says of kinds."""


def effect_words(effect: Effect, now: datetime, zone: ZoneInfo) -> Text:
    """`storefront at 20:06: -1,900 requests/s (-2,400 to -1,500)`, with the date where it is not that of `now`."""
    return say(
        "{name} at {at}: {change}",
        name=effect.name,
        at=minute_of_day(effect.at, now, zone),
        change=change_words(effect.measure, effect.largest),
    )


def change_words(measure: Measure, change: Range) -> Text:
    """A change with its range; a capacity of which only one figure is known has none."""
    times = POINTS if measure == "service_level" else 1.0
    low, middle, high = (Change(times * value) for value in (change.p10, change.p50, change.p90))
    value = Text(_unit(measure).message, {"value": middle})
    return value if change.p10 == change.p90 else say("{value} ({low} to {high})", value=value, low=low, high=high)


def doubt_words(lever: Lever) -> Text | None:
    """That little is known of what a send adds, where few past campaigns had its channel."""
    if lever.past_campaigns is None or lever.past_campaigns >= KNOWN_BY:
        return None
    if lever.past_campaigns == 0:
        return say("no past campaign had this channel: this is what is usual of a send, and its range is wide")
    return say("past campaigns that had this channel: {n}", n=lever.past_campaigns)


def outcome_words(decision: Decision) -> Text:
    """What came of a decision, beside what was expected; that it cannot be told, where it cannot."""
    outcome = decision.outcome
    if outcome is None:
        return say("its effect is told an hour after it works")
    if outcome.real is None:
        return say("its effect cannot be told: {why}", why=outcome.why or "-")
    measure = decision.effect.measure
    real, expected = change_words(measure, outcome.real), change_words(measure, decision.effect.hour)
    words = say("it did {real}; expected {expected}")
    if outcome.verdict == "not-told-apart":
        words = say("it may have done nothing: {real}; expected {expected}")
    said = Text(words.message, {"real": real, "expected": expected})
    if outcome.why is not None:
        said = say("{what} ({how})", what=said, how=outcome.why)
    return (
        say("{what}, together with {n} other decisions", what=said, n=len(outcome.together))
        if outcome.together
        else said
    )


def decided_lines(decisions: Iterable[Decision], since: datetime | None, zone: ZoneInfo) -> Iterator[Text]:
    """What was decided, taken back or told since then, a line each."""
    for decision in decisions:
        if _is_new(decision.at, since):
            expected = change_words(decision.effect.measure, decision.effect.largest)
            yield say("decided {at} by {name}: {what}, expected {expected}", at=local_minute(decision.at, zone),
                      name=decision.by, what=decision.title, expected=expected)  # fmt: skip
        if decision.ended_at and _is_new(decision.ended_at, since):
            yield say("taken back {at} by {name}: {what}", at=local_minute(decision.ended_at, zone),
                      name=decision.ended_by, what=decision.title)  # fmt: skip
        if decision.outcome and decision.outcome.at and _is_new(decision.outcome.at, since):
            yield say("{what}: {outcome}", what=decision.title, outcome=outcome_words(decision))


def _is_new(moment: datetime, since: datetime | None) -> bool:
    return since is None or moment > since


def _unit(measure: Measure) -> Text:
    units: dict[Measure, Text] = {
        "requests": say("{value} requests/s"),
        "capacity": say("{value} requests/s carried"),
        "service_level": say("{value} points of service level"),
        "contacts": say("{value} contacts per half-hour"),
    }
    return units[measure]
