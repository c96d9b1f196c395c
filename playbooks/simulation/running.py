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
CAREFUL_RATIO = 1 - 1e-9


@dataclass
class Running:
    """All fleets of a replay. In each tick: `carried`, then `scale` with the load that reached the pods.

    limit: requests per second that the ready replicas carry; replicas: ready or not. Neither array changes in place, so
    that what is worked out from one is kept as long as it is the same.
    """

    ready: Counts
    capacity: Rates
    limit: Rates
    replicas: Counts
    ticks: Ticks
    _scaler: Scaler
    _starting: pods.Starting
    _room: Room
    _start_ticks: Counts
    _node_ticks: Counts
    _divisor: Rates
    _loaded: tuple[Rates, Rates, Rates] | None = None

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
        limit: Rates = ready * capacity
        return cls(
            ready=ready,
            capacity=capacity,
            limit=limit,
            replicas=ready,
            ticks=ticks,
            _scaler=scaler,
            _starting=starting,
            _room=Room.of(fleets, ready),
            _start_ticks=start_ticks,
            _node_ticks=node_ticks,
            _divisor=np.maximum(limit, 1e-12),
        )

    def carried(self, tick: int) -> Rates:
        """Requests per second that the ready replicas carry in this tick."""
        came = pods.become_ready(self._starting, tick)
        if came is not None:
            self._set_ready(self.ready + came)
        return self.limit

    def loaded(self, load: Rates) -> Rates:
        """Load over what is carried now."""
        if self._loaded is None or self._loaded[0] is not load or self._loaded[1] is not self.limit:
            self._loaded = (load, self.limit, load / self._divisor)
        return self._loaded[2]

    def scale(self, tick: int, load: Rates, raised: Counts | None = None) -> Counts:
        """What the controllers make of the tick; replicas from now on, ready or not.

        raised: floors [row, path] beside the planned ones; the higher one holds.
        """
        self._scaler.observe(load, self.loaded(load))
        if tick % self.ticks.per_sync:
            return self.replicas
        following = self._scaler.sync(tick, self.ready, self._starting.pending, self.replicas, raised)
        if following is not self.replicas:
            self._set(tick, following)
        self._room.follow(self.replicas)
        return self.replicas

    def _set(self, tick: int, following: Counts) -> None:
        change = following - self.replicas
        if not change.any():
            return
        added, gone = np.maximum(change, 0), np.maximum(-change, 0)
        if added.any():
            waits = self._room.short(self.replicas, added)
            pods.start(self._starting, tick, added - waits, self._start_ticks)
            pods.start(self._starting, tick, waits, self._node_ticks)
        if gone.any():
            self._set_ready(self.ready - (gone - pods.remove(self._starting, tick, gone)))
        self.replicas = following

    def fail(self, tick: int, row: int, share_ratio: float) -> Rates:
        """Take away a share of one row's ready replicas and their nodes; return what is carried now.

        The ReplicaSet creates them anew at once, and they wait for nodes where nodes are waited for.
        """
        lost = np.zeros_like(self.ready)
        lost[row] = np.ceil(self.ready[row] * share_ratio - hpa.ROUNDING).astype(np.int64)
        self._set_ready(self.ready - lost)
        self._room.lose(lost)
        pods.start(self._starting, tick, lost, self._node_ticks)
        return self.limit

    def _set_ready(self, ready: Counts) -> None:
        self.ready = ready
        self.limit = ready * self.capacity
        self._divisor = np.maximum(self.limit, 1e-12)


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
    _quiet: Quiet | None = None

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

    def observe(self, load: Rates, loaded: Rates) -> None:
        """What the metrics pipeline sees of this tick: requests per second, and over what is carried."""
        self.utilizations.append(np.minimum(loaded, 1.0))
        self.loads.append(load)

    def sync(self, tick: int, ready: Counts, unready: Counts, replicas: Counts, raised: Counts | None = None) -> Counts:
        """Replicas that each controller sets now, [row, path]; arrays that it returns or is given stay as they are.

        Where the floor is enough for what is asked and no more are there, it is the floor; others are worked out.
        """
        quiet = self._quiet_now(tick, ready, replicas, raised)
        floor, seen = quiet.floor, self._seen()
        at = np.flatnonzero((seen >= quiet.upto) | quiet.more)
        if not len(at):
            self.recommended.most_with(floor)
            return floor
        rows = at // ready.shape[1]
        there, least, most = replicas.take(at), floor.take(at), self.ceiling[rows, 0]
        asked = self._asked(seen.take(at), rows, ready.take(at), unready.take(at))
        asked = np.minimum(np.maximum(asked, least), most)
        wanted, following = floor.copy(), floor.copy()
        wanted.put(at, asked)
        recent_most = self.recommended.most_with(wanted).take(at)
        following.put(at, hpa.next_replicas(asked, recent_most, there, least, most))
        return following

    def _quiet_now(self, tick: int, ready: Counts, replicas: Counts, raised: Counts | None) -> Quiet:
        """The last one as long as nothing that it is worked out from has changed."""
        minutes = [max(tick - int(late), 0) // self.ticks.per_minute for late in self.late_ticks]
        known = self._quiet
        if known is None or not known.same(ready, replicas, raised, minutes):
            planned = self.floor[np.arange(len(minutes)), minutes][:, None]
            if known is None or raised is not known.raised or not np.array_equal(planned, known.planned):
                wanted = planned if raised is None else np.maximum(planned, raised)
                floor = np.broadcast_to(np.minimum(wanted, self.ceiling), replicas.shape).copy()
            else:
                floor = known.floor
            more = (replicas > floor) & ~self.still
            self._quiet = known = Quiet(
                ready, replicas, raised, minutes, planned, floor, more, self._upto(floor, ready)
            )
        return known

    def _upto(self, floor: Counts, ready: Counts) -> Rates:
        """What each row's metric may say without more than the floor being asked for."""
        by_cpu = self.target / np.maximum(ready, 1)
        return np.where(self.still, np.inf, floor * np.where(self.by_rate, self.target_rate, by_cpu) * CAREFUL_RATIO)

    def _seen(self) -> Rates:
        """[row, path]: requests per second of rows that go by them, utilization of the others."""
        lag = self.ticks.of_seconds(LAG_SECONDS)
        utilization = _lagged_mean(self.utilizations, lag)
        if not self.by_rate.any():
            return utilization
        return np.where(self.by_rate, _lagged_mean(self.loads, lag), utilization)

    def _asked(self, seen: Rates, rows: Counts, ready: Counts, unready: Counts) -> Counts:
        """Replicas that the metrics ask for; each argument of the same some of [row, path]."""
        asked = hpa.wanted_by_utilization(seen, self.target[rows, 0], ready, unready)
        by_rate = self.by_rate[rows, 0]
        if by_rate.any():
            each = self.target_rate[rows, 0]
            asked = np.where(by_rate, hpa.wanted_by_rate(seen, each, ready + unready), asked)
        return asked


@dataclass(frozen=True)
class Quiet:
    """Where the floor is what a controller sets, as long as these `ready`, `replicas` and `raised` are there and it is
    these `minutes` of the plan [row].

    planned: [row, 1]; the others [row, path]. more: more than the floor is there. upto: below that no more than the
    floor is asked for.
    """

    ready: Counts
    replicas: Counts
    raised: Counts | None
    minutes: list[int]
    planned: Counts
    floor: Counts
    more: NDArray[np.bool_]
    upto: Rates

    def same(self, ready: Counts, replicas: Counts, raised: Counts | None, minutes: list[int]) -> bool:
        return self.ready is ready and self.replicas is replicas and self.raised is raised and self.minutes == minutes


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
    """Pods that the nodes have room for, [row, path]; nodes idle for ten minutes are taken away.

    followed: the replicas that were looked at last, None where nodes went since; needed: the room for them; idle:
    whether any is more than that.
    """

    pods: Counts
    idle_syncs: Counts
    headroom: Rates
    plenty: NDArray[np.bool_]
    needed: Counts
    followed: Counts | None = None
    idle: bool = True

    @classmethod
    def of(cls, fleets: Sequence[Fleet], replicas: Counts) -> Room:
        headroom = column([fleet.nodes.headroom_ratio if fleet.nodes else 0.0 for fleet in fleets])
        plenty = column([fleet.nodes is None for fleet in fleets]).astype(bool)
        room = np.ceil(replicas * (1 + headroom)).astype(np.int64)
        return cls(room.copy(), np.zeros_like(room), headroom, plenty, room)

    def short(self, replicas: Counts, added: Counts) -> Counts:
        """How many of the added pods must wait for a node."""
        return np.where(self.plenty, 0, added - np.clip(self.pods - replicas, 0, added))

    def lose(self, pods_lost: Counts) -> None:
        """Nodes that are gone with their pods."""
        self.pods -= pods_lost
        self.followed = None

    def follow(self, replicas: Counts) -> None:
        if replicas is not self.followed:
            np.maximum(self.pods, replicas, out=self.pods)
            self.needed = np.ceil(replicas * (1 + self.headroom)).astype(np.int64)
            self.followed, self.idle = replicas, True
        if not self.idle:
            return
        more = self.needed < self.pods
        self.idle_syncs += 1
        self.idle_syncs *= more
        long = self.idle_syncs >= NODE_IDLE_SECONDS // hpa.SYNC_SECONDS
        if long.any():
            self.pods = np.where(long, self.needed, self.pods)
        self.idle = bool(more.any())


def _lagged_mean(seen: deque[Rates], lag: int) -> Rates:
    """The mean of what was seen, the latest ticks left out; the metrics pipeline is that late."""
    told = list(seen)[:-lag] or list(seen)
    total = told[0]
    for each in told[1:]:
        total = total + each
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
