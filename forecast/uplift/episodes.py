"""Past campaigns as rows to learn from: what came in each stretch of time, beside what was ordinary then."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from forecast.baseline.ridge import Baseline, rate_floor
from forecast.epochs import DAY, HOUR
from forecast.uplift.terms import Term

Floats = NDArray[np.float64]

BEFORE_SECONDS = 6 * HOUR
AFTER_SECONDS = 12 * HOUR
ECHO_SECONDS = 24 * HOUR
AROUND_SECONDS = 3 * HOUR
NEAR_SECONDS = (-900, 2400)
BLOCK_SECONDS = 2 * DAY


@dataclass(frozen=True)
class Stretch:
    """A service's buckets at their native length around past campaigns.

    starts: seconds since 1970 [bucket]; seconds: lengths; rates: mean requests per second, NaN where missing.
    """

    service: str
    starts: NDArray[np.int64]
    seconds: NDArray[np.int64]
    rates: Floats


@dataclass(frozen=True)
class Standing:
    """Where a service stands over some days, as logs: its typical rate, its share of all services' typical rates."""

    level: float
    share: float


@dataclass(frozen=True)
class Block:
    """Rows of one service over at most two days, and the terms that reach into them.

    starts, ends, log_rates, log_base, season: [row]; standing: of the service over the block; terms: indices into the
    terms of all campaigns; level_sd: how far ordinary traffic may lie off here, where that is not what the baseline
    says.
    """

    key: str
    service: int
    starts: Floats
    ends: Floats
    log_rates: Floats
    counts: Floats
    log_base: Floats
    season: Floats
    standing: Standing
    terms: tuple[int, ...]
    level_sd: float | None = None


def merged(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans that overlap made one, in time order."""
    joined: list[tuple[int, int]] = []
    for starts, ends in sorted(spans):
        if joined and starts <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(ends, joined[-1][1]))
        else:
            joined.append((starts, ends))
    return joined


def split(spans: Iterable[tuple[int, int]], seconds: int = BLOCK_SECONDS) -> list[tuple[int, int]]:
    """Long spans cut into even pieces of about `seconds`: a level is not one number for weeks."""
    pieces = []
    for starts, ends in spans:
        count = max(round((ends - starts) / seconds), 1)
        edges = np.linspace(starts, ends, count + 1).astype(np.int64)
        pieces += [(int(a), int(b)) for a, b in pairwise(edges)]
    return pieces


def blocks_of(
    stretches: Sequence[Stretch],
    spans: Sequence[tuple[int, int]],
    terms: Sequence[Term],
    baseline: Baseline,
    touched: Sequence[frozenset[str]],
) -> tuple[Block, ...]:
    """Rows for every span and service that has data there; `touched` says which services each term's campaign is on."""
    blocks = []
    for stretch in stretches:
        service = baseline.services.index(stretch.service)
        for starts, ends in spans:
            reaching = tuple(
                i for i, t in enumerate(terms) if reaches(t, starts, ends) and stretch.service in touched[i]
            )
            block = _block(stretch, service, starts, ends, terms, reaching, baseline)
            if block is not None:
                blocks.append(block)
    return tuple(blocks)


def reaches(term: Term, starts: float, ends: float) -> bool:
    return term.starts - AROUND_SECONDS < ends and starts < term.ends + ECHO_SECONDS


def _block(
    stretch: Stretch,
    service: int,
    starts: int,
    ends: int,
    terms: Sequence[Term],
    reaching: tuple[int, ...],
    baseline: Baseline,
) -> Block | None:
    inside = (stretch.starts >= starts) & (stretch.starts < ends) & ~np.isnan(stretch.rates)
    if not reaching or inside.sum() < 2:
        return None
    instants = instants_of(terms[i] for i in reaching)
    first, last, rates = rows(stretch.starts[inside], stretch.seconds[inside], stretch.rates[inside], instants)
    middles = (first + last) / 2
    return Block(
        f"{stretch.service}@{starts}",
        service,
        first,
        last,
        np.log(np.maximum(rates, rate_floor(rates))),
        rates * (last - first),
        baseline.log_at(service, middles),
        baseline.season_at(service, middles),
        standing(baseline, service, middles),
        reaching,
    )


def instants_of(terms: Iterable[Term]) -> Floats:
    """Every instant at which the terms jump, in seconds since 1970, in time order."""
    return np.array(sorted({t for term in terms for t in (term.starts, term.ends)}), dtype=np.float64)


def standing(baseline: Baseline, service: int, times: Floats) -> Standing:
    """Where a service stands over the days of `times`."""
    days = np.arange(times.min() - DAY / 2, times.max() + DAY / 2, HOUR)
    levels = [float(np.mean(np.exp(baseline.log_at(s, days)))) for s in range(len(baseline.services))]
    return Standing(float(np.log(levels[service])), float(np.log(levels[service] / sum(levels))))


def rows(
    starts: NDArray[np.int64], seconds: NDArray[np.int64], rates: Floats, instants: Floats
) -> tuple[Floats, Floats, Floats]:
    """Buckets put together: kept as they are near instants, five minutes within three hours, half hours elsewhere."""
    gap = since_nearest(starts + seconds / 2, instants)
    length = np.where((gap >= NEAR_SECONDS[0]) & (gap <= NEAR_SECONDS[1]), 60, 1800)
    length = np.where((length > 60) & (np.abs(gap) <= AROUND_SECONDS), 300, length)
    number = starts // np.maximum(length, seconds)
    fresh = np.ones(len(starts), dtype=bool)
    fresh[1:] = (np.diff(number) != 0) | (np.diff(length) != 0)
    at = np.flatnonzero(fresh)
    total = np.add.reduceat(rates * seconds, at)
    duration = np.add.reduceat(seconds, at)
    first = starts[at].astype(np.float64)
    return first, first + duration, total / duration


def since_nearest(times: Floats, instants: Floats) -> Floats:
    """Seconds from the nearest instant (negative before it); far away where there are none."""
    if len(instants) == 0:
        return np.full(len(times), 1e9)
    after = np.clip(np.searchsorted(instants, times), 1, max(len(instants) - 1, 1))
    left, right = instants[after - 1], instants[np.minimum(after, len(instants) - 1)]
    gap: Floats = np.where(np.abs(times - left) <= np.abs(times - right), times - left, times - right)
    return gap
