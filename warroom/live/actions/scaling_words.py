"""What is held, on its way or overdue, each as one sentence."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from campaign.language import Text, say
from campaign.numbers import minute_of_day
from warroom.live.records import Held, LiveState, Order


def scaling_lines(state: LiveState, zone: ZoneInfo) -> Iterator[Text]:
    """Overdue orders first, then those on their way, then floors that are held."""
    for name, order in orders_in(state):
        yield order_words(name, order, state.now, zone)
    for held in state.held:
        yield held_words(held, state.now, zone)


def orders_in(state: LiveState) -> list[tuple[str, Order]]:
    """Service and order, overdue ones first."""
    orders = [(name, order) for name, each in state.capacities.items() for order in each.orders]
    return sorted(orders, key=lambda pair: not pair[1].overdue)


def order_words(service: str, order: Order, now: datetime, zone: ZoneInfo) -> Text:
    said = {
        "service": service,
        "n": order.replicas,
        "at": minute_of_day(order.ordered_at, now, zone),
        "due": minute_of_day(order.ready_at, now, zone),
    }
    if order.ready is None:
        return say("{service}: {n} replicas, ordered at {at}, are ready by {due}", **said)
    return say(
        "{service}: {n} replicas, ordered at {at}, should be ready since {due}; {ready} are", ready=order.ready, **said
    )


def held_words(held: Held, now: datetime, zone: ZoneInfo) -> Text:
    """Until when, and which planned step would lower it."""
    hold = held.hold
    words = say(
        "{service} is held at {n} replicas or more until it is taken back", service=hold.service, n=hold.replicas
    )
    if hold.ends_at is not None:
        until = minute_of_day(hold.ends_at, now, zone)
        words = say(
            "{service} is held at {n} replicas or more until {until}",
            service=hold.service,
            n=hold.replicas,
            until=until,
        )
    if not held.lowered:
        return words
    first = held.lowered[0]
    return say(
        "{what}; the step to {planned} planned for {at} does not lower it once the steps in {folder} are applied",
        what=words, planned=first.replicas, at=minute_of_day(first.starts_at_utc, now, zone), folder=held.folder,
    )  # fmt: skip
