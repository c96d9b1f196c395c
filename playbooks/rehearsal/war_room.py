"""The same paths with a war room that meets every hour, beside the plan alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from campaign.spreading import Spread
from campaign.traffic import Quantiles
from campaign.workspace import Workspace
from playbooks.rehearsal import judging
from playbooks.rehearsal.acts import Acted, acted_of, acts_of
from playbooks.rehearsal.called import Called, CallIn
from playbooks.rehearsal.certainty import interval
from playbooks.rehearsal.inputs import Inputs, on_paths
from playbooks.rehearsal.record import Course, WarRoomOutcome
from playbooks.rehearsal.replays import Rehearsed, rehearse_in_parts
from playbooks.rehearsal.support import (
    HALF_HOUR_HOURS,
    Support,
    by_half_hour,
    changed_contacts,
    play_changed,
)  # fmt: skip
from playbooks.rehearsal.support_judging import lost_by_half_hour, outcomes
from playbooks.rehearsal.verdict import Played as PathsPlayed
from playbooks.rehearsal.verdict import verdict
from playbooks.simulation.desks import DeskPlayed
from playbooks.simulation.event import Played
from playbooks.simulation.war_room import Done, Option, WarRoom

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Room:
    """services: acts on what services are asked and carry. call_in: people for desks; None where nobody can be."""

    services: WarRoom
    call_in: CallIn | None = None


Joins = Callable[[Workspace, str, Inputs], Room | None]
"""Makes the war room of a campaign's plan as it was frozen; None where it has nothing to go by."""


@dataclass(frozen=True)
class Joined:
    """What came of it with the war room. acted: what it did; orders: lost [path], with those that a held send did not
    bring."""

    outcome: WarRoomOutcome
    acted: tuple[Acted, ...]
    orders: Floats


@dataclass(frozen=True)
class Watched:
    """The plan alone, and where the war room would act; acting: [path]. room: None where none is played."""

    plan: Rehearsed
    room: Room | None
    acting: Bools


@dataclass(frozen=True)
class Judged:
    """By what it is judged and told. value: of an order; None where nobody has said."""

    accepted_ratio: float
    on: PathsPlayed
    zone: ZoneInfo
    value: float | None


def watched(inputs: Inputs, room: Room | None, everywhere: Spread) -> Watched:
    """Play the plan alone, and let the war room look on."""
    if room is None:
        return Watched(
            Rehearsed(inputs, rehearse_in_parts(inputs, everywhere)), None, np.zeros(inputs.demand.paths, bool)
        )
    played = rehearse_in_parts(replace(inputs, war_room=replace(room.services, watches=True)), everywhere)
    assert played.done is not None
    return Watched(Rehearsed(inputs, replace(played, done=None)), room, played.done.acting)


def with_war_room(alone: Watched, desks: Mapping[str, DeskPlayed], judged: Judged, everywhere: Spread) -> Joined | None:
    """Both courses of the event. desks: as they met the plan alone."""
    inputs, room, before = alone.plan.inputs, alone.room, alone.plan.played
    if room is None:
        return None
    again = _again(alone, room, everywhere)
    assert again.done is not None
    away = again.done.orders_away.astype(np.float64)
    if inputs.uncertain is not None:
        away *= inputs.uncertain.conversion[:, None]
    called, met = _desks(inputs, room, desks, again, away)
    acted = acted_of(inputs, room.services.options, again.done, called)
    without = judging.lost_orders(inputs, before)
    never_came = np.where(_still_held(room.services, again.done), np.maximum(away.sum(axis=1), 0.0), 0.0)
    orders = judging.lost_orders(inputs, again) + never_came
    hours, costs = _agents(inputs.support, called)
    acting = np.any([one.times > 0 for one in acted], axis=0) if acted else np.zeros(len(orders), bool)
    outcome = WarRoomOutcome(
        without_war_room=_course(inputs, before, without, judged),
        with_war_room=_course(inputs, again, orders, judged),
        syncs=len(room.services.syncs),
        acted_ratio=float(acting.mean()),
        raises_mean=float(sum(one.times.mean() for one in acted if one.kind == "scale")),
        acts=acts_of(acted, inputs, judged.zone),
        saved_orders_mean=float((without - orders).mean()),
        saved_value_mean=None if judged.value is None else float((without - orders).mean()) * judged.value,
        worse_ratio=float((orders > without + 0.5).mean()),
        away_orders_mean=float(never_came.mean()),
        agent_hours_mean=hours,
        cost_agents_mean=costs,
        breaks=judging.breaks(inputs, again),
        desks=outcomes(inputs.support, met),
    )
    return Joined(outcome, acted, orders)


def _again(alone: Watched, room: Room, everywhere: Spread) -> Played:
    """The services with the war room; only paths on which it acts need to be played again."""
    paths, before = np.flatnonzero(alone.acting), alone.plan.played
    if not len(paths):
        return replace(before, done=Done.nothing(len(room.services.options), *before.lost_by_minute.shape[1:]))
    few = replace(on_paths(alone.plan.inputs, paths), war_room=room.services)
    return before.with_again(paths, rehearse_in_parts(few, everywhere))


def _still_held(room: WarRoom, done: Done) -> Bools:
    """[path]: a send was held and never let go; what one that was let go brings comes later, all of it."""
    held = np.zeros(done.times.shape[1], bool)
    for number, option in enumerate(room.options):
        if option.kind == "hold":
            let_go = room.options.index(Option("release", option.subject))
            held |= done.times[number] > done.times[let_go]
    return held


def _desks(
    inputs: Inputs, room: Room, before: Mapping[str, DeskPlayed], again: Played, away: Floats
) -> tuple[dict[str, Called], Mapping[str, DeskPlayed]]:
    """Whom desks called in, and what they met, with the orders that were lost and the visits that were moved. Only
    paths on which something was done are played again."""
    support = inputs.support
    if support is None or again.done is None:
        return {}, {}
    lost = lost_by_half_hour(inputs, again, support)
    moved = by_half_hour(away, inputs.starts_at_utc, support)
    contacts = changed_contacts(support, lost, moved)
    called = room.call_in(np.sum(contacts, axis=0)) if room.call_in else {}
    acting = again.done.acting
    for one in called.values():
        acting = acting | (one.times > 0)
    paths = np.flatnonzero(acting)
    return called, play_changed(support, contacts, called, paths, before)


def _agents(support: Support | None, called: Mapping[str, Called]) -> tuple[float, float | None]:
    """Mean hours of people called in, and what those that have a price cost; None where none has."""
    hours = {name: float(one.people.sum(axis=1).mean()) * HALF_HOUR_HOURS for name, one in called.items()}
    prices = {desk.name: desk.cost_per_agent_hour for desk in (support.desks if support else ())}
    priced = [count * price for name, count in hours.items() if (price := prices[name]) is not None]
    return sum(hours.values()), sum(priced) if priced else None


def _course(inputs: Inputs, played: Played, orders: Floats, judged: Judged) -> Course:
    broken = np.asarray(judging.losing(inputs, played).any(axis=(0, 2)))
    return Course(
        verdict=verdict(judging.breaks(inputs, played), judged.accepted_ratio, judged.on)[0],
        event_ratio=float(broken.mean()),
        event_interval=interval(int(broken.sum()), len(broken)),
        lost_orders_mean=float(orders.mean()),
        lost_orders=Quantiles.of(orders),
        replica_hours=float(played.replica_hours.mean(axis=1).sum()),
        cost=judging.cost(inputs, played),
    )
