"""From what was played to what it means: breaks, lost orders, the verdict."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from campaign.language import Text, say
from campaign.numbers import percent
from playbooks.rehearsal.inputs import Inputs
from playbooks.rehearsal.record import Break, Verdict
from playbooks.simulation.event import Played

Floats = NDArray[np.float64]


def losing(inputs: Inputs, played: Played) -> NDArray[np.bool_]:
    """[service, path, minute]: more is lost for good than the service's objective allows."""
    allowed = np.array(inputs.error_ratios, np.float32)[:, None, None] * 60
    found: NDArray[np.bool_] = played.lost_by_minute > inputs.demand.requests_per_second * allowed
    return found


def lost_orders(inputs: Inputs, played: Played) -> Floats:
    """[path]: orders lost for good; in each minute the service that loses most decides, for an order needs them all.

    Zero where the funnel does not say what a request is worth.
    """
    lost = np.zeros(played.lost_by_minute.shape[1:], np.float32)
    for row, each in enumerate(inputs.orders_per_request):
        if each is not None:
            np.maximum(lost, played.lost_by_minute[row] * np.float32(each), out=lost)
    return np.asarray(lost.sum(axis=1, dtype=np.float64))


def cost(inputs: Inputs, played: Played) -> float | None:
    """Mean over the paths; None where a service has no price."""
    hours = played.replica_hours.mean(axis=1)
    prices = inputs.costs_per_replica_hour
    if any(price is None for price in prices):
        return None
    return float(sum(h * (price or 0.0) for h, price in zip(hours, prices, strict=True)))


def breaks(inputs: Inputs, played: Played) -> tuple[Break, ...]:
    """Services first, then limits, in the workspace's order."""
    lost = losing(inputs, played)
    found = [_break(inputs, "service", name, lost[row]) for row, name in enumerate(inputs.services)]
    for limit in inputs.limits:
        wanted = sum(units * inputs.demand.requests_per_second[row] for row, units in limit.used_by.items())
        found.append(_break(inputs, "limit", limit.name, np.asarray(wanted) > limit.units_per_second))
    return tuple(found)


def _break(inputs: Inputs, kind: str, name: str, over: NDArray[np.bool_]) -> Break:
    by_minute = over.mean(axis=0)
    worst = (
        int(by_minute.argmax()) if by_minute.any() else int(inputs.demand.requests_per_second.sum(0).mean(0).argmax())
    )
    return Break(
        kind="service" if kind == "service" else "limit",
        name=name,
        event_ratio=float(over.any(axis=1).mean()),
        worst_minute_ratio=float(by_minute[worst]),
        worst_at_utc=inputs.time_of(worst),
    )


def verdict(found: Sequence[Break], appetite: float, limited_only: bool) -> tuple[Verdict, Text]:
    """Go where no service breaks in any minute more often than the appetite; with limits where only limits do it."""
    over = [one for one in found if one.worst_minute_ratio > appetite]
    services = [one for one in over if one.kind == "service"]
    limits = [one.name for one in over if one.kind == "limit"]
    if limits and (limited_only or not services):
        return "go-with-limits", say(
            "replicas suffice; what is beyond {limits} is refused and must be kept out", limits=", ".join(limits)
        )
    if not services:
        worst = max(found, key=lambda one: one.worst_minute_ratio)
        return "go", say(
            "no service loses more than its objective allows in any minute more often than {appetite}; worst: {name} "
            "at {ratio}",
            appetite=percent(appetite), name=worst.name, ratio=percent(worst.worst_minute_ratio),
        )  # fmt: skip
    worst = max(services, key=lambda one: one.worst_minute_ratio)
    return "no-go", say(
        "{name} loses more than its objective allows with probability {ratio} in its worst minute; "
        "{appetite} is accepted",
        name=worst.name, ratio=percent(worst.worst_minute_ratio), appetite=percent(appetite),
    )  # fmt: skip
