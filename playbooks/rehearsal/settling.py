"""What would make it a sure GO: the fewest more replicas around the minutes that break, found by playing again."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from campaign.language import Text, say
from campaign.numbers import Quantity, local_minute
from campaign.spreading import HERE, Spread
from campaign.words import Words
from playbooks.autoscaling.requirement import paths_above
from playbooks.rehearsal.certainty import with_interval
from playbooks.rehearsal.inputs import Inputs, on_paths, rehearse, with_more
from playbooks.rehearsal.judging import breaks, losing
from playbooks.rehearsal.record import Added, Rehearsal, Settling
from playbooks.rehearsal.replays import more_cost, outcome_of, rehearse_in_parts
from playbooks.rehearsal.verdict import surely_within
from playbooks.simulation.event import Played

TOLD_MOST = 6
STEPS = (0.05, 0.1, 0.2, 0.4, 0.8)
BEFORE_MINUTES, AFTER_MINUTES, QUARTER = 30, 15, 15  # pods and their nodes are ready within half an hour

Lost = NDArray[np.bool_]


def settling(
    inputs: Inputs, played: Played, accepted_ratio: float, zone: ZoneInfo, everywhere: Spread = HERE
) -> Settling | None:
    """More replicas for the services that are not surely within what is accepted, a step more as long as they are not.

    Searched on the paths that lose something, for more replicas lose no more; what is found is replayed on all paths.
    None where 80 % more do not do it, as where a quota or a limit is in the way.
    """
    lost = losing(inputs, played)
    paths, broken = inputs.demand.paths, np.flatnonzero(lost.any(axis=(0, 2)))
    allowed = paths_above(paths, accepted_ratio)
    around = _around(lost.sum(axis=1) > allowed, inputs.starts_at_utc.minute)
    sure = _sure(lost, allowed)
    most, more = [int(fleet.floor.max()) for fleet in inputs.fleets], [0] * len(inputs.fleets)
    for step in STEPS:
        more = [added if ok else math.ceil(step * top) for added, ok, top in zip(more, sure, most, strict=True)]
        added = around * np.array(more)[:, None]
        few = with_more(on_paths(inputs, broken), added)
        sure = _sure(losing(few, rehearse(few)), allowed)
        if all(sure) and (found := _confirmed(inputs, played, added, accepted_ratio, zone, everywhere)):
            return found
    return None


def _around(doubtful: Lost, first_minute: int) -> Lost:
    """[service, minute]: from half an hour before to a quarter after, in whole quarters of the clock.

    Minute 0 is `first_minute` after the hour.
    """
    wide = np.zeros_like(doubtful)
    for row, minute in np.argwhere(doubtful):
        starts = (minute + first_minute - BEFORE_MINUTES) // QUARTER * QUARTER - first_minute
        ends = -((minute + first_minute + AFTER_MINUTES) // -QUARTER) * QUARTER - first_minute
        wide[row, max(0, starts) : ends] = True
    return wide


def _sure(lost: Lost, allowed: int) -> list[bool]:
    """Which services break in no minute of `lost` [service, path, minute] on more paths than allowed."""
    return [bool(hits <= allowed) for hits in lost.sum(axis=1).max(axis=1)]


def _confirmed(
    inputs: Inputs,
    played: Played,
    more: NDArray[np.integer],
    accepted_ratio: float,
    zone: ZoneInfo,
    everywhere: Spread,
) -> Settling | None:
    changed = with_more(inputs, more)
    again = rehearse_in_parts(changed, everywhere)
    services = [one for one in breaks(changed, again) if one.kind == "service"]
    if not surely_within(services, accepted_ratio):
        return None
    worst = max(services, key=lambda one: one.worst_minute_ratio)
    added = tuple(_stretches(inputs, more))
    return Settling(
        change=Words.of(say("more replicas ({which})", which=told(added, zone))),
        added=added,
        cost=more_cost(outcome_of(inputs, played), outcome_of(changed, again)),
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


def told(added: Sequence[Added], zone: ZoneInfo) -> Text | str:
    """Services that get more at the same time together: `gateway +2, storefront +3 11-10 19:30 – 20:15`. Where they are
    too many for a sentence: those that get most, and how many get more besides."""
    stretches: dict[tuple[datetime, datetime], list[str]] = {}
    largest = sorted(added, key=lambda one: -one.replicas)[:TOLD_MOST]
    for one in added if len(added) <= TOLD_MOST else largest:
        stretches.setdefault((one.starts_at_utc, one.ends_at_utc), []).append(f"{one.service} +{one.replicas}")
    said = "; ".join(
        f"{', '.join(more)} {local_minute(starts, zone)} – {ends.astimezone(zone):%H:%M}"
        for (starts, ends), more in stretches.items()
    )
    left_out = len(added) - len(largest)
    return say("{which}; {count} more in rehearsal.html", which=said, count=left_out) if left_out else said


def settled_in_words(found: Rehearsal) -> Text | None:
    """One sentence on what would make it a GO (where a desk leaves it open: what would do for the services)."""
    settled = found.settled_by
    if settled is None:
        return None
    said = {
        "change": settled.change,
        "after": with_interval(settled.worst_minute_ratio, settled.worst_minute_interval),
        "cost": say("cost unknown")
        if settled.cost is None
        else say("{cost} {currency} more", cost=Quantity(settled.cost), currency=found.currency),
    }
    if all(desk.surely_keeps for desk in found.desks):
        return say("GO with {change} ({cost}): then {after} in the worst minute", **said)
    return say("Services surely hold with {change} ({cost}): then {after} in the worst minute", **said)
