"""The war room while an event is played: at each sync it sees what has come so far and acts, on each path by itself.

What it makes of what it sees comes from outside, as a function; here is when it is asked, what it is shown, and when
what it decides works: floors that are raised, requests that a switch sheds, and visits that a send brings later or
not at all. Acts work from a whole minute on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from playbooks.simulation.fleet import Demand, Ticks
from playbooks.simulation.hpa import Counts, Rates

Kind = Literal["scale", "switch", "hold", "stagger", "release"]
Bools = NDArray[np.bool_]
NEVER = -1
LEAST_RATIO = 1e-3  # of requests that come, to tell what would have come without it


@dataclass(frozen=True)
class Option:
    """One thing that can be done. subject: service, switch or send."""

    kind: Kind
    subject: str


@dataclass(frozen=True)
class Act:
    """An option taken at one sync, in the minutes [first, last). paths: [path], where it is taken.

    replicas: [path] floor of `row`. change: [row, minute] of the whole event, what it adds to requests as a share of
    what was planned; of a switch (`sheds`) visits stay and make fewer requests, otherwise there are fewer visits.
    amount: [path], as people name it: replicas or minutes.
    """

    option: int
    paths: Bools
    first: int
    last: int
    row: int = 0
    replicas: Counts | None = None
    change: NDArray[np.float32] | None = None
    sheds: bool = False
    amount: Counts | None = None


@dataclass(frozen=True)
class Seen:
    """What a sync is shown. came: mean requests per second [row, path, interval] in the intervals that have ended by
    then, as they would be without its own switches and held sends. running: ready replicas [row, path], zero where only
    the war room's own floor holds them. acts: all that were taken so far.
    """

    came: NDArray[np.float32]
    running: Counts
    acts: tuple[Act, ...]


Rule = Callable[[int, Seen], Sequence[Act]]
"""rule(sync, seen): what is done now; sync is its index."""


@dataclass(frozen=True)
class WarRoom:
    """syncs: minutes in which it meets, in order. interval_minutes: of what it is shown, counted from minute 0.

    orders_per_request: [row], of visits that a held send does not bring; zero where a request stands for none.
    watches: it only notes where it would act, and nothing is done.
    """

    rule: Rule
    options: tuple[Option, ...]
    syncs: tuple[int, ...]
    interval_minutes: int
    orders_per_request: Rates
    watches: bool = False


@dataclass(frozen=True)
class Turned:
    """What is left of what was planned, [row, path, ...] each: visits, and requests that a visit makes."""

    visits: Rates
    requests: Rates

    @classmethod
    def by(cls, changes: Iterable[tuple[Act, Rates]], shape: tuple[int, ...]) -> Turned:
        """Of acts and what each changes: shares of visits add up, those of requests that a visit makes multiply."""
        visits, requests = np.ones(shape), np.ones(shape)
        for act, change in changes:
            if act.sheds:
                requests *= 1 + change
            else:
                visits += change
        return cls(np.maximum(visits, 0.0), requests)

    @property
    def left(self) -> Rates:
        """Requests, of those planned."""
        return self.visits * self.requests

    def in_visits(self, lost: Rates) -> Rates:
        """Requests lost, as many as they would be if each visit made all that were planned."""
        found: Rates = lost / np.maximum(self.requests, LEAST_RATIO)
        return found


@dataclass(frozen=True)
class Done:
    """What the war room did, [option, path]: how often, in which minute first (`NEVER`: not at all), and how much of it
    at most. asked_ratio: requests left of those planned [row, path, minute]; None: all of them. orders_away: orders of
    visits that did not come when they were planned, less those that came later instead [path, minute].
    """

    times: Counts
    first_minute: Counts
    amount: Counts
    asked_ratio: NDArray[np.float32] | None
    orders_away: NDArray[np.float32]

    @property
    def acting(self) -> Bools:
        """[path]: anything was done, or would have been where the room only watched."""
        return np.asarray((self.times > 0).any(axis=0))

    @classmethod
    def nothing(cls, options: int, paths: int, minutes: int) -> Done:
        return cls(
            times=np.zeros((options, paths), np.int64),
            first_minute=np.full((options, paths), NEVER, np.int64),
            amount=np.zeros((options, paths), np.int64),
            asked_ratio=None,
            orders_away=np.zeros((paths, minutes), np.float32),
        )

    def whole(self, rows: int, minutes: int) -> Done:
        """The same with every share of requests written down."""
        if self.asked_ratio is not None:
            return self
        return replace(self, asked_ratio=np.ones((rows, self.times.shape[1], minutes), np.float32))


@dataclass
class Meeting:
    """A war room at work. came: mean requests per second [row, path, interval]; lately: the sum over the ticks of the
    interval that lasts."""

    room: WarRoom
    ticks: Ticks
    demand: Demand
    came: NDArray[np.float32]
    lately: Rates
    done: Done
    acts: list[Act] = field(default_factory=list)
    turned: Turned | None = None
    raised: Counts | None = None

    @classmethod
    def begun(cls, room: WarRoom, ticks: Ticks, demand: Demand, rows: int) -> Meeting:
        paths, minutes = demand.paths, demand.minutes
        done = Done.nothing(len(room.options), paths, minutes)
        came = np.zeros((rows, paths, -(-minutes // room.interval_minutes)), np.float32)
        return cls(room, ticks, demand, came, np.zeros((rows, paths)), done)

    @property
    def _interval_ticks(self) -> int:
        return self.room.interval_minutes * self.ticks.per_minute

    def meet(self, tick: int, ready: Counts) -> None:
        """Ask the rule where this tick begins a sync's minute, and find what works from now on. ready: [row, path]."""
        minute, within = divmod(tick, self.ticks.per_minute)
        if within:
            return
        if minute in self.room.syncs:
            running = np.broadcast_to(ready, self.lately.shape)
            running = running if self.raised is None else np.where(self.raised > 0, 0, running)
            seen = Seen(self.came[:, :, : tick // self._interval_ticks], running, tuple(self.acts))
            for act in self.room.rule(self.room.syncs.index(minute), seen):
                self._take(act, minute)
        self._now(minute)

    def _take(self, act: Act, minute: int) -> None:
        if not self.room.watches:
            self.acts.append(act)
        done, option = self.done, act.option
        done.first_minute[option][act.paths & (done.times[option] == 0)] = minute
        done.times[option] += act.paths
        if act.amount is not None:
            np.maximum(done.amount[option], np.where(act.paths, act.amount, 0), out=done.amount[option])

    def _now(self, minute: int) -> None:
        """Floors and shares that hold in this minute."""
        standing = [act for act in self.acts if act.first <= minute < act.last]
        self.raised = self._floors([act for act in standing if act.replicas is not None])
        changes = [
            (act, np.where(act.paths, act.change[:, minute, None], 0.0)) for act in standing if act.change is not None
        ]
        self.turned = Turned.by(changes, self.lately.shape) if changes else None
        if self.turned is not None:
            if self.done.asked_ratio is None:
                self.done = self.done.whole(len(self.lately), self.demand.minutes)
            assert self.done.asked_ratio is not None
            self.done.asked_ratio[:, :, minute] = self.turned.left
            row = int(self.room.orders_per_request.argmax())
            away = (1 - self.turned.visits[row]) * self.demand.requests_per_second[row, :, minute]
            self.done.orders_away[:, minute] = away * self.room.orders_per_request[row] * 60

    def _floors(self, standing: list[Act]) -> Counts | None:
        if not standing:
            return None
        floors = np.zeros(self.lately.shape, np.int64)
        for act in standing:
            assert act.replicas is not None
            np.maximum(floors[act.row], np.where(act.paths, act.replicas, 0), out=floors[act.row])
        return floors

    def see(self, tick: int, load: Rates) -> None:
        """Requests per second [row, path] that came in this tick, those that came again with them."""
        if self.turned is not None:
            load = load / np.maximum(self.turned.left, LEAST_RATIO)
        self.lately += load
        interval, within = divmod(tick + 1, self._interval_ticks)
        if not within:
            self.came[:, :, interval - 1] = self.lately / self._interval_ticks
            self.lately[:] = 0.0
