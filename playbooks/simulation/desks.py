"""Desks as a fluid with its spread: contacts come in, agents finish them, those who wait too long give up.

Of the number in the system each path carries a mean and a variance through time, as if it were normally distributed,
so that a backlog left by the interval before counts, and so does one that has yet to build up. What a normal
distribution misses at balance is read from the pre-computed table of service levels and added. Those who give up and
mean to come again wait apart. Tickets, where nobody gives up, are worked off first in, first out.
Sources: Whitt 2006 (fluid with abandonment); Massey and Pender 2013 (mean and variance of queues in time).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from playbooks.staffing.erlang import Performance
from playbooks.staffing.level_table import LevelTable
from playbooks.staffing.requirement import Rules
from playbooks.staffing.tickets import worked_off

Floats = NDArray[np.float64]
WITHIN_PARTS = 4
LEAST_VARIANCE = 1e-3
NOBODY = 1e-9  # contacts in an interval: of fewer no share can be told
BALANCE_STEPS, BALANCE_HANDLINGS = 120, 15


class Levels(Protocol):
    """A table of levels for contacts in hand and seats, each [path]."""

    def level(self, load: Floats, seats: Floats) -> Floats: ...


@dataclass(frozen=True)
class Desk:
    """Phone or chat. contacts: [path, interval] that come for the first time. seats: [interval] or [path, interval] of
    people at work, whole or not. missed: what the fluid misses at balance (`missed_at_balance`); None: nothing.
    """

    contacts: Floats
    seats: Floats
    interval_seconds: float
    rules: Rules
    missed: Levels | None = None


@dataclass(frozen=True)
class DeskPlayed:
    """What contacts meet, [path, interval]: how many attempts (redials included), their level, how many give up, the
    mean backlog, the longest wait of somebody who does not give up.
    """

    attempts: Floats
    level_ratio: Floats
    abandoned: Floats
    backlog: Floats
    longest_wait_seconds: Floats

    @classmethod
    def joined(cls, parts: Sequence[DeskPlayed]) -> DeskPlayed:
        """Parts of the paths put together again, in their order."""
        return cls(*(np.concatenate([getattr(part, each.name) for part in parts]) for each in fields(cls)))

    def event_level_ratio(self, judged: NDArray[np.bool_] | None = None) -> Floats:
        """[path]: the level over the `judged` intervals, all where None, weighed by attempts; 1 without any."""
        counted = self.attempts if judged is None else self.attempts * judged
        total = counted.sum(axis=1)
        good: Floats = (self.level_ratio * counted).sum(axis=1)
        level: Floats = np.divide(good, total, out=np.ones_like(total), where=total > 0)
        return level


@dataclass(frozen=True)
class _State:
    """[path] each: mean and variance of the number in the system, and how many mean to come again."""

    mean: Floats
    variance: Floats
    again: Floats

    def middle(self, other: _State) -> _State:
        return _State(
            (self.mean + other.mean) / 2, (self.variance + other.variance) / 2, (self.again + other.again) / 2
        )


def play_desk(desk: Desk, step_seconds: float = 60.0) -> DeskPlayed:
    """Carry mean, variance and redials through every interval in steps; starts empty."""
    rules, shape = desk.rules, desk.contacts.shape
    steps = max(1, round(desk.interval_seconds / step_seconds))
    second = desk.interval_seconds / steps
    seats = np.broadcast_to(desk.seats, shape)
    state = _State(*(np.zeros(shape[0]) for _ in range(3)))
    met = DeskPlayed(*(np.zeros(shape) for _ in range(5)))
    for k in range(shape[1]):
        people = seats[:, k]
        if k:
            state = _handed_over(state, seats[:, k - 1], people, rules)
        means, variances, offered = (np.empty((steps, shape[0])) for _ in range(3))
        for step in range(steps):
            after, offered[step] = _after(state, desk.contacts[:, k] / desk.interval_seconds, people, rules, second)
            middle = state.middle(after)
            means[step], variances[step], state = middle.mean, middle.variance, after
        attempts, queue = offered.sum(axis=0) * second, _waiting(means, variances, people, rules)
        gone = np.minimum(queue.sum(axis=0) * second / rules.patience_seconds, attempts)
        met.attempts[:, k], met.abandoned[:, k], met.backlog[:, k] = attempts, gone, queue.mean(axis=0)
        gone_ratio = gone / np.maximum(attempts, NOBODY)
        level = _level(means, variances, offered, gone_ratio, people, rules)
        if desk.missed is not None:
            level = level + _correction(desk.missed, means, variances, offered, people, rules)
        met.level_ratio[:, k] = np.where(attempts > NOBODY, level, 1.0)
        met.longest_wait_seconds[:, k] = _wait(queue, people, rules, desk.interval_seconds).max(axis=0)
    np.clip(met.level_ratio, 0.0, 1.0, out=met.level_ratio)
    return met


def missed_at_balance(table: LevelTable, rules: Rules) -> LevelTable:
    """The table's levels less those that the fluid settles at under the same constant loads."""
    load, share = (part.ravel() for part in np.meshgrid(table.loads, table.seats_per_load, indexing="ij"))
    seats, rate = share * load / table.at_once, load / rules.seconds_at_full
    alone = replace(rules, redial_ratio=0.0)
    state = _State(np.minimum(load, seats * table.at_once), np.maximum(load, LEAST_VARIANCE), np.zeros_like(load))
    second = BALANCE_HANDLINGS * max(rules.seconds_at_full, rules.patience_seconds) / BALANCE_STEPS
    for _ in range(BALANCE_STEPS):
        state = _after(state, rate, seats, alone, second)[0]
    gone_ratio = np.minimum(_waiting(state.mean, state.variance, seats, rules) / rules.patience_seconds / rate, 1.0)
    level = _level(state.mean[None], state.variance[None], rate[None], gone_ratio, seats, rules)
    return replace(table, level_ratio=table.level_ratio - level.reshape(table.level_ratio.shape))


def _correction(
    missed: Levels, means: Floats, variances: Floats, offered: Floats, seats: Floats, rules: Rules
) -> Floats:
    """[path]: what is missed at balance, less of it the further the mean still has to move in standard deviations."""
    leaving = _leaving(means, variances, seats, rules)
    far = (offered - leaving.mean) / leaving.slope
    near = np.exp(-0.5 * far * far / np.maximum(variances, LEAST_VARIANCE))
    total = near.sum(axis=0)
    load = (near * leaving.mean).sum(axis=0) / np.maximum(total, 1e-12) * rules.seconds_at_full
    found: Floats = np.where(load > 0, missed.level(load, seats), 0.0) * total / len(means)
    return found


@dataclass(frozen=True)
class _Leaving:
    """Contacts that leave a second, [path]: the mean, and how it changes with one contact more."""

    mean: Floats
    slope: Floats


def _leaving(mean: Floats, variance: Floats, seats: Floats, rules: Rules) -> _Leaving:
    """Finished and given up together: straight lines between 0, 1, 2 … contacts for every agent, each with its normal
    share beyond."""
    spread = np.sqrt(np.maximum(variance, LEAST_VARIANCE))
    first, *further = (*_slopes(rules), 1 / rules.patience_seconds)
    total, slope, before = first * mean, np.full_like(mean, first), first
    for held, each in enumerate(further, start=1):
        beyond, chance = _beyond(mean, spread, seats * held)
        total, slope, before = total + (each - before) * beyond, slope + (each - before) * chance, each
    return _Leaving(np.maximum(total, 0.0), np.maximum(slope, 1e-12))


def _slopes(rules: Rules) -> list[float]:
    """What one contact more adds to the contacts finished a second, by how many its agent holds already."""
    rates = [0.0, *((held + 1) / seconds for held, seconds in enumerate(rules.handle_seconds))]
    return [after - before for before, after in pairwise(rates)]


def _beyond(mean: Floats, spread: Floats, level: Floats) -> tuple[Floats, Floats]:
    """E(N - level)+ and P(N > level) of a normal N."""
    away = (mean - level) / spread
    chance = ndtr(away)
    return spread * (np.exp(-0.5 * away * away) / np.sqrt(2 * np.pi) + away * chance), chance


def _after(state: _State, first: Floats, seats: Floats, rules: Rules, second: float) -> tuple[_State, Floats]:
    """One step, exact for what is linear around where it begins; and contacts offered a second, redials included."""
    back = -np.expm1(-second / rules.redial_seconds)
    coming = first + state.again * back / second
    leaving = _leaving(state.mean, state.variance, seats, rules)
    gain = -np.expm1(-leaving.slope * second) / leaving.slope
    mean = np.maximum(state.mean + (coming - leaving.mean) * gain, 0.0)
    kept = np.exp(-2 * leaving.slope * second)
    variance = state.variance * kept + (coming + leaving.mean) * (1 - kept) / (2 * leaving.slope)
    again = state.again
    if rules.redial_ratio:
        waiting = _waiting((state.mean + mean) / 2, (state.variance + variance) / 2, seats, rules)
        gone = np.minimum(waiting / rules.patience_seconds, coming + state.mean / second)
        again = state.again * (1 - back) + rules.redial_ratio * gone * second
    return _State(mean, variance, again), coming


def _handed_over(state: _State, before: Floats, after: Floats, rules: Rules) -> _State:
    """Without what leavers still finish: idle agents go first, then those who hold least."""
    if np.all(after >= before):
        return state
    staying, spread = np.minimum(before, after), np.sqrt(np.maximum(state.variance, LEAST_VARIANCE))
    finished, share = np.zeros_like(spread), np.zeros_like(spread)
    for held in range(rules.at_once):
        below, above = held * before + staying, (held + 1) * before
        for sign, level in ((1, below), (-1, above)):
            beyond, chance = _beyond(state.mean, spread, level)
            finished, share = finished + sign * beyond, share + sign * chance
    return _State(np.maximum(state.mean - finished, 0.0), state.variance * np.clip(1 - share, 0.0, 1.0), state.again)


def _waiting(mean: Floats, variance: Floats, seats: Floats, rules: Rules) -> Floats:
    waiting = _beyond(mean, np.sqrt(np.maximum(variance, LEAST_VARIANCE)), seats * rules.at_once)[0]
    return np.minimum(waiting, mean)


def _level(
    means: Floats, variances: Floats, offered: Floats, gone_ratio: Floats, seats: Floats, rules: Rules
) -> Floats:
    """[path]: by the desk's own definition, of all attempts of an interval; offered: [step, path], gone_ratio: of all.

    Shares are averaged before they are divided by each other, as whoever counts contacts does.
    """
    total = np.maximum(offered.sum(axis=0), 1e-12)
    served, virtual = ((part * offered).sum(axis=0) / total for part in _within(means, variances, seats, rules))
    performance = Performance(
        delayed_ratio=1 - virtual,
        abandoned_ratio=gone_ratio,
        mean_wait_seconds=gone_ratio * rules.patience_seconds,
        served_within_ratio=served,
        waited_beyond_ratio=(1 - virtual) * np.exp(-rules.within_seconds / rules.patience_seconds),
        virtual_beyond_ratio=1 - virtual,
        occupancy_ratio=(seats > 0).astype(np.float64),
    )
    return performance.level(rules.definition) * (seats > 0)


def _within(means: Floats, variances: Floats, seats: Floats, rules: Rules) -> tuple[Floats, Floats]:
    """Shares served within the promise, and that would be with endless patience, of those who come now.

    Whoever finds k waiting is served after patience x log(1 + k / c) on average, c = full rate x patience; how long k
    departures take varies as a Poisson number of them does.
    """
    full, patience = seats * rules.at_once, rules.patience_seconds
    served, before, cumulative = np.zeros_like(means), 0.0, np.zeros_like(means)
    for part in range(WITHIN_PARTS + 1):
        waited = rules.within_seconds * part / WITHIN_PARTS
        ahead = full / rules.seconds_at_full * patience * np.expm1(waited / patience)
        found = ndtr((full - 0.5 + ahead - means) / np.sqrt(np.maximum(variances, LEAST_VARIANCE) + ahead))
        served += (found - cumulative) * np.exp(-(waited + before) / 2 / patience)
        cumulative, before = found, waited
    return served, cumulative


def _wait(queue: Floats, seats: Floats, rules: Rules, interval_seconds: float) -> Floats:
    """How long somebody who does not give up waits behind `queue` [step, path]; nobody there: an interval."""
    carried = seats * rules.at_once / rules.seconds_at_full * rules.patience_seconds
    ahead = np.divide(queue, carried, out=np.zeros_like(queue), where=carried > 0)
    wait: Floats = rules.patience_seconds * np.log1p(ahead)
    return np.where((carried <= 0) & (queue > 0), interval_seconds, wait)


def play_tickets(tickets: Floats, finished: Floats, deadline_intervals: int, interval_seconds: float) -> DeskPlayed:
    """tickets: [path, interval] that come; finished: [interval] that the people at work can finish."""
    found = worked_off(tickets, finished, deadline_intervals, interval_seconds / 3600)
    return DeskPlayed(
        tickets, found.within_ratio, np.zeros_like(tickets), found.open_tickets, found.oldest_hours * 3600
    )
