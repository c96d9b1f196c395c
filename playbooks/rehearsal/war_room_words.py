"""What the war room did and what that was worth, as sentences."""

from __future__ import annotations

from collections.abc import Iterator

from campaign.language import Text, say
from campaign.numbers import Quantity, percent
from playbooks.rehearsal.certainty import with_interval
from playbooks.rehearsal.record import Rehearsal, WarRoomOutcome

LEAST_HOURS, LEAST_COST = 0.5, 0.5


def told_of_war_room(found: Rehearsal) -> Text | None:
    """What the war room changes, as a sentence; None where none was played."""
    room = found.war_room
    if room is None:
        return None
    without, joined = room.without_war_room, room.with_war_room
    if room.acted_ratio == 0:
        return say("With the war room: nothing changes; it found nothing to do at any of its {syncs} syncs",
                   syncs=room.syncs)  # fmt: skip
    return say(
        "With the war room: something breaks in {joined} of events instead of {without}, {lost} orders lost on average "
        "instead of {before}; it acts in {acted} of events",
        joined=with_interval(joined.event_ratio, joined.event_interval),
        without=with_interval(without.event_ratio, without.event_interval),
        lost=Quantity(joined.lost_orders_mean), before=Quantity(without.lost_orders_mean),
        acted=percent(room.acted_ratio),
    )  # fmt: skip


def worth_of_war_room(found: Rehearsal) -> list[Text]:
    """What it saved, what that cost, and what it could not help or made worse; nothing where it did nothing."""
    room = found.war_room
    return [] if room is None or room.acted_ratio == 0 else list(_worth(found, room))


def _worth(found: Rehearsal, room: WarRoomOutcome) -> Iterator[Text]:
    without, joined = room.without_war_room, room.with_war_room
    if room.saved_orders_mean:
        yield _saved(room.saved_orders_mean, room.saved_value_mean, found.currency)
    if joined.cost is not None and without.cost is not None and joined.cost - without.cost >= LEAST_COST:
        more = Quantity(joined.cost - without.cost)
        yield say("Its replicas cost {cost} {currency} more on average", cost=more, currency=found.currency)
    if room.agent_hours_mean >= LEAST_HOURS and room.cost_agents_mean is not None:
        yield say(
            "The people whom it calls in work {hours} hours on average, {cost} {currency}",
            hours=Quantity(room.agent_hours_mean), cost=Quantity(room.cost_agents_mean), currency=found.currency,
        )  # fmt: skip
    if room.worse_ratio > 0:
        yield say("In {ratio} of events more orders are lost with it", ratio=percent(room.worse_ratio))


def _saved(orders: float, value: float | None, currency: str) -> Text:
    said: dict[str, object] = {"orders": Quantity(abs(orders))}
    if value is None:
        saves, costs = say("It saves {orders} orders on average"), say("It costs {orders} orders on average")
        return Text((saves if orders >= 0 else costs).message, said)
    saves = say("It saves {orders} orders on average, {value} {currency}")
    costs = say("It costs {orders} orders on average, {value} {currency}")
    return Text((saves if orders >= 0 else costs).message, said | {"value": Quantity(abs(value)), "currency": currency})
