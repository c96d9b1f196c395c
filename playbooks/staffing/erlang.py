"""Erlang B, C and A for whole arrays of intervals, in log space, so that neither 5 000 Erlangs nor 0.01 overflow.

Loads are in Erlangs (contacts per second times seconds of handling); agents may be real numbers: the gamma functions
continue every formula between the integers, so that rounding can wait for the last step.

Sources: Erlang 1917 (B, C); Palm 1957, Garnett, Mandelbaum and Reiman 2002, Mandelbaum and Zeltyn 2007 (A).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammainc, gammaincc, gammaln

Floats = NDArray[np.float64]
Definition = Literal[
    "served_within",
    "answered_within",
    "virtual_wait_within",
    "short_abandons_dropped",
    "short_abandons_good",
]
FAR_TAIL = 1e-30
LONGEST_SERIES = 20_000
TERMS_AT_ONCE = 8


def log_inverse_blocking(agents: ArrayLike, load: ArrayLike) -> Floats:
    """log(1/B(n, A)) for real n > -1 and A > 0; 1/B = e^A A^-n Γ(n+1, A)."""
    n, a = (np.array(v, dtype=np.float64) for v in np.broadcast_arrays(agents, load))
    upper = gammaincc(n + 1, a)
    far = upper < FAR_TAIL
    found = np.empty_like(a)
    near = ~far
    found[near] = np.log(upper[near]) + gammaln(n[near] + 1) + a[near] - n[near] * np.log(a[near])
    found[far] = np.log(a[far]) + np.log(_upper_gamma_fraction(n[far] + 1, a[far]))
    return found


def _upper_gamma_fraction(shape: Floats, at: Floats) -> Floats:
    """Γ(s, x) e^x x^-s by its continued fraction (modified Lentz), for x well above s."""
    tiny = 1e-300
    b = at + 1 - shape
    c = np.full_like(at, 1 / tiny)
    d = 1 / np.where(np.abs(b) < tiny, tiny, b)
    value = d.copy()
    for i in range(1, LONGEST_SERIES):
        step = -i * (i - shape)
        b = b + 2
        d = 1 / _away_from_zero(step * d + b, tiny)
        c = _away_from_zero(b + step / c, tiny)
        change = c * d
        value *= change
        if np.all(np.abs(change - 1) < 1e-15):
            break
    return value


def _away_from_zero(values: Floats, tiny: float) -> Floats:
    return np.where(np.abs(values) < tiny, tiny, values)


def blocking(agents: ArrayLike, load: ArrayLike) -> Floats:
    """Erlang B: the share of contacts that find all `agents` lines busy when nobody waits."""
    return np.exp(-log_inverse_blocking(agents, load))


def waiting(agents: ArrayLike, load: ArrayLike) -> Floats:
    """Erlang C: the share that has to wait when nobody gives up; 1 where agents do not exceed the load."""
    n, a = (np.array(v, dtype=np.float64) for v in np.broadcast_arrays(agents, load))
    use = np.divide(a, n, out=np.ones_like(a), where=n > 0)
    stable = use < 1
    found = np.ones_like(a)
    inverse = np.exp(np.minimum(log_inverse_blocking(n[stable], a[stable]), 700))
    found[stable] = 1 / ((1 - use[stable]) * inverse + use[stable])
    return found


def served_within_without_abandonment(
    agents: ArrayLike, load: ArrayLike, handle_seconds: ArrayLike, within_seconds: ArrayLike
) -> Floats:
    """Erlang C's service level: the share served within the threshold; 0 where the queue only grows."""
    n, a = np.broadcast_arrays(np.asarray(agents, dtype=np.float64), np.asarray(load, dtype=np.float64))
    spare = np.maximum(n - a, 0)
    level = 1 - waiting(n, a) * np.exp(-spare * np.asarray(within_seconds) / np.asarray(handle_seconds))
    return np.where(n > a, level, 0.0)


def mean_wait_without_abandonment(agents: ArrayLike, load: ArrayLike, handle_seconds: float) -> Floats:
    """Erlang C's mean wait in seconds; infinite where agents do not exceed the load."""
    n, a = np.broadcast_arrays(np.asarray(agents, dtype=np.float64), np.asarray(load, dtype=np.float64))
    spare = np.where(n > a, n - a, np.nan)
    return np.where(n > a, waiting(n, a) * handle_seconds / spare, np.inf)


@dataclass(frozen=True)
class Performance:
    """What contacts meet, per interval; every field has the same shape.

    served_within_ratio: served within the threshold, of all offered.
    waited_beyond_ratio: still in the queue at the threshold; virtual_beyond_ratio: would be, had they endless patience.
    """

    delayed_ratio: Floats
    abandoned_ratio: Floats
    mean_wait_seconds: Floats
    served_within_ratio: Floats
    waited_beyond_ratio: Floats
    virtual_beyond_ratio: Floats
    occupancy_ratio: Floats

    def level(self, definition: Definition) -> Floats:
        """The service level by one of the definitions that contact centres print under the same name."""
        served, abandoned_early = self.served_within_ratio, 1 - self.waited_beyond_ratio - self.served_within_ratio
        if definition == "answered_within":
            return _share(served, 1 - self.abandoned_ratio)
        if definition == "virtual_wait_within":
            return 1 - self.virtual_beyond_ratio
        if definition == "short_abandons_dropped":
            return _share(served, 1 - abandoned_early)
        if definition == "short_abandons_good":
            return np.where(self.occupancy_ratio > 0, served + abandoned_early, 0.0)
        return served


def _share(part: Floats, whole: Floats) -> Floats:
    return np.clip(np.divide(part, whole, out=np.zeros_like(part), where=whole > 1e-12), 0, 1)


def with_patience(
    load: ArrayLike,
    agents: ArrayLike,
    handle_seconds: ArrayLike,
    patience_seconds: ArrayLike,
    within_seconds: ArrayLike,
) -> Performance:
    """Erlang A (M/M/n+M): `agents` for `load` when waiting contacts give up after `patience_seconds` on average."""
    a, n, handle, patience, within = (
        np.array(v, dtype=np.float64)
        for v in np.broadcast_arrays(load, agents, handle_seconds, patience_seconds, within_seconds)
    )
    staffed = (n > 0) & (a > 0)
    safe_n, safe_a = np.where(staffed, n, 1.0), np.where(staffed, a, 1.0)
    log_below = log_inverse_blocking(safe_n - 1, safe_a)
    found = queue_with_patience(log_below, safe_a / handle, safe_n / handle, patience, within)
    busy = safe_a * (1 - found.abandoned_ratio) / safe_n
    return only_where(staffed, a > 0, found, busy, within, patience)


def queue_with_patience(
    log_below: Floats, arrivals_per_second: Floats, full_rate_per_second: Floats, patience: Floats, within: Floats
) -> Performance:
    """Any birth-death queue that serves at one constant rate once all places are taken.

    log_below: log Σ π_j / π_{full-1} over the states in which nobody waits (log 1/B(n-1, A) for plain agents).
    full_rate_per_second: completions per second while all places are taken. Occupancy is left 0 for the caller.
    """
    x, y = full_rate_per_second * patience, arrivals_per_second * patience
    log_waiting = np.log(y) + _log_tail(x, y, np.zeros_like(x))
    log_all = np.logaddexp(log_below, log_waiting)
    virtual = np.exp(np.log(y) + _log_tail(x, y, within / patience) - log_all)
    delayed = np.exp(log_waiting - log_all)
    at_once = np.exp(log_below - log_all)
    waited_then_served = np.exp(np.log(y) + _log_tail(x + 1, y, np.zeros_like(x)) - log_all) - np.exp(
        np.log(y) + _log_tail(x + 1, y, within / patience) - log_all
    )
    abandoned = np.clip(np.exp(-log_all) + (1 - x / y) * delayed, 0, 1)
    return Performance(
        delayed_ratio=delayed,
        abandoned_ratio=abandoned,
        mean_wait_seconds=abandoned * patience,
        served_within_ratio=np.clip(at_once + waited_then_served, 0, 1),
        waited_beyond_ratio=virtual * np.exp(-within / patience),
        virtual_beyond_ratio=virtual,
        occupancy_ratio=np.zeros_like(x),
    )


def _log_tail(x: Floats, y: Floats, elapsed: Floats) -> Floats:
    """log( e^y y^-x γ(x, y e^-elapsed) ): what is still to come of the virtual wait after `elapsed` patience times."""
    z = y * np.exp(-elapsed)
    share = gammainc(x, z)
    below = (z < 0.9 * x) | (share < FAR_TAIL)
    found = np.empty_like(x)
    found[below] = (
        -x[below] * elapsed[below] - y[below] * np.expm1(-elapsed[below]) + _log_lower_series(x[below], z[below])
    )
    above = ~below
    found[above] = y[above] - x[above] * np.log(y[above]) + gammaln(x[above]) + np.log(share[above])
    return found


def _log_lower_series(x: Floats, z: Floats) -> Floats:
    """log( γ(x, z) e^z z^-x ) = log Σ z^k / (x (x+1) … (x+k)), for z below x."""
    term = 1 / x
    total = term.copy()
    for k in range(1, LONGEST_SERIES):
        term = term * z / (x + k)
        total += term
        if k % TERMS_AT_ONCE == 0 and np.all(term <= total * 1e-16):
            break
    return np.log(total)


def only_where(
    staffed: NDArray[np.bool_],
    offered: NDArray[np.bool_],
    found: Performance,
    busy: Floats,
    within: Floats,
    patience: Floats,
) -> Performance:
    """`found` where there are agents; where contacts meet nobody all give up; where none come nothing is missed."""
    idle = np.where(offered, 0.0, 1.0)
    lost = 1 - idle
    return Performance(
        delayed_ratio=np.where(staffed, found.delayed_ratio, lost),
        abandoned_ratio=np.where(staffed, found.abandoned_ratio, lost),
        mean_wait_seconds=np.where(staffed, found.mean_wait_seconds, lost * patience),
        served_within_ratio=np.where(staffed, found.served_within_ratio, idle),
        waited_beyond_ratio=np.where(staffed, found.waited_beyond_ratio, lost * np.exp(-within / patience)),
        virtual_beyond_ratio=np.where(staffed, found.virtual_beyond_ratio, lost),
        occupancy_ratio=np.where(staffed, busy, 0.0),
    )


def fewest_agents(meets: Callable[[NDArray[np.int64]], NDArray[np.bool_]], guess: ArrayLike) -> NDArray[np.int64]:
    """The smallest whole number from 1 on that meets a condition which, once met, stays met.

    meets: given one candidate per interval, says which meet it. The search gallops from `guess` and then halves.
    """
    probe = np.maximum(1, np.ceil(np.asarray(guess, dtype=np.float64))).astype(np.int64)
    step = np.maximum(1, np.sqrt(probe)).astype(np.int64)
    low, high = np.zeros_like(probe), np.zeros_like(probe)
    while True:
        met = meets(probe)
        high, low = np.where(met, probe, high), np.where(met, low, np.maximum(low, probe))
        if np.all((high > 0) & (high - low <= 1)):
            return high
        upward = probe + step
        downward = np.maximum(np.maximum(high - step, high // 2), low + 1)
        halved = np.maximum((low + high) // 2, 1)
        step = np.where((high == 0) | (low == 0), step * 2, step)
        probe = np.where(high == 0, upward, np.where(low == 0, downward, halved))
        probe = np.where((high > 0) & (high - low <= 1), high, probe)


def agents_without_abandonment(
    load: ArrayLike, handle_seconds: float, target_ratio: float, within_seconds: float
) -> NDArray[np.int64]:
    """The fewest whole agents whose Erlang C service level reaches the target; 0 where there is no load."""
    a = np.asarray(load, dtype=np.float64)
    safe = np.where(a > 0, a, 1.0)

    def meets(n: NDArray[np.int64]) -> NDArray[np.bool_]:
        return served_within_without_abandonment(n, safe, handle_seconds, within_seconds) >= target_ratio

    found = fewest_agents(meets, np.floor(safe) + 1 + 0.5 * np.sqrt(safe))
    return np.where(a > 0, found, 0)


def lines_for_blocking(load: ArrayLike, blocked_max_ratio: float) -> NDArray[np.int64]:
    """The fewest lines (trunks, seats, log-ins) that turn away at most this share; 0 where there is no load."""
    a = np.asarray(load, dtype=np.float64)
    safe = np.where(a > 0, a, 1.0)
    return np.where(a > 0, fewest_agents(lambda n: blocking(n, safe) <= blocked_max_ratio, safe), 0)
