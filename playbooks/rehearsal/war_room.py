"""The same paths with a war room that meets every hour, beside the plan alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from campaign.language import Text, say
from campaign.numbers import Quantity, percent
from campaign.spreading import Spread
from campaign.traffic import Quantiles
from campaign.workspace import Workspace
from playbooks.rehearsal import judging
from playbooks.rehearsal.certainty import interval, with_interval
from playbooks.rehearsal.inputs import Inputs
from playbooks.rehearsal.record import Course, Rehearsal, WarRoomOutcome
from playbooks.rehearsal.replays import rehearse_in_parts
from playbooks.rehearsal.verdict import Played as PathsPlayed
from playbooks.rehearsal.verdict import verdict
from playbooks.simulation.event import Played
from playbooks.simulation.war_room import WarRoom

Joins = Callable[[Workspace, str, Inputs], WarRoom | None]
"""Makes the war room of a campaign's plan as it was frozen; None where it has nothing to go by."""


def with_war_room(
    inputs: Inputs, played: Played, accepted_ratio: float, on: PathsPlayed, everywhere: Spread
) -> WarRoomOutcome | None:
    """Both courses of the event. `inputs` has the war room; `played` is the event without it."""
    room = inputs.war_room
    if room is None:
        return None
    again = rehearse_in_parts(inputs, everywhere)
    acts = np.zeros(1) if again.acts is None else again.acts.sum(axis=0)
    return WarRoomOutcome(
        without_war_room=_course(replace(inputs, war_room=None), played, accepted_ratio, on),
        with_war_room=_course(inputs, again, accepted_ratio, on),
        syncs=len(room.syncs),
        reaction_seconds=room.reaction_seconds,
        acted_ratio=float((acts > 0).mean()),
        raises_mean=float(acts.mean()),
    )


def _course(inputs: Inputs, played: Played, accepted_ratio: float, on: PathsPlayed) -> Course:
    broken = np.asarray(judging.losing(inputs, played).any(axis=(0, 2)))
    orders = judging.lost_orders(inputs, played)
    return Course(
        verdict=verdict(judging.breaks(inputs, played), accepted_ratio, on)[0],
        event_ratio=float(broken.mean()),
        event_interval=interval(int(broken.sum()), len(broken)),
        lost_orders_mean=float(orders.mean()),
        lost_orders=Quantiles.of(orders),
        replica_hours=float(played.replica_hours.mean(axis=1).sum()),
        cost=judging.cost(inputs, played),
    )


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
        "instead of {before}; it raises floors in {acted} of events",
        joined=with_interval(joined.event_ratio, joined.event_interval),
        without=with_interval(without.event_ratio, without.event_interval),
        lost=Quantity(joined.lost_orders_mean), before=Quantity(without.lost_orders_mean),
        acted=percent(room.acted_ratio),
    )  # fmt: skip
