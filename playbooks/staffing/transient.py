"""The queue as it really moves through a surge: an interval that starts with a backlog is not a fresh one.

The number in the system follows the birth-death equations dp/dt = p Q(t) with the interval's own arrivals and agents;
they are solved minute by minute with a two-stage, L-stable Runge-Kutta method (SDIRK2) on tri-diagonal systems, from
one interval to the next. Agents are real numbers here too: every rate is continued in proportion between whole ones.
Those who give up and mean to come again wait apart; how many they are is followed as a mean, step by step.
Source: Green, Kolesar and Whitt 2007 (numerical solution where overload lasts); Alexander 1977 (SDIRK2).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg.lapack import dgttrf, dgttrs
from scipy.special import betainc

from playbooks.staffing.erlang import Definition, Floats
from playbooks.staffing.requirement import Rules

GAMMA = 1 - 1 / np.sqrt(2)
STEP_SECONDS = 60.0


@dataclass(frozen=True)
class System:
    """How likely each number of contacts in the system is, shape [places], and how many people mean to come again."""

    shares: Floats
    coming_again: float = 0.0


@dataclass(frozen=True)
class IntervalOutcome:
    """What the contacts of one interval, redials included, meet on average, and how the interval ends."""

    offered_per_second: float
    level_ratio: float
    abandoned_ratio: float
    occupancy_ratio: float
    wait_seconds: float
    queue: float
    ends: System


def empty(places: int) -> System:
    found = np.zeros(places)
    found[0] = 1.0
    return System(found)


def places_needed(rules: Rules, arrivals_per_second: Floats, seats: Floats) -> int:
    """States that hold the queue in every interval: all contacts in hand and those that wait before giving up."""
    in_hand, again = seats.max() * rules.at_once, rules.redial_ratio
    unserved = arrivals_per_second - seats * rules.at_once / rules.seconds_at_full
    offered = float((arrivals_per_second + again / (1 - again) * np.maximum(unserved, 0)).max())
    waiting = offered * rules.patience_seconds
    most = min(in_hand, offered * rules.seconds_at_full) + waiting
    return int(max(in_hand, most) + 0.5 * waiting + 8 * np.sqrt(most + 1) + 20)


def through_interval(
    starts: System, arrivals_per_second: float | Floats, seats: float, interval_seconds: float, rules: Rules
) -> IntervalOutcome:
    """Carry the system through one interval.

    arrivals_per_second: of first contacts; one rate, or as many as the interval is to be divided into.
    """
    rates = np.atleast_1d(np.asarray(arrivals_per_second, dtype=np.float64))
    in_system = np.arange(len(starts.shares), dtype=np.float64)
    full = seats * rules.at_once
    finishing = completions(np.minimum(in_system, full), seats, rules)
    waiting = np.maximum(in_system - full, 0)
    passed = _advance(starts, rates, _Leaving(finishing, waiting / rules.patience_seconds), interval_seconds, rules)
    queue, offered = float(passed.mean @ waiting), passed.offered_per_second
    most = seats * rules.at_once / rules.seconds_at_full
    busy = float(passed.mean @ finishing) / most if seats > 0 else 0.0
    if offered <= 0:
        return IntervalOutcome(0.0, 1.0, 0.0, busy, 0.0, queue, passed.ends)
    return IntervalOutcome(
        offered_per_second=offered,
        level_ratio=_level(passed.seen, in_system, full, seats, rules),
        abandoned_ratio=min(1.0, queue / rules.patience_seconds / offered),
        occupancy_ratio=busy,
        wait_seconds=queue / offered,
        queue=queue,
        ends=passed.ends,
    )


def completions(in_hand: Floats, seats: float, rules: Rules) -> Floats:
    """Completions per second with contacts spread evenly over `seats`, which need not be whole."""
    if seats <= 0:
        return np.zeros_like(in_hand)
    rates = np.array([0.0, *((j + 1) / seconds for j, seconds in enumerate(rules.handle_seconds))])
    level = np.minimum(np.floor(in_hand / seats).astype(np.int64), rules.at_once - 1)
    extra = in_hand - level * seats
    found: Floats = extra * rates[level + 1] + (seats - extra) * rates[level]
    return found


@dataclass(frozen=True)
class _Leaving:
    """Contacts finished and given up per second by number in the system, shape [places]."""

    finished: Floats
    given_up: Floats


@dataclass(frozen=True)
class _Passed:
    """An interval's mean distribution, the mean that arrivals see, how much was offered, and the system at its end."""

    mean: Floats
    seen: Floats
    offered_per_second: float
    ends: System


def _advance(starts: System, rates: Floats, leaving: _Leaving, seconds: float, rules: Rules) -> _Passed:
    """One interval step by step; the last state is full, and those who come again come at the rate of each step."""
    steps = max(1, round(seconds / STEP_SECONDS / len(rates)))
    h, down = seconds / len(rates) / steps, leaving.finished + leaving.given_up
    runs = [(rate, 1) for rate in rates for _ in range(steps)] if rules.redial_ratio else [(r, steps) for r in rates]
    p, again, back = starts.shares, starts.coming_again, -np.expm1(-h / rules.redial_seconds)
    total, seen, offered = np.zeros_like(p), np.zeros_like(p), 0.0
    for first, count in runs:
        rate = first + again * back / h
        step = _stepper(rate, down, h)
        for _ in range(count):
            after = step(p)
            mean = 0.5 * (p + after)
            total, seen, p = total + mean, seen + rate * mean, after
        offered += rate * count
        again += rules.redial_ratio * h * float(mean @ leaving.given_up) - again * back
    taken = len(rates) * steps
    return _Passed(total / taken, seen / offered if offered > 0 else total / taken, offered / taken, System(p, again))


def _stepper(rate: float, down: Floats, h: float) -> Callable[[Floats], Floats]:
    """One step of h seconds with constant rates."""
    births = np.full(len(down), rate)
    births[-1] = 0.0
    deaths = down.copy()
    deaths[0] = 0.0
    scale = GAMMA * h
    factors = dgttrf(-scale * births[:-1], 1 + scale * (births + deaths), -scale * deaths[1:])[:5]

    def change(p: Floats) -> Floats:
        out = -(births + deaths) * p
        out[1:] += births[:-1] * p[:-1]
        out[:-1] += deaths[1:] * p[1:]
        return out

    def step(p: Floats) -> Floats:
        first = dgttrs(*factors, change(p))[0]
        second = dgttrs(*factors, change(p + h * (1 - GAMMA) * first))[0]
        after = np.maximum(p + h * ((1 - GAMMA) * first + GAMMA * second), 0)
        share: Floats = after / after.sum()
        return share

    return step


def _level(mean: Floats, in_system: Floats, full: float, seats: float, rules: Rules) -> float:
    """Service level of arrivals that see `mean`.

    With k ahead in the queue and all busy, e^{-V/patience} is Beta(c, k+1) distributed, c = full rate times patience.
    """
    patience, within = rules.patience_seconds, rules.within_seconds
    c = max(full / rules.seconds_at_full * patience, 1e-12)
    waits = in_system + 1 > full
    ahead = np.maximum(in_system[waits] - full, -1) + 1 + 1e-12
    early = -np.expm1(-within / patience)
    now = float(mean[~waits].sum())
    seen = mean[waits]
    chance = c / (c + ahead)
    served = now + float(seen @ (chance * betainc(ahead, c + 1, early)))
    virtual = now + float(seen @ betainc(ahead, c, early))
    ever = now + float(seen @ chance)
    return _by_definition(rules.definition, served, virtual, ever, np.exp(-within / patience)) if seats > 0 else 0.0


def _by_definition(definition: Definition, served: float, virtual: float, ever: float, stays: float) -> float:
    gone_early = 1 - (1 - virtual) * stays - served
    if definition == "answered_within":
        return served / ever if ever > 1e-12 else 0.0
    if definition == "virtual_wait_within":
        return virtual
    if definition == "short_abandons_dropped":
        return served / (1 - gone_early) if gone_early < 1 else 0.0
    if definition == "short_abandons_good":
        return served + gone_early
    return served


def play(
    arrivals_per_second: Floats, seats: Floats, interval_seconds: float, rules: Rules, starts: System
) -> list[IntervalOutcome]:
    """What given seats achieve, interval after interval, each starting where the last one ended."""
    found = []
    for rate, people in zip(arrivals_per_second, seats, strict=True):
        outcome = through_interval(starts, float(rate), float(people), interval_seconds, rules)
        found.append(outcome)
        starts = outcome.ends
    return found


def fewest_seats(
    arrivals_per_second: Floats, guess: Floats, interval_seconds: float, rules: Rules, starts: System
) -> tuple[Floats, NDArray[np.str_]]:
    """Seats with which every interval keeps every promise, chosen one after the other, and what binds.

    guess: stationary requirement, where the search begins. Real numbers: read between n-1 and n in proportion.
    """
    seats, binding = np.zeros(len(guess)), np.full(len(guess), "none", dtype="<U13")
    for i, (rate, first) in enumerate(zip(arrivals_per_second, guess, strict=True)):
        if rate > 0:
            seats[i], binding[i] = fewest_in_interval(starts, float(rate), float(first), interval_seconds, rules)
        starts = through_interval(starts, float(rate), float(seats[i]), interval_seconds, rules).ends
    return seats, binding


def fewest_in_interval(
    starts: System, arrivals_per_second: float | Floats, guess: float, interval_seconds: float, rules: Rules
) -> tuple[float, str]:
    """Seats with which one interval keeps every promise, a real number, and what binds."""
    return _fewest(_trial(starts, arrivals_per_second, interval_seconds, rules), guess)


def _trial(
    starts: System, rate: float | Floats, interval_seconds: float, rules: Rules
) -> Callable[[int], tuple[float, str]]:
    """How far the promise that is worst kept is kept with n seats, and which one that is."""

    def worst(n: int) -> tuple[float, str]:
        met = through_interval(starts, rate, float(n), interval_seconds, rules)
        slacks = {
            "service_level": met.level_ratio - rules.target_ratio,
            "abandonment": rules.abandonment_max_ratio - met.abandoned_ratio,
            "occupancy": rules.occupancy_max_ratio - met.occupancy_ratio,
        }
        name = min(slacks, key=lambda key: slacks[key])
        return slacks[name], name

    return worst


def _fewest(worst: Callable[[int], tuple[float, str]], guess: float) -> tuple[float, str]:
    high = max(1, int(np.ceil(guess)))
    step = max(1, high // 16)
    while worst(high)[0] < 0:
        high, step = high + step, step * 2
    low = max(0, high - step)
    while low > 0 and worst(low)[0] >= 0:
        high, low, step = low, max(0, low - step), step * 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if worst(middle)[0] >= 0 else (middle, high)
    above = worst(high)[0]
    below, name = worst(low) if low > 0 else (-1.0, "service_level")
    return low + min(1.0, -below / (above - below)) if above > below else float(high), name
