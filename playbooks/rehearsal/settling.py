"""What would make it a sure GO: the fewest more replicas around the minutes that break, found by playing again."""

from __future__ import annotations

import math
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from campaign.language import Text, say
from campaign.numbers import Quantity, local_minute
from campaign.words import Words
from playbooks.rehearsal.certainty import interval, with_interval
from playbooks.rehearsal.inputs import Inputs, on_paths, rehearse, with_more
from playbooks.rehearsal.judging import breaks, cost, losing
from playbooks.rehearsal.record import Added, Settling
from playbooks.rehearsal.verdict import surely_within
from playbooks.simulation.event import Played

STEPS = (0.05, 0.1, 0.2, 0.4, 0.8)
BEFORE_MINUTES, AFTER_MINUTES = 30, 15  # pods and their nodes are ready within half an hour

Lost = NDArray[np.bool_]


def settling(inputs: Inputs, played: Played, accepted_ratio: float, zone: ZoneInfo) -> Settling | None:
    """More replicas for the services that are not surely within what is accepted, a step more as long as they are not.

    Searched on the paths that lose something, for more replicas lose no more; what is found is replayed on all paths.
    None where 80 % more do not do it, as where a quota or a limit is in the way.
    """
    lost = losing(inputs, played)
    broken, around = np.flatnonzero(lost.any(axis=(0, 2))), _around(np.asarray(lost.any(axis=1)))
    sure = _sure(lost, inputs.demand.paths, accepted_ratio)
    most, more = [int(fleet.floor.max()) for fleet in inputs.fleets], [0] * len(inputs.fleets)
    for step in STEPS:
        more = [added if ok else math.ceil(step * top) for added, ok, top in zip(more, sure, most, strict=True)]
        added = around * np.array(more)[:, None]
        few = with_more(on_paths(inputs, broken), added)
        sure = _sure(losing(few, rehearse(few)), inputs.demand.paths, accepted_ratio)
        if all(sure) and (found := _confirmed(inputs, played, added, accepted_ratio, zone)):
            return found
    return None


def _around(breaking: Lost) -> Lost:
    """[service, minute]: the minutes that break, from half an hour before to a quarter after."""
    wide = np.zeros_like(breaking)
    for row, minute in np.argwhere(breaking):
        wide[row, max(0, minute - BEFORE_MINUTES) : minute + AFTER_MINUTES + 1] = True
    return wide


def _sure(lost: Lost, paths: int, accepted_ratio: float) -> list[bool]:
    """Of `lost` [service, path, minute], on those of `paths` paths that may lose anything: which are surely within."""
    worst = lost.sum(axis=1).max(axis=1)
    return [interval(int(hits), paths).high <= accepted_ratio for hits in worst]


def _confirmed(
    inputs: Inputs, played: Played, more: NDArray[np.integer], accepted_ratio: float, zone: ZoneInfo
) -> Settling | None:
    changed = with_more(inputs, more)
    again = rehearse(changed)
    services = [one for one in breaks(changed, again) if one.kind == "service"]
    if not surely_within(services, accepted_ratio):
        return None
    worst = max(services, key=lambda one: one.worst_minute_ratio)
    added = tuple(_stretches(inputs, more))
    before, after = cost(inputs, played), cost(changed, again)
    return Settling(
        change=Words.of(say("more replicas ({which})", which="; ".join(_told(one, zone) for one in added))),
        added=added,
        cost=None if before is None or after is None else after - before,
        worst_minute_ratio=worst.worst_minute_ratio,
        worst_minute_interval=worst.worst_minute_interval,
    )


def _stretches(inputs: Inputs, more: NDArray[np.integer]) -> Iterator[Added]:
    for name, row in zip(inputs.services, more, strict=True):
        edges = np.flatnonzero(np.diff(row > 0, prepend=False, append=False))
        for first, last in edges.reshape(-1, 2):
            yield Added(
                service=name,
                replicas=int(row[first]),
                starts_at_utc=inputs.time_of(int(first)),
                ends_at_utc=inputs.time_of(int(last)),
            )


def _told(one: Added, zone: ZoneInfo) -> str:
    ends = one.ends_at_utc.astimezone(zone)
    return f"{one.service} +{one.replicas} {local_minute(one.starts_at_utc, zone)} – {ends:%H:%M}"


def settled_in_words(found: Settling, currency: str) -> Text:
    """One sentence on what would make it a GO, with what it costs where that is known."""
    after = with_interval(found.worst_minute_ratio, found.worst_minute_interval)
    if found.cost is None:
        return say("GO with {change}: then {after} in the worst minute", change=found.change, after=after)
    return say(
        "GO with {change}, for {cost} {currency} more: then {after} in the worst minute",
        change=found.change, cost=Quantity(found.cost), currency=currency, after=after,
    )  # fmt: skip
