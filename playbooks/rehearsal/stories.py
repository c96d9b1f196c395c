"""The worst paths as sentences: which service, when, how far beyond what it could carry, for how long, what it cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from zoneinfo import ZoneInfo

import numpy as np

from campaign.language import Text, say
from campaign.numbers import Quantity, local_minute, percent
from campaign.words import Words
from playbooks.rehearsal.acts import told_of_path
from playbooks.rehearsal.inputs import Inputs
from playbooks.rehearsal.judging import losing, lost_orders
from playbooks.rehearsal.record import Story
from playbooks.rehearsal.support_judging import breaking, told_of_desks
from playbooks.rehearsal.war_room import Joined
from playbooks.simulation.desks import DeskPlayed
from playbooks.simulation.event import Played

MOST = 10


def stories(
    inputs: Inputs,
    played: Played,
    zone: ZoneInfo,
    support: Mapping[str, DeskPlayed] | None = None,
    joined: Joined | None = None,
) -> tuple[Story, ...]:
    """At most ten, the worst first; paths on which every objective and every desk's promise held have none.

    joined: what the war room did about them.
    """
    over, orders = losing(inputs, played), lost_orders(inputs, played)
    lost = played.lost_by_minute.sum(axis=(0, 2))
    desks = inputs.support.desks if inputs.support and support else ()
    broken = np.array([breaking(desk, support[desk.name]) for desk in desks if support]).reshape(-1, len(orders))
    bad = np.flatnonzero(over.any(axis=(0, 2)) | broken.any(axis=0))
    worst = bad[np.lexsort((-broken.sum(axis=0)[bad], -lost[bad], -orders[bad]))][:MOST]
    return tuple(
        Story(
            path=int(path),
            lost_orders=float(orders[path]),
            told=Words.of(_in_one(list(_everything(inputs, played, over, path, zone, support)))),
            lost_orders_with_war_room=None if joined is None else float(joined.orders[path]),
            war_room=None if joined is None else _with_war_room(joined, inputs, int(path), zone),
        )
        for path in worst
    )


def _everything(
    inputs: Inputs,
    played: Played,
    over: np.ndarray,
    path: int,
    zone: ZoneInfo,
    support: Mapping[str, DeskPlayed] | None,
) -> Iterator[Text]:
    yield from _told(inputs, played, over, path, zone)
    if inputs.support and support:
        yield from told_of_desks(inputs.support, support, path, zone)


def _told(inputs: Inputs, played: Played, over: np.ndarray, path: int, zone: ZoneInfo) -> Iterator[Text]:
    for row, name in enumerate(inputs.services):
        minutes = np.flatnonzero(over[row, path])
        if len(minutes):
            yield say(
                "{time} {service} at {load} of what it carries, {count} min in all, {requests} requests lost for good",
                time=local_minute(inputs.time_of(int(minutes[0])), zone),
                service=name,
                load=percent(float(played.utilization_ratio[row, path, minutes].max())),
                count=len(minutes),
                requests=Quantity(float(played.lost_by_minute[row, path].sum())),
            )


def _with_war_room(joined: Joined, inputs: Inputs, path: int, zone: ZoneInfo) -> Words:
    done = told_of_path(joined.acted, inputs, path, zone)
    if not done:
        return Words.of(say("the war room does nothing: nothing warned it in time"))
    return Words.of(
        say("with the war room {orders} orders lost: {acts}", orders=Quantity(float(joined.orders[path])),
            acts=_in_one(done))
    )  # fmt: skip


def _in_one(parts: list[Text]) -> Text:
    return parts[0] if len(parts) == 1 else say("{first}; {rest}", first=parts[0], rest=_in_one(parts[1:]))
