"""A plan replayed contact by contact: discrete-event simulation of phone and chat desks.

Agents hold up to K contacts; a new one goes to the agent with fewest; each agent finishes contacts at the rate of the
number it holds. Agents whose shift ends finish what they have and take nothing new. Waiting is first come, first
served, and ends with an exponential patience; some who gave up come again. It shares no formula with the plan, so that
it can judge the plan.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from heapq import heappop, heappush

import numpy as np
from numpy.typing import NDArray

from playbooks.staffing.erlang import Definition, Floats
from playbooks.staffing.requirement import Rules

DRAWS = 1 << 14


@dataclass(frozen=True)
class Outcome:
    """What every contact met, redials after the others: seconds from the start, seconds waited, whether served."""

    arrived_seconds: Floats
    waited_seconds: Floats
    served: NDArray[np.bool_]

    def good_and_counted(self, definition: Definition, within_seconds: float) -> tuple[NDArray[np.bool_], ...]:
        """Which contacts kept the promise and which count at all, by the definition.

        `virtual_wait_within` cannot be seen on contacts that left early; here those count as having waited too long.
        """
        early = self.waited_seconds <= within_seconds
        good, everyone = self.served & early, np.ones(len(early), dtype=bool)
        if definition == "answered_within":
            return good, self.served
        if definition == "short_abandons_dropped":
            return good, self.served | ~early
        if definition == "short_abandons_good":
            return early, everyone
        return good, everyone


def arrivals(contacts: Floats, interval_seconds: float, rng: np.random.Generator) -> Floats:
    """Poisson arrival times, seconds from the start, for mean counts per interval."""
    counts = rng.poisson(contacts)
    starts = np.repeat(np.arange(len(contacts)) * interval_seconds, counts)
    found: Floats = np.sort(starts + rng.uniform(0, interval_seconds, len(starts)))
    return found


def simulate(
    arrived: Floats, seats: Sequence[int], interval_seconds: float, rules: Rules, rng: np.random.Generator
) -> Outcome:
    """Play arrivals (seconds, sorted) against whole seats per interval; the last interval's seats stay to the end.

    Nobody comes again after the last arrival.
    """
    callers = _Callers(arrived, rules, rng)
    desk = _Desk(rules, int(seats[0]))
    queue: deque[int] = deque()
    draw, where = _stream(rng.standard_exponential), _stream(rng.random)
    now, interval = 0.0, 1
    change = interval_seconds if len(seats) > 1 else np.inf
    while callers.due < np.inf or queue:
        finish = now + next(draw) / desk.rate if desk.rate > 0 else np.inf
        now = min(callers.due, finish, change)
        if now == np.inf:
            break
        if now == change:
            desk.staff(int(seats[interval]))
            interval += 1
            change = interval * interval_seconds if interval < len(seats) else np.inf
        elif now == callers.due:
            queue.extend(callers.come())
        else:
            desk.finish(next(where))
        while queue and desk.open_agents:
            if callers.answered(queue.popleft(), now):
                desk.take()
    return callers.outcome()


class _Callers:
    """Contacts by number: first those of the plan in order of arrival, then redials as they come."""

    def __init__(self, arrived: Floats, rules: Rules, rng: np.random.Generator) -> None:
        self.times: list[float] = arrived.tolist()
        self.last = self.times[-1] if self.times else 0.0
        self.first_count, self.arrived = len(self.times), 0
        self.patience: list[float] = rng.exponential(rules.patience_seconds, len(arrived)).tolist()
        self.waited, self.served = list(self.patience), [False] * len(self.times)
        self.rules = rules
        self.again: list[tuple[float, int]] = []
        self.draw, self.chance = _stream(rng.standard_exponential), _stream(rng.random)
        self.due = self._next_first()

    def come(self) -> tuple[int, ...]:
        """Who comes now: the next contact, or one that gave up and tries again; nobody if it was answered after all."""
        if self.again and self.again[0][0] <= self.due:
            when, before = heappop(self.again)
            came = () if self.served[before] else (self._new(when),)
        else:
            came = (self.arrived,)
            self.arrived += 1
        if came and self.rules.redial_ratio and next(self.chance) < self.rules.redial_ratio:
            back = self.times[came[0]] + self.patience[came[0]] + next(self.draw) * self.rules.redial_seconds
            if back <= self.last:
                heappush(self.again, (back, came[0]))
        self.due = min(self._next_first(), self.again[0][0] if self.again else np.inf)
        return came

    def _next_first(self) -> float:
        return self.times[self.arrived] if self.arrived < self.first_count else np.inf

    def _new(self, when: float) -> int:
        self.times.append(when)
        self.patience.append(next(self.draw) * self.rules.patience_seconds)
        self.waited.append(self.patience[-1])
        self.served.append(False)
        return len(self.times) - 1

    def answered(self, number: int, now: float) -> bool:
        """An agent is free: whether this contact is still there to be served."""
        wait = now - self.times[number]
        if wait >= self.patience[number]:
            return False
        self.waited[number], self.served[number] = wait, True
        return True

    def outcome(self) -> Outcome:
        return Outcome(np.array(self.times), np.array(self.waited), np.array(self.served, dtype=bool))


def _stream(draw: Callable[[int], Floats]) -> Iterator[float]:
    while True:
        yield from draw(DRAWS).tolist()


class _Desk:
    """Agents counted by how many contacts they hold; those going home are counted apart and take nothing new."""

    def __init__(self, rules: Rules, seats: int) -> None:
        self.each = [0.0, *((j + 1) / s for j, s in enumerate(rules.handle_seconds))]
        self.full = rules.at_once
        self.on = [seats] + [0] * self.full
        self.leaving = [0] * (self.full + 1)
        self.open_agents, self.in_hand, self.rate = seats, 0, 0.0

    def take(self) -> None:
        level = 0
        while not self.on[level]:
            level += 1
        self._move(self.on, level, level + 1)

    def finish(self, where: float) -> None:
        """End one contact; `where` in [0, 1) chooses among all agents in proportion to their rates."""
        left = where * self.rate
        for group in (self.on, self.leaving):
            for level in range(1, self.full + 1):
                left -= group[level] * self.each[level]
                if left < 0 and group[level]:
                    self._move(group, level, level - 1)
                    return
        group = self.on if any(self.on[1:]) else self.leaving
        level = max(level for level in range(1, self.full + 1) if group[level])
        self._move(group, level, level - 1)

    def staff(self, seats: int) -> None:
        """Change how many are at work; idle agents leave first, then those who hold least."""
        surplus = sum(self.on) - seats
        if surplus < 0:
            self.on[0] -= surplus
        for level in range(self.full + 1):
            gone = min(max(surplus, 0), self.on[level])
            self.on[level] -= gone
            self.leaving[level] += gone if level else 0
            surplus -= gone
        self.open_agents = sum(self.on[: self.full])

    def _move(self, group: list[int], level: int, to: int) -> None:
        group[level] -= 1
        group[to] += 1
        self.in_hand += to - level
        if group is self.on:
            self.open_agents += (to < self.full) - (level < self.full)
        self.rate = self.rate + self.each[to] - self.each[level] if self.in_hand else 0.0
