"""What is rehearsed, as records: demand, planned fleets, limits; and the same with one thing changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from playbooks.rehearsal import support as desks
from playbooks.rehearsal.sampling import Uncertain
from playbooks.rehearsal.sends import Send
from playbooks.rehearsal.support import Support
from playbooks.simulation.event import Event, Outage, Played, play
from playbooks.simulation.fleet import EVERY_SYNC, Demand, Fleet, Ticks
from playbooks.simulation.funnel import Funnel
from playbooks.simulation.limits import RateLimit
from playbooks.simulation.retries import RetryPolicy
from playbooks.simulation.war_room import WarRoom

RETRIES = RetryPolicy()


@dataclass(frozen=True)
class Inputs:
    """One campaign's plan. Rows of demand, fleets and the tuples are services, in the order of `services`.

    error_ratios: what each service's objective lets it lose. orders_per_request: None where the funnel says nothing.
    costs_per_replica_hour: None where nobody has said. switches: by id, the share of each row's requests that it sheds.
    support: None where no desks are rehearsed. uncertain: None where everything is as planned. funnel: None
    where none is given; its rows are services. never_full: services whose capacity nobody knows.
    stepless: those whose floor is never moved, as an HPA alone suffices.
    war_room: None where nobody acts on what comes.
    """

    services: tuple[str, ...]
    starts_at_utc: datetime
    demand: Demand
    fleets: tuple[Fleet, ...]
    limits: tuple[RateLimit, ...]
    error_ratios: tuple[float, ...]
    orders_per_request: tuple[float | None, ...]
    costs_per_replica_hour: tuple[float | None, ...]
    switches: dict[str, dict[int, float]] = field(default_factory=dict)
    outages: tuple[Outage, ...] = ()
    retries: RetryPolicy = RETRIES
    support: Support | None = None
    sends: tuple[Send, ...] = ()
    uncertain: Uncertain | None = None
    funnel: Funnel | None = None
    never_full: tuple[str, ...] = ()
    stepless: tuple[str, ...] = ()
    war_room: WarRoom | None = None

    def minute_of(self, at: datetime) -> int:
        return (at - self.starts_at_utc) // timedelta(minutes=1)

    def time_of(self, minute: int) -> datetime:
        return self.starts_at_utc + timedelta(minutes=minute)


def rehearse(inputs: Inputs, ticks: Ticks = EVERY_SYNC) -> Played:
    """Play every path through the plan."""
    return play(
        Event(
            inputs.demand,
            inputs.fleets,
            inputs.limits,
            inputs.retries,
            inputs.outages,
            ticks,
            capacity=None if inputs.uncertain is None else inputs.uncertain.capacity,
            funnel=inputs.funnel,
            war_room=inputs.war_room,
        )
    )


def evenly(paths: int, most: int) -> NDArray[np.integer]:
    """At most so many of the paths, evenly chosen; the same ones each time."""
    return np.linspace(0, paths - 1, min(most, paths)).round().astype(int)


def on_paths(inputs: Inputs, chosen: NDArray[np.integer]) -> Inputs:
    """Only the paths of these indices, in their order."""
    rates = np.ascontiguousarray(inputs.demand.requests_per_second[:, chosen])
    support = inputs.support and desks.of_paths(inputs.support, chosen)
    uncertain = inputs.uncertain and inputs.uncertain.on(chosen)
    demand = replace(inputs.demand, requests_per_second=rates)
    return replace(inputs, demand=demand, support=support, uncertain=uncertain)


def with_floors(inputs: Inputs, factor: float = 1.0, more: Sequence[int] = ()) -> Inputs:
    """Every floor times a factor, then so many replicas more for each service; a quota still ends it.

    What is never full stays as it is.
    """
    added = more or [0] * len(inputs.fleets)
    fleets = tuple(
        fleet
        if name in inputs.never_full
        else replace(fleet, floor=np.maximum(np.ceil(fleet.floor * factor - 1e-9).astype(np.int64) + extra, 1))
        for name, fleet, extra in zip(inputs.services, inputs.fleets, added, strict=True)
    )
    return replace(inputs, fleets=fleets)


def with_more(inputs: Inputs, more: NDArray[np.integer]) -> Inputs:
    """Every floor plus so many replicas [service, minute]; a quota still ends it."""
    fleets = (replace(fleet, floor=fleet.floor + added) for fleet, added in zip(inputs.fleets, more, strict=True))
    return replace(inputs, fleets=tuple(fleets))


def with_limit(inputs: Inputs, name: str, factor: float) -> Inputs:
    """One rate limit times a factor."""
    limits = tuple(
        replace(limit, units_per_second=limit.units_per_second * factor) if limit.name == name else limit
        for limit in inputs.limits
    )
    return replace(inputs, limits=limits)


def with_demand(inputs: Inputs, factor: float) -> Inputs:
    """Demand and contacts times a factor."""
    rates = inputs.demand.requests_per_second * np.float32(factor)
    support = inputs.support and desks.with_contacts(inputs.support, factor)
    return replace(inputs, demand=replace(inputs.demand, requests_per_second=rates), support=support)


def with_node_wait(inputs: Inputs, factor: float) -> Inputs:
    """Nodes take so many times as long."""
    return replace(inputs, fleets=tuple(_slower(fleet, factor) for fleet in inputs.fleets))


def _slower(fleet: Fleet, factor: float) -> Fleet:
    if fleet.nodes is None:
        return fleet
    fastest, slowest = fleet.nodes.wait_seconds
    return replace(fleet, nodes=replace(fleet.nodes, wait_seconds=(fastest * factor, slowest * factor)))


def with_outage(inputs: Inputs, service: str, share_ratio: float, at: datetime) -> Inputs:
    """A service loses a share of its ready replicas at an instant."""
    outage = Outage(inputs.minute_of(at), inputs.services.index(service), share_ratio)
    return replace(inputs, outages=(*inputs.outages, outage))
