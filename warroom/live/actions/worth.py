"""What an action is worth, and which comes first."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from campaign.settings import Settings
from playbooks.autoscaling.known import value_per_request
from playbooks.growth.policy import Response
from warroom.live.actions.records import Lever
from warroom.live.judging.respond import HOUR_SECONDS, response_order


def worth_per_hour(settings: Settings, relieved: Mapping[str, float]) -> float | None:
    """Requests per second that are no more beyond the capacity, by service, as money an hour: the orders that they
    stand for. None where no order value is given, or none of these services stands for orders."""
    each = {name: value_per_request(settings, name) for name in relieved}
    if all(value is None for value in each.values()):
        return None
    return sum(HOUR_SECONDS * relieved[name] * value for name, value in each.items() if value is not None)


def in_order(levers: Iterable[Lever], response: Response) -> tuple[Lever, ...]:
    """The order of `response:`: what saves most, then what works sooner, then what needs fewer people; head-room won
    decides where impact is equal or cannot be said. What is done already comes last."""
    return tuple(sorted(levers, key=lambda lever: (lever.state == "done", *_order(lever, response))))


def _order(lever: Lever, response: Response) -> tuple[object, ...]:
    parts = response_order(lever.impact_per_hour, _won(lever), lever.hours, lever.people, response)
    return (*parts, -abs(lever.effect.largest.p50), lever.id)


def _won(lever: Lever) -> float:
    if lever.headroom_before is None or lever.headroom_after is None:
        return 0.0
    return lever.headroom_after - lever.headroom_before
