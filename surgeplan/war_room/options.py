"""What can be done at a sync, each as the live war room offers it: how long it takes, and what it changes."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from playbooks.autoscaling.requirement import replicas_for
from playbooks.growth.live_policy import LeverRules
from playbooks.rehearsal.inputs import Inputs
from playbooks.simulation.war_room import Act, Option, Seen
from surgeplan.war_room.sight import MINUTES, Ahead, Counts, Services, Singles, Sync, by_interval
from warroom.live.actions.ahead import HORIZON
from warroom.live.actions.records import send_id
from warroom.live.actions.scaling import most_wanted

HOUR_MINUTES = 60
HELD_MINUTES = HORIZON // timedelta(minutes=1)
Bools = NDArray[np.bool_]
Spreads = Mapping[int, Singles]
"""Minutes over which a send goes out: what it then brings in each minute, share of demand [service, minute]."""


@dataclass(frozen=True)
class Offer:
    """An option on each path, as it stands now. possible: [path]. amount: [path] replicas, or minutes; zero where it
    has none. after: the event ahead once it works. works_at: in minutes of the event.
    """

    possible: Bools
    amount: Counts
    after: Ahead
    works_at: float


@dataclass(frozen=True)
class Possible(ABC):
    """One option of every sync. hours: until it is done; people: that it takes."""

    option: Option
    hours: float
    people: float

    @property
    def resolve_hours(self) -> float:
        """Until it works, as the response order compares it."""
        return self.hours

    @abstractmethod
    def offer(self, known: Sync, ahead: Ahead) -> Offer | None:
        """None where it cannot be done at this sync at all."""

    @abstractmethod
    def act(self, number: int, known: Sync, chosen: Bools, amount: Counts) -> Act:
        """The act of the paths that choose it."""


@dataclass(frozen=True)
class Scale(Possible):
    """A service to as many replicas as its p90 needs once they are ready, within what is allowed; not where a rate
    limit ends before replicas do."""

    row: int
    services: Services

    @property
    def resolve_hours(self) -> float:
        return self.hours + float(self.services.lead_minutes[self.row]) / HOUR_MINUTES

    def offer(self, known: Sync, ahead: Ahead) -> Offer | None:
        row, each = self.row, float(self.services.per_replica[self.row])
        works_at = known.minute + HOUR_MINUTES * self.hours + float(self.services.lead_minutes[row])
        helps = known.starts + MINUTES > works_at
        if not helps.any():
            return None
        expected, carried = ahead.expected[row], ahead.carries[row]
        multiple = int(self.services.multiple[row])
        wanted, most = most_wanted(expected, replicas_for(carried, each), each, multiple, helps)
        base = replicas_for(np.take_along_axis(carried, most[:, None], axis=1)[:, 0], each)
        wanted = np.minimum(wanted, self.services.most[row])
        wanted -= wanted % multiple
        carries = ahead.carries.copy()
        raised = np.maximum(carries[row], (wanted * each)[:, None])
        carries[row] = np.where(known.starts >= works_at, np.minimum(raised, known.admitted[row]), carries[row])
        let_in = (expected <= known.admitted[row]).all(axis=1)
        return Offer(let_in & (wanted > base), wanted, Ahead(ahead.expected, carries), works_at)

    def act(self, number: int, known: Sync, chosen: Bools, amount: Counts) -> Act:
        first = math.ceil(known.minute + HOUR_MINUTES * self.hours)
        return Act(number, chosen, first, first + HELD_MINUTES, row=self.row, replicas=amount, amount=amount)


@dataclass(frozen=True)
class Pull(Possible):
    """A switch for as long as floors are held. change: [service, minute] of requests, below zero."""

    change: Singles

    def offer(self, known: Sync, ahead: Ahead) -> Offer | None:
        first, last = self._during(known)
        change = by_interval(known, self.change, first, last)[:, None, :]
        paths = ahead.expected.shape[1]
        after = Ahead(ahead.expected * (1 + change), ahead.carries)
        return Offer(np.ones(paths, bool), np.zeros(paths, np.int64), after, first)

    def act(self, number: int, known: Sync, chosen: Bools, amount: Counts) -> Act:
        return Act(number, chosen, *self._during(known), change=self.change, sheds=True)

    def _during(self, known: Sync) -> tuple[int, int]:
        first = math.ceil(known.minute + HOUR_MINUTES * self.hours)
        return first, first + HELD_MINUTES


@dataclass(frozen=True)
class Move(Possible):
    """A send that has not gone out does not, or does so over more minutes (zero: not at all).

    change: [service, minute], what that takes off and what it brings later.
    """

    sent: int
    change: Singles
    minutes: int = 0

    def offer(self, known: Sync, ahead: Ahead) -> Offer | None:
        if not is_ahead(self.sent, known, self.hours):
            return None
        paths = ahead.expected.shape[1]
        minutes = np.full(paths, self.minutes, np.int64)
        return Offer(np.ones(paths, bool), minutes, _with(known, ahead, self.change), self.sent)

    def act(self, number: int, known: Sync, chosen: Bools, amount: Counts) -> Act:
        return Act(number, chosen, self.sent, self.change.shape[1], change=self.change, amount=amount)


def is_ahead(sent: int, known: Sync, hours: float) -> bool:
    return known.minute + HOUR_MINUTES * hours <= sent < known.minute + HELD_MINUTES


def _with(known: Sync, ahead: Ahead, change: Singles) -> Ahead:
    by = by_interval(known, change, 0, change.shape[1])[:, None, :]
    return Ahead(np.maximum(ahead.expected * (1 + by), 0.0), ahead.carries)


@dataclass(frozen=True)
class Release:
    """A send that is held goes out at a sync at which there is room for it. own: what it brings [service, minute] in
    requests per second, where it was planned; middle: all demand."""

    option: Option
    held: Option
    hours: float
    sent: int
    own: Singles
    middle: Singles

    def act(self, number: int, held: int, known: Sync, seen: Seen, ahead: Ahead) -> Act | None:
        """On the paths on which it is held and would fit; None where on none. held: the number of that option."""
        first = math.ceil(known.minute + HOUR_MINUTES * self.hours)
        waiting = _standing(seen, held, ahead.expected.shape[1]) & ~_standing(seen, number, ahead.expected.shape[1])
        if first <= self.sent or not waiting.any():
            return None
        change = np.zeros_like(self.own)
        change[:, first:] = self.own[:, self.sent : self.sent + self.own.shape[1] - first]
        change /= np.maximum(self.middle, 1e-9)
        after = _with(known, ahead.on(waiting), change)
        waiting[waiting] = ~(after.over > 0).any(axis=(0, 2))
        return Act(number, waiting, first, change.shape[1], change=change) if waiting.any() else None


def _standing(seen: Seen, option: int, paths: int) -> Bools:
    found = np.zeros(paths, bool)
    for act in seen.acts:
        if act.option == option:
            found |= act.paths
    return found


@dataclass(frozen=True)
class Switched:
    """A switch: by row, the share of requests that it sheds, after so many hours by its newest drill."""

    id: str
    effect: Mapping[int, float]
    hours: float


def possibilities(
    inputs: Inputs, services: Services, switches: Sequence[Switched], spreads: Sequence[Spreads], rules: LeverRules
) -> Iterator[Possible]:
    """Everything that a sync weighs against each other. spreads: of each of the inputs' sends."""
    for row, name in enumerate(inputs.services):
        if name not in inputs.never_full:
            yield Scale(Option("scale", name), rules.scale.hours, rules.scale.people, row, services)
    shape = inputs.demand.requests_per_second.shape[::2]
    for switch in switches:
        change = np.zeros(shape, np.float32)
        for row, ratio in switch.effect.items():
            change[row] = -ratio
        yield Pull(Option("switch", switch.id), rules.switch.hours + switch.hours, rules.switch.people, change)
    for send, spread in zip(inputs.sends, spreads, strict=True):
        name = send_id(send.channel, inputs.time_of(send.minute))
        yield Move(Option("hold", name), rules.hold.hours, rules.hold.people, send.minute, -send.shares)
        for minutes, brought in spread.items():
            rule, change = rules.stagger, brought - send.shares
            yield Move(Option("stagger", name), rule.hours, rule.people, send.minute, change, minutes)


def releases(inputs: Inputs, rules: LeverRules) -> Iterator[Release]:
    """One for each send."""
    middle = np.median(inputs.demand.requests_per_second, axis=1).astype(np.float32)
    for send in inputs.sends:
        name = send_id(send.channel, inputs.time_of(send.minute))
        hold, own = Option("hold", name), send.shares * middle
        yield Release(Option("release", name), hold, rules.hold.hours, send.minute, own, middle)
