"""Fleets while they run: controllers, pods on their way up, and the room on nodes, all as arrays over [row, path]."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from playbooks.simulation import hpa, pods
from playbooks.simulation.fleet import EVERY_SYNC, Fleet, Ticks
from playbooks.simulation.hpa import Counts, Rates

NODE_IDLE_SECONDS = 600
CPU_SECONDS, RATE_SECONDS, LAG_SECONDS = 30, 60, 15


@dataclass
class Running:
    """All fleets of a replay. In each tick: `carried`, then `scale` with the load that reached the pods."""

    ready: Counts
    capacity: Rates
    ticks: Ticks
    _scaler: Scaler
    _starting: pods.Starting
    _room: Room
    _start_ticks: Counts
    _node_ticks: Counts

    @classmethod
    def warm(
        cls, fleets: Sequence[Fleet], load: Rates, ticks: Ticks = EVERY_SYNC, capacity: Rates | None = None
    ) -> Running:
        """As many ready replicas as each policy settles at under `load` [row, path].

        capacity: [row, path] of one replica; what the fleets were planned with where None.
        """
        planned = column([fleet.capacity_requests_per_second_per_replica for fleet in fleets])
        capacity = planned if capacity is None else capacity
        scaler = Scaler.of(fleets, planned, ticks)
        ready = scaler.settled(load, capacity)
        start_ticks, node_ticks = _delays(fleets, ticks)
        starting = pods.Starting.none(int(node_ticks.max()), *ready.shape)
        return cls(ready, capacity, ticks, scaler, starting, Room.of(fleets, ready, ticks), start_ticks, node_ticks)

    def carried(self, tick: int) -> Rates:
        """Requests per second that the ready replicas carry in this tick."""
        self.ready += pods.become_ready(self._starting, tick)
        limit: Rates = self.ready * self.capacity
        return limit

    def scale(self, tick: int, load: Rates, limit: Rates, raised: Counts | None = None) -> Counts:
        """What the controllers make of the tick; replicas from now on, ready or not.

        raised: floors [row, path] beside the planned ones; the higher one holds.
        """
        replicas: Counts = self.ready + self._starting.pending
        self._scaler.observe(load, limit)
        if tick % self.ticks.per_sync:
            return replicas
        change = self._scaler.sync(tick, self.ready, self._starting.pending, raised) - replicas
        added = np.maximum(change, 0)
        if added.any():
            waits = self._room.short(replicas, added)
            pods.start(self._starting, tick, added - waits, self._start_ticks)
            pods.start(self._starting, tick, waits, self._node_ticks)
        gone = np.maximum(-change, 0)
        if gone.any():
            self.ready -= gone - pods.remove(self._starting, tick, gone)
        replicas = replicas + change
        self._room.follow(replicas)
        return replicas

    def fail(self, tick: int, row: int, share_ratio: float) -> Rates:
        """Take away a share of one row's ready replicas and their nodes; return what is carried now.

        The ReplicaSet creates them anew at once, and they wait for nodes where nodes are waited for.
        """
        lost = np.zeros_like(self.ready)
        lost[row] = np.ceil(self.ready[row] * share_ratio - hpa.ROUNDING).astype(np.int64)
        self.ready -= lost
        self._room.pods -= lost
        pods.start(self._starting, tick, lost, self._node_ticks)
        limit: Rates = self.ready * self.capacity
        return limit


@dataclass
class Scaler:
    """The controllers of all rows; arrays [row, 1] unless they say otherwise."""

    floor: Counts  # [row, minute]
    late_ticks: Counts  # [row]
    ceiling: Counts
    target: Rates
    target_rate: Rates
    by_rate: NDArray[np.bool_]
    still: NDArray[np.bool_]
    ticks: Ticks
    utilizations: deque[Rates]
    loads: deque[Rates]
    recommended: Window

    @classmethod
    def of(cls, fleets: Sequence[Fleet], capacity: Rates, ticks: Ticks) -> Scaler:
        target = column([fleet.target_ratio or 1.0 for fleet in fleets])
        return cls(
            floor=np.stack([fleet.floor for fleet in fleets]).astype(np.int64),
            late_ticks=np.array([ticks.of_seconds(fleet.floor_late_seconds) for fleet in fleets], np.int64),
            ceiling=column([fleet.ceiling for fleet in fleets]).astype(np.int64),
            target=target,
            target_rate=target * capacity,
            by_rate=column([fleet.metric == "rate" for fleet in fleets]).astype(bool),
            still=column([fleet.target_ratio is None for fleet in fleets]).astype(bool),
            ticks=ticks,
            utilizations=deque(maxlen=ticks.of_seconds(CPU_SECONDS + LAG_SECONDS)),
            loads=deque(maxlen=ticks.of_seconds(RATE_SECONDS + LAG_SECONDS)),
            recommended=Window(hpa.DOWN_WINDOW_SECONDS // hpa.SYNC_SECONDS),
        )

    def settled(self, load: Rates, capacity: Rates) -> Counts:
        each = np.where(self.by_rate, self.target_rate, self.target * capacity)
        wanted = np.ceil(load / each - hpa.ROUNDING).astype(np.int64)
        wanted = np.where(self.still, 0, wanted)
        return np.minimum(np.maximum(np.maximum(wanted, 1), self.floor[:, :1]), self.ceiling)

    def observe(self, load: Rates, limit: Rates) -> None:
        """What the metrics pipeline sees of this tick."""
        self.utilizations.append(np.minimum(load / np.maximum(limit, 1e-12), 1.0))
        self.loads.append(load)

    def sync(self, tick: int, ready: Counts, unready: Counts, raised: Counts | None = None) -> Counts:
        """Replicas that each controller sets now."""
        replicas = ready + unready
        planned = self._floor_at(tick)
        floor = np.minimum(planned if raised is None else np.maximum(planned, raised), self.ceiling)
        wanted = self._wanted(ready, unready)
        wanted = np.minimum(np.maximum(wanted, floor), self.ceiling)
        recent_most = self.recommended.most_with(wanted)
        following = hpa.next_replicas(wanted, recent_most, replicas, floor, self.ceiling)
        return np.where(self.still, floor, following)

    def _floor_at(self, tick: int) -> Counts:
        minutes = np.maximum(tick - self.late_ticks, 0) // self.ticks.per_minute
        patched: Counts = self.floor[np.arange(len(minutes)), minutes]
        return patched[:, None]

    def _wanted(self, ready: Counts, unready: Counts) -> Counts:
        lag = self.ticks.of_seconds(LAG_SECONDS)
        utilization = _lagged_mean(self.utilizations, lag)
        by_cpu = hpa.wanted_by_utilization(utilization, self.target, ready, unready)
        if not self.by_rate.any():
            return by_cpu
        by_rate = hpa.wanted_by_rate(_lagged_mean(self.loads, lag), self.target_rate, ready + unready)
        return np.where(self.by_rate, by_rate, by_cpu)


class Window:
    """The largest of the latest `length` arrays, in a few operations each (van Herk 1992): blocks of that length, the
    running maximum of the present one, and the maxima from each place to the end of the one before."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.block: list[Counts] = []
        self.before: list[Counts] = []
        self.running: Counts | None = None

    def most_with(self, latest: Counts) -> Counts:
        """Take in the latest array; the largest of it and the `length` - 1 before it."""
        if len(self.block) == self.length:
            self.before = list(accumulate(reversed(self.block), np.maximum))[::-1]
            self.block, self.running = [], None
        self.block.append(latest)
        self.running = latest if self.running is None else np.maximum(self.running, latest)
        if len(self.block) < len(self.before):
            most: Counts = np.maximum(self.running, self.before[len(self.block)])
            return most
        return self.running


@dataclass
class Room:
    """Pods that the nodes have room for, [row, path]; nodes idle for ten minutes are taken away."""

    pods: Counts
    idle_syncs: Counts
    headroom: Rates
    plenty: NDArray[np.bool_]

    @classmethod
    def of(cls, fleets: Sequence[Fleet], replicas: Counts, ticks: Ticks) -> Room:
        headroom = column([fleet.nodes.headroom_ratio if fleet.nodes else 0.0 for fleet in fleets])
        plenty = column([fleet.nodes is None for fleet in fleets]).astype(bool)
        room = np.ceil(replicas * (1 + headroom)).astype(np.int64)
        return cls(room, np.zeros_like(room), headroom, plenty)

    def short(self, replicas: Counts, added: Counts) -> Counts:
        """How many of the added pods must wait for a node."""
        return np.where(self.plenty, 0, added - np.clip(self.pods - replicas, 0, added))

    def follow(self, replicas: Counts) -> None:
        np.maximum(self.pods, replicas, out=self.pods)
        needed = np.ceil(replicas * (1 + self.headroom)).astype(np.int64)
        self.idle_syncs = np.where(needed < self.pods, self.idle_syncs + 1, 0)
        self.pods = np.where(self.idle_syncs >= NODE_IDLE_SECONDS // hpa.SYNC_SECONDS, needed, self.pods)


def _lagged_mean(seen: deque[Rates], lag: int) -> Rates:
    """The mean of what was seen, the latest ticks left out; the metrics pipeline is that late."""
    told = list(seen)[:-lag] or list(seen)
    total: Rates = np.add.reduce(told)
    return total / len(told)


def _delays(fleets: Sequence[Fleet], ticks: Ticks) -> tuple[Counts, Counts]:
    fast, slow = (np.array([fleet.start_seconds[i] for fleet in fleets]) for i in (0, 1))
    wait_fast, wait_slow = (np.array([f.nodes.wait_seconds[i] if f.nodes else 0.0 for f in fleets]) for i in (0, 1))
    return (
        pods.delays_in_ticks(fast, slow, ticks.seconds),
        pods.delays_in_ticks(fast + wait_fast, slow + wait_slow, ticks.seconds),
    )


def column(values: Sequence[float]) -> Rates:
    return np.array(values, dtype=np.float64)[:, None]
