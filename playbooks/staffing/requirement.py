"""How many seats each interval needs so that service level, abandonment and occupancy all hold, and which one binds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from playbooks.staffing import chat, erlang
from playbooks.staffing.erlang import Definition, Floats, Performance
from playbooks.staffing.redials import load_with_redials

Binding = Literal["service_level", "abandonment", "occupancy", "none"]
CONSTRAINTS: tuple[Binding, ...] = ("service_level", "abandonment", "occupancy")


@dataclass(frozen=True)
class Rules:
    """A desk where somebody waits for an answer now (phone or chat), and what it promises.

    handle_seconds: by number of contacts at once; one entry for phone.
    occupancy is measured against the throughput of fully busy agents.
    redial_ratio: of those who give up, how many come again, redial_seconds later on average.
    """

    handle_seconds: tuple[float, ...]
    patience_seconds: float
    definition: Definition
    target_ratio: float
    within_seconds: float
    abandonment_max_ratio: float = 1.0
    occupancy_max_ratio: float = 1.0
    redial_ratio: float = 0.0
    redial_seconds: float = 600.0

    @property
    def seconds_at_full(self) -> float:
        """Handling time of one contact when an agent holds as many as allowed: the unit of load."""
        return self.handle_seconds[-1]

    @property
    def at_once(self) -> int:
        return len(self.handle_seconds)


def performance(rules: Rules, load: Floats, seats: NDArray[np.int64]) -> Performance:
    """What contacts meet with a whole number of seats; load in contacts in hand at full concurrency.

    load: of those who come for the first time; whoever gives up and comes again within the interval comes on top.
    """
    if not rules.redial_ratio:
        return _without_redials(rules, load, seats)

    def given_up(all_load: Floats) -> Floats:
        return _without_redials(rules, all_load, seats).abandoned_ratio

    carried: Floats = (seats * rules.at_once).astype(np.float64)
    everything = load_with_redials(given_up, load, carried, rules.redial_ratio)
    return _without_redials(rules, everything, seats)


def _without_redials(rules: Rules, load: Floats, seats: NDArray[np.int64]) -> Performance:
    if rules.at_once == 1:
        return erlang.with_patience(load, seats, rules.seconds_at_full, rules.patience_seconds, rules.within_seconds)
    return chat.with_concurrency(
        load / rules.seconds_at_full, seats, rules.handle_seconds, rules.patience_seconds, rules.within_seconds
    )


def service_level(rules: Rules, load: Floats, seats: Floats) -> Floats:
    """The desk's own service level with seats that need not be whole: between whole numbers in proportion."""
    below = np.floor(seats).astype(np.int64)
    at_floor = performance(rules, load, below).level(rules.definition)
    at_next = performance(rules, load, below + 1).level(rules.definition)
    found: Floats = at_floor + (seats - below) * (at_next - at_floor)
    return found


@dataclass(frozen=True)
class Requirement:
    """Per interval: seats (people at work, not yet rounded), and the promise that asks for that many."""

    seats: Floats
    binding: NDArray[np.str_]


def required_seats(rules: Rules, load: Floats) -> Requirement:
    """The fewest seats that keep every promise, real numbers, for loads in contacts in hand, shape [interval].

    Between whole numbers seats are read off the straight line between the two, so that shrinkage can divide first and
    rounding come once and last.
    """
    values, where = np.unique(load, return_inverse=True)
    positive = values > 0
    seats = np.zeros((len(CONSTRAINTS), len(values)))
    loads = values[positive]
    for row, slack in enumerate(_slacks(rules)):
        seats[row, positive] = _smallest(partial(slack, load=loads), loads / rules.at_once)
    binding = np.where(positive, np.array(CONSTRAINTS)[seats.argmax(axis=0)], "none")
    return Requirement(seats.max(axis=0)[where], binding[where])


class Slack(Protocol):
    def __call__(self, n: NDArray[np.int64], load: Floats) -> Floats: ...


def _slacks(rules: Rules) -> tuple[Slack, Slack, Slack]:
    """How far each promise is kept (positive) or broken (negative) by a number of seats."""

    def level(n: NDArray[np.int64], load: Floats) -> Floats:
        return performance(rules, load, n).level(rules.definition) - rules.target_ratio

    def abandonment(n: NDArray[np.int64], load: Floats) -> Floats:
        return rules.abandonment_max_ratio - performance(rules, load, n).abandoned_ratio

    def occupancy(n: NDArray[np.int64], load: Floats) -> Floats:
        busy = performance(rules, load, n).occupancy_ratio
        return rules.occupancy_max_ratio - np.where(n > 0, busy, 1.0)

    return level, abandonment, occupancy


def _smallest(slack: Callable[[NDArray[np.int64]], Floats], guess: Floats) -> Floats:
    whole = erlang.fewest_agents(lambda n: slack(n) >= 0, guess)
    above, below = slack(whole), slack(whole - 1)
    part = np.divide(-below, above - below, out=np.ones_like(above), where=above > below)
    seats: Floats = whole - 1 + np.clip(part, 0, 1)
    return seats


def heads(seats: Floats, shrinkage_ratio: float) -> NDArray[np.int64]:
    """People to roster so that `seats` are at work: shrinkage divides once, rounding comes once and last."""
    found: NDArray[np.int64] = np.ceil(seats / (1 - shrinkage_ratio) - 1e-9).astype(np.int64)
    return found
