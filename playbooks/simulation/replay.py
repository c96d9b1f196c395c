"""Plays demand through fleets, 15 seconds at a time: who scales when, what is above capacity, what it costs.

Not modelled here: queues and retries (what is above capacity is refused; `event` lets it come again), cache or database
saturation, image pulls that contend. Capacity per replica is its measured throughput within the objective, used
linearly: behind random balancing each replica is a queue of its own, so pooling is not counted on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from playbooks.simulation.fleet import EVERY_SYNC, FULL_RATIO, Demand, Fleet, Ticks
from playbooks.simulation.hpa import Counts, Rates
from playbooks.simulation.minutes import Coming
from playbooks.simulation.running import Running


@dataclass(frozen=True)
class Replayed:
    """What came of it, each [row, path]; `watched_*` [row, tick] follow one path.

    overloaded_minutes: minutes with at least one tick above capacity.
    above_capacity_requests, offered_requests: totals. replica_hours: from creation, ready or not.
    """

    overloaded_minutes: Counts
    above_capacity_requests: Rates
    offered_requests: Rates
    replica_hours: Rates
    most_replicas: Counts
    watched_ready: Counts
    watched_demand: Rates

    @property
    def above_capacity_ratio(self) -> Rates:
        return self.above_capacity_requests / np.maximum(self.offered_requests, 1e-12)


def replay(demand: Demand, fleets: Sequence[Fleet], watch: int = 0, ticks: Ticks = EVERY_SYNC) -> Replayed:
    """Play every path through every fleet.

    Each fleet starts warm: as many ready replicas as its policy settles at under the first minute's demand.
    """
    rows, paths, length = len(fleets), demand.paths, demand.minutes * ticks.per_minute
    which = np.array([fleet.service for fleet in fleets])
    coming = Coming(demand, which, ticks)
    running = Running.warm(fleets, coming.at(0), ticks)
    overloaded, most = np.zeros((rows, paths), np.int64), running.ready.copy()
    above, offered, hours = (np.zeros((rows, paths)) for _ in range(3))
    minute_overloaded = np.zeros((rows, paths), bool)
    seen_ready, seen_demand = np.zeros((rows, length), np.int64), np.zeros((rows, length))
    for tick in range(length):
        limit, load = running.carried(tick), coming.at(tick)
        minute_overloaded |= load > limit * FULL_RATIO
        above += np.maximum(load - limit, 0)
        offered += load
        seen_ready[:, tick], seen_demand[:, tick] = running.ready[:, watch], load[:, watch]
        if tick % ticks.per_minute == ticks.per_minute - 1:
            overloaded += minute_overloaded
            minute_overloaded[:] = False
        replicas = running.scale(tick, load)
        hours += replicas
        np.maximum(most, replicas, out=most)
    seconds = ticks.seconds
    return Replayed(
        overloaded, above * seconds, offered * seconds, hours * seconds / 3600, most, seen_ready, seen_demand
    )
