"""Plays demand through fleets, 15 seconds at a time: who scales when, what is above capacity, what it costs.

Not modelled: queues and retries (what is above capacity is refused), cache or database saturation, image pulls that
contend. Capacity per replica is its measured throughput within the objective, used linearly: behind random balancing
each replica is a queue of its own, so pooling is not counted on.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from playbooks.simulation import hpa, pods
from playbooks.simulation.hpa import Counts, Rates

TICK_SECONDS = 15
TICKS_PER_MINUTE = 60 // TICK_SECONDS
NODE_IDLE_TICKS = 600 // TICK_SECONDS
CPU_TICKS, RATE_TICKS, LAG_TICKS = 2, 4, 1
UNLIMITED = 1_000_000
FULL_RATIO = 1 + 1e-9


@dataclass(frozen=True)
class Demand:
    """Requests per second [service, path, minute], and how each minute's quarters share it.

    quarters: [service, minute, 4], mean one over each minute; None where minutes are taken as even.
    """

    requests_per_second: NDArray[np.float32]
    quarters: NDArray[np.float64] | None = None

    def at(self, tick: int) -> Rates:
        """[service, path] in this tick."""
        minute, quarter = divmod(tick, TICKS_PER_MINUTE)
        rates = self.requests_per_second[:, :, minute].astype(np.float64)
        return rates if self.quarters is None else rates * self.quarters[:, minute, quarter, None]

    @property
    def ticks(self) -> int:
        return int(self.requests_per_second.shape[2]) * TICKS_PER_MINUTE


@dataclass(frozen=True)
class Nodes:
    """Where pods find room: beyond the head-room a pod waits for a node first. Idle nodes go after ten minutes."""

    wait_seconds: tuple[float, float] = (120.0, 240.0)
    headroom_ratio: float = 0.1


@dataclass(frozen=True)
class Fleet:
    """One service under one policy: a row of the replay.

    service: its row in the demand. floor: minReplicas in each minute [minute], patched `floor_late_seconds` after the
    minute begins. ceiling: maxReplicas.
    target_ratio: of CPU, or of the capacity in requests per second; None where nothing scales above the floor.
    start_seconds: from a pod's creation until it is ready, fastest and slowest. nodes: None where room is plenty.
    """

    service: int
    capacity_requests_per_second_per_replica: float
    floor: Counts
    ceiling: int = UNLIMITED
    target_ratio: float | None = 0.65
    metric: Literal["cpu", "rate"] = "cpu"
    start_seconds: tuple[float, float] = (60.0, 120.0)
    nodes: Nodes | None = None
    floor_late_seconds: float = 0.0


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


def replay(demand: Demand, fleets: Sequence[Fleet], watch: int = 0) -> Replayed:
    """Play every path through every fleet.

    Each fleet starts warm: as many ready replicas as its policy settles at under the first minute's demand.
    """
    rows, paths = len(fleets), demand.requests_per_second.shape[1]
    which = np.array([fleet.service for fleet in fleets])
    capacity = _column([fleet.capacity_requests_per_second_per_replica for fleet in fleets])
    scaler = _Scaler.of(fleets, capacity)
    ready = scaler.settled(demand.at(0)[which])
    start_ticks, node_ticks = _delays(fleets)
    starting = pods.Starting.none(int(node_ticks.max()), rows, paths)
    room = _Room.of(fleets, ready)
    overloaded, most = np.zeros((rows, paths), np.int64), ready.copy()
    above, offered, hours = (np.zeros((rows, paths)) for _ in range(3))
    minute_overloaded = np.zeros((rows, paths), bool)
    seen_ready, seen_demand = np.zeros((rows, demand.ticks), np.int64), np.zeros((rows, demand.ticks))
    for tick in range(demand.ticks):
        ready += pods.become_ready(starting, tick)
        load, limit = demand.at(tick)[which], ready * capacity
        minute_overloaded |= load > limit * FULL_RATIO
        above += np.maximum(load - limit, 0)
        offered += load
        seen_ready[:, tick], seen_demand[:, tick] = ready[:, watch], load[:, watch]
        if tick % TICKS_PER_MINUTE == TICKS_PER_MINUTE - 1:
            overloaded += minute_overloaded
            minute_overloaded[:] = False
        replicas = ready + starting.pending
        change = scaler.sync(tick, load, limit, ready, starting.pending) - replicas
        added = np.maximum(change, 0)
        if added.any():
            waits = room.short(replicas, added)
            pods.start(starting, tick, added - waits, start_ticks)
            pods.start(starting, tick, waits, node_ticks)
        gone = np.maximum(-change, 0)
        if gone.any():
            ready -= gone - pods.remove(starting, tick, gone)
        replicas = replicas + change
        room.follow(replicas)
        hours += replicas
        np.maximum(most, replicas, out=most)
    scale = float(TICK_SECONDS)
    return Replayed(overloaded, above * scale, offered * scale, hours * scale / 3600, most, seen_ready, seen_demand)


@dataclass
class _Scaler:
    """The controllers of all rows; arrays [row, 1] unless they say otherwise."""

    floor: Counts  # [row, minute]
    late_ticks: Counts  # [row]
    ceiling: Counts
    target: Rates
    target_rate: Rates
    by_rate: NDArray[np.bool_]
    still: NDArray[np.bool_]
    utilizations: deque[Rates]
    loads: deque[Rates]
    recommended: deque[Counts]

    @classmethod
    def of(cls, fleets: Sequence[Fleet], capacity: Rates) -> _Scaler:
        target = _column([fleet.target_ratio or 1.0 for fleet in fleets])
        return cls(
            floor=np.stack([fleet.floor for fleet in fleets]).astype(np.int64),
            late_ticks=np.array([-(-fleet.floor_late_seconds // TICK_SECONDS) for fleet in fleets]).astype(np.int64),
            ceiling=_column([fleet.ceiling for fleet in fleets]).astype(np.int64),
            target=target,
            target_rate=target * capacity,
            by_rate=_column([fleet.metric == "rate" for fleet in fleets]).astype(bool),
            still=_column([fleet.target_ratio is None for fleet in fleets]).astype(bool),
            utilizations=deque(maxlen=CPU_TICKS + LAG_TICKS),
            loads=deque(maxlen=RATE_TICKS + LAG_TICKS),
            recommended=deque(maxlen=hpa.DOWN_WINDOW_SECONDS // TICK_SECONDS),
        )

    def settled(self, load: Rates) -> Counts:
        wanted = np.ceil(load / self.target_rate - hpa.ROUNDING).astype(np.int64)
        wanted = np.where(self.still, 0, wanted)
        return np.minimum(np.maximum(np.maximum(wanted, 1), self.floor[:, :1]), self.ceiling)

    def sync(self, tick: int, load: Rates, limit: Rates, ready: Counts, unready: Counts) -> Counts:
        """Replicas that each controller sets now."""
        replicas = ready + unready
        floor = np.minimum(self._floor_at(tick), self.ceiling)
        self.utilizations.append(np.minimum(load / np.maximum(limit, 1e-12), 1.0))
        self.loads.append(load)
        wanted = self._wanted(ready, unready)
        wanted = np.minimum(np.maximum(wanted, floor), self.ceiling)
        self.recommended.append(wanted)
        recent_most: Counts = np.maximum.reduce(list(self.recommended))
        following = hpa.next_replicas(wanted, recent_most, replicas, floor, self.ceiling)
        return np.where(self.still, floor, following)

    def _floor_at(self, tick: int) -> Counts:
        minutes = np.maximum(tick - self.late_ticks, 0) // TICKS_PER_MINUTE
        patched: Counts = self.floor[np.arange(len(minutes)), minutes]
        return patched[:, None]

    def _wanted(self, ready: Counts, unready: Counts) -> Counts:
        by_cpu = hpa.wanted_by_utilization(_lagged_mean(self.utilizations), self.target, ready, unready)
        if not self.by_rate.any():
            return by_cpu
        by_rate = hpa.wanted_by_rate(_lagged_mean(self.loads), self.target_rate, ready + unready)
        return np.where(self.by_rate, by_rate, by_cpu)


@dataclass
class _Room:
    """Pods that the nodes have room for, [row, path]; nodes idle for ten minutes are taken away."""

    pods: Counts
    idle_ticks: Counts
    headroom: Rates
    plenty: NDArray[np.bool_]

    @classmethod
    def of(cls, fleets: Sequence[Fleet], replicas: Counts) -> _Room:
        headroom = _column([fleet.nodes.headroom_ratio if fleet.nodes else 0.0 for fleet in fleets])
        plenty = _column([fleet.nodes is None for fleet in fleets]).astype(bool)
        room = np.ceil(replicas * (1 + headroom)).astype(np.int64)
        return cls(room, np.zeros_like(room), headroom, plenty)

    def short(self, replicas: Counts, added: Counts) -> Counts:
        """How many of the added pods must wait for a node."""
        return np.where(self.plenty, 0, added - np.clip(self.pods - replicas, 0, added))

    def follow(self, replicas: Counts) -> None:
        np.maximum(self.pods, replicas, out=self.pods)
        needed = np.ceil(replicas * (1 + self.headroom)).astype(np.int64)
        self.idle_ticks = np.where(needed < self.pods, self.idle_ticks + 1, 0)
        self.pods = np.where(self.idle_ticks >= NODE_IDLE_TICKS, needed, self.pods)


def _lagged_mean(seen: deque[Rates]) -> Rates:
    """The mean of what was seen, the latest tick left out; the metrics pipeline is that late."""
    told = list(seen)[:-LAG_TICKS] or list(seen)
    total: Rates = np.add.reduce(told)
    return total / len(told)


def _delays(fleets: Sequence[Fleet]) -> tuple[Counts, Counts]:
    fast, slow = (np.array([fleet.start_seconds[i] for fleet in fleets]) for i in (0, 1))
    wait_fast, wait_slow = (np.array([f.nodes.wait_seconds[i] if f.nodes else 0.0 for f in fleets]) for i in (0, 1))
    return (
        pods.delays_in_ticks(fast, slow, TICK_SECONDS),
        pods.delays_in_ticks(fast + wait_fast, slow + wait_slow, TICK_SECONDS),
    )


def _column(values: Sequence[float]) -> Rates:
    return np.array(values, dtype=np.float64)[:, None]
