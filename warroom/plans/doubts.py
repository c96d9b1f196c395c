"""What in a plan is possible but hardly meant: a push in the small hours, ten times as many people as ever."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import time
from zoneinfo import ZoneInfo

from campaign.language import Text, say
from campaign.moments import moment_name
from campaign.numbers import Quantity, local_minute
from campaign.plan import Plan

NIGHT = (time(1), time(6))
"""Nobody sends then on purpose; midnight itself is when coupons drop."""
UNHEARD_OF = 5.0
"""Times the largest so far: a slip of 万 or of a zero is ten times, a good year is two."""

Figure = tuple[tuple[str, ...], Text | str, float]
"""What is compared with what, what people call it, how much it is."""


def doubts(plan: Plan, others: Sequence[Plan], zone: ZoneInfo) -> tuple[Text, ...]:
    """Questions to whoever wrote the plan; nothing is refused for them."""
    return (*_hours(plan, zone), *_sizes(plan, [other for other in others if other.id != plan.id]))


def _hours(plan: Plan, zone: ZoneInfo) -> Iterator[Text]:
    for channel in plan.channels:
        for send in channel.sends:
            at = local_minute(send.at, zone, year=True)
            if NIGHT[0] <= send.at.astimezone(zone).time() < NIGHT[1]:
                yield say(
                    "{channel} is sent at {at}, in the small hours: is the hour right?", channel=channel.name, at=at
                )
            if send.at > plan.ends_at:
                yield say("{channel} is sent at {at}, after the end: is the day right?", channel=channel.name, at=at)
        for slot in channel.slots:
            if slot.starts_at >= plan.ends_at:
                at = local_minute(slot.starts_at, zone, year=True)
                yield say("{channel} begins at {at}, after the end: is the day right?", channel=channel.name, at=at)


def _sizes(plan: Plan, others: Sequence[Plan]) -> Iterator[Text]:
    largest: dict[tuple[str, ...], float] = defaultdict(float)
    for other in others:
        for key, _, value in _figures(other):
            largest[key] = max(largest[key], value)
    for key, name, value in _figures(plan):
        most = largest[key]
        if most > 0 and value > UNHEARD_OF * most:
            yield say(
                "{name}: {value} is {times} times the most of any other plan, {most}: is it right?",
                name=name,
                value=Quantity(value),
                times=Quantity(value / most),
                most=Quantity(most),
            )


def _figures(plan: Plan) -> Iterator[Figure]:
    for channel in plan.channels:
        named = channel.name
        for send in channel.sends:
            yield ("reach", named), say("{row}, {field}", row=named, field=say("People reached")), send.reach
        for slot in channel.slots:
            field = say("Viewers expected")
            yield ("viewers", named), say("{row}, {field}", row=named, field=field), slot.expected_viewers or 0
        yield ("spend", named), say("{row}, {field}", row=named, field=say("Spend")), channel.spend or 0
    for moment in plan.moments:
        kind, field = moment_name(moment.kind), say("Pieces or coupons")
        yield ("moment", moment.kind), say("{row}, {field}", row=kind, field=field), moment.quantity or 0
    yield from ((("driver", name), name, value) for name, value in plan.drivers.items())
    yield from ((("expected", name), say("{name} expected", name=name), value) for name, value in plan.expected.items())
