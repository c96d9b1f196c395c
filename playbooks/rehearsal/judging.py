"""From what was played to what it means: breaks with their intervals, lost orders, cost."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from playbooks.rehearsal.certainty import interval
from playbooks.rehearsal.inputs import Inputs
from playbooks.rehearsal.record import Break
from playbooks.simulation.event import Played

Floats = NDArray[np.float64]


def losing(inputs: Inputs, played: Played) -> NDArray[np.bool_]:
    """[service, path, minute]: more is lost for good than the service's objective allows."""
    allowed = np.array(inputs.error_ratios, np.float32)[:, None, None] * 60
    found: NDArray[np.bool_] = played.lost_by_minute > asked(inputs, played) * allowed
    return found


def asked(inputs: Inputs, played: Played) -> NDArray[np.float32]:
    """Requests per second [service, path, minute] that come for the first time, without what a war room turned away."""
    planned = inputs.demand.requests_per_second
    left = None if played.done is None else played.done.asked_ratio
    return planned if left is None else planned * left


def lost_orders(inputs: Inputs, played: Played) -> Floats:
    """[path]: orders lost for good, see `lost_orders_by_minute`."""
    return np.asarray(lost_orders_by_minute(inputs, played).sum(axis=1, dtype=np.float64))


def lost_orders_by_minute(inputs: Inputs, played: Played) -> NDArray[np.float32]:
    """[path, minute]: of visits that lost a stage; without a funnel, of the service that loses most in that minute.

    Zero where nothing says what a request is worth. On each path as many of its visits order as its conversion says.
    """
    conversion = np.float32(1) if inputs.uncertain is None else inputs.uncertain.conversion[:, None].astype(np.float32)
    if played.lost_orders_by_minute is not None:
        return np.asarray(played.lost_orders_by_minute * conversion, np.float32)
    lost = np.zeros(played.lost_by_minute.shape[1:], np.float32)
    for row, each in enumerate(inputs.orders_per_request):
        if each is not None:
            np.maximum(lost, played.lost_by_minute[row] * np.float32(each), out=lost)
    return np.asarray(lost * conversion, np.float32)


def cost(inputs: Inputs, played: Played) -> float | None:
    """Mean over the paths, of the services that have a price; None where none has."""
    hours = played.replica_hours.mean(axis=1)
    priced = [
        float(h) * price for h, price in zip(hours, inputs.costs_per_replica_hour, strict=True) if price is not None
    ]
    return sum(priced) if priced else None


def breaks(inputs: Inputs, played: Played) -> tuple[Break, ...]:
    """Services first, then limits, in the workspace's order."""
    lost = losing(inputs, played)
    found = [_break(inputs, "service", name, lost[row]) for row, name in enumerate(inputs.services)]
    demand = asked(inputs, played)
    for limit in inputs.limits:
        wanted = sum(units * demand[row] for row, units in limit.used_by.items())
        found.append(_break(inputs, "limit", limit.name, np.asarray(wanted) > limit.units_per_second))
    return tuple(found)


def _break(inputs: Inputs, kind: str, name: str, over: NDArray[np.bool_]) -> Break:
    by_minute = over.mean(axis=0)
    worst = (
        int(by_minute.argmax()) if by_minute.any() else int(inputs.demand.requests_per_second.sum(0).mean(0).argmax())
    )
    events, at_worst, paths = int(over.any(axis=1).sum()), int(over[:, worst].sum()), len(over)
    return Break(
        kind="service" if kind == "service" else "limit",
        name=name,
        event_ratio=events / paths,
        event_interval=interval(events, paths),
        worst_minute_ratio=at_worst / paths,
        worst_minute_interval=interval(at_worst, paths),
        worst_at_utc=inputs.time_of(worst),
    )
