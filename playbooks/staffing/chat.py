"""Chats: one agent holds several, and each takes longer the more there are. Dividing handling time by the number of
chats understaffs; here the chain over all chats in hand is solved with the throughput that each level really has.

With m chats spread evenly over N agents, completions happen at the sum over agents of level / handling time at that
level. Once all N x K places are taken the rate is constant, so the queue behind them is that of Erlang A.
Sources: Tezcan and Zhang 2014; Long, Tezcan and Zhang 2024.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from playbooks.staffing.erlang import Floats, Performance, only_where, queue_with_patience

NEGLIGIBLE = -40.0
CERTAIN = 60.0
STATES_AT_ONCE = 32


def handle_seconds_by_level(alone_seconds: float, concurrency: int, throughput: Sequence[float]) -> tuple[float, ...]:
    """Handling time with 1, 2, … chats at once, ending at the level beyond which an agent finishes no more per hour.

    throughput: chats finished per hour at each level relative to one at a time; beyond its end nothing is gained.
    """
    levels = [alone_seconds * (j + 1) / throughput[j] for j in range(min(concurrency, len(throughput)))]
    return tuple(levels[: best_level(levels)])


def best_level(handle_seconds: Sequence[float]) -> int:
    """The number of chats at once with which most are finished per hour."""
    rates = [(j + 1) / seconds for j, seconds in enumerate(handle_seconds)]
    return int(np.argmax(rates)) + 1


def completions_per_second(chats: NDArray[np.int64], agents: NDArray[np.int64], handle: Sequence[float]) -> Floats:
    """Completions with `chats` spread evenly over `agents`, none of them holding more than len(handle)."""
    rates = np.array([0.0, *((j + 1) / seconds for j, seconds in enumerate(handle))])
    level, extra = np.divmod(chats, agents)
    upper = np.minimum(level + 1, len(handle))
    found: Floats = extra * rates[upper] + (agents - extra) * rates[level]
    return found


def log_below_full(agents: NDArray[np.int64], arrivals_per_second: Floats, handle: Sequence[float]) -> Floats:
    """log Σ π_m / π_{NK-1} over the states m < N K in which no chat waits, from the fullest down, a block at a time."""
    chats = agents * len(handle) - 1
    term, total = np.zeros(len(chats)), np.zeros(len(chats))
    active = np.flatnonzero(chats > 0)
    while active.size:
        states = chats[active][:, None] - np.arange(STATES_AT_ONCE)
        served = completions_per_second(np.maximum(states, 1), agents[active][:, None], handle)
        change = np.where(states > 0, np.log(served / arrivals_per_second[active][:, None]), -np.inf)
        terms = term[active][:, None] + np.cumsum(change, axis=1)
        term[active] = terms[:, -1]
        total[active] = np.logaddexp(total[active], np.logaddexp.reduce(terms, axis=1))
        chats[active] -= STATES_AT_ONCE
        settled = (change[:, -1] < 0) & (term[active] - total[active] < NEGLIGIBLE)
        active = active[(chats[active] > 0) & ~settled & (total[active] < CERTAIN)]
    return total


def with_concurrency(
    arrivals_per_second: ArrayLike,
    agents: ArrayLike,
    handle_seconds: Sequence[float],
    patience_seconds: float,
    within_seconds: float,
) -> Performance:
    """What chats meet, per interval; `agents` are whole, `handle_seconds` is by number of chats at once."""
    rate, people = np.broadcast_arrays(np.asarray(arrivals_per_second, float), np.asarray(agents, np.int64))
    staffed = (people > 0) & (rate > 0)
    n, arrivals = np.where(staffed, people, 1), np.where(staffed, rate, 1.0)
    full = n * len(handle_seconds) / handle_seconds[-1]
    patience, within = np.full(n.shape, float(patience_seconds)), np.full(n.shape, float(within_seconds))
    found = queue_with_patience(log_below_full(n, arrivals, handle_seconds), arrivals, full, patience, within)
    busy = arrivals * (1 - found.abandoned_ratio) / full
    return only_where(staffed, rate > 0, found, busy, within, patience)
