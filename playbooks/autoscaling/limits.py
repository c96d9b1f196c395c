"""What ends before replicas do: connection pools and quotas counted per replica, and rates of third parties."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from campaign.settings import Limit

REPLICAS_MAX = "replicas.max"
Need = dict[str, NDArray[np.int64]]


@dataclass(frozen=True)
class Hit:
    """A limit that a service meets: over which minutes [first, last), and its figures at the worst one.

    share_ratio: the part of the service's need that the limit allows at that minute. per_request: it counts requests
    per second, not replicas.
    """

    limit: str
    service: str
    needed: float
    allowed: float
    share_ratio: float
    worst_minute: int
    first_minute: int
    last_minute: int
    owner: str = ""
    per_request: bool = False


def room(limit: Limit) -> float:
    """What the limit leaves to those it names; never below zero."""
    return max(limit.total - limit.reserved, 0.0)


def users(limit: Limit, services: Sequence[str]) -> dict[str, float]:
    """The planned services that use the limit, and how much of it each replica or request takes."""
    return {name: used for name, used in limit.used_by.items() if used > 0 and name in services}


def within_limits(need: Need, most: Mapping[str, int | None], limits: Sequence[Limit]) -> tuple[Need, list[Hit]]:
    """The need [minute] that the limits allow, and every hit. Nothing is clipped without a hit that says so.

    Where services share a limit, each keeps the same share of what it needs: a visit needs them all.
    """
    allowed, hits = dict(need), []
    for name, count in most.items():
        if count is not None:
            allowed[name] = np.minimum(need[name], count)
            hits += _hits(REPLICAS_MAX, {name: 1.0}, {name: need[name]}, float(count))
    for limit in (limit for limit in limits if limit.kind == "per_replica"):
        used = users(limit, list(need))
        if not used:
            continue
        hits += _hits(limit.name, used, {name: allowed[name] for name in used}, room(limit), limit.owner)
        total = sum(used[name] * allowed[name] for name in used)
        share = np.minimum(1.0, room(limit) / np.maximum(total, 1e-12))
        for name in used:
            allowed[name] = np.where(share < 1, np.floor(allowed[name] * share), allowed[name]).astype(np.int64)
    return allowed, hits


def rate_hits(
    rates: Mapping[str, NDArray[np.float32]], quantile_ratios: Mapping[str, float], limits: Sequence[Limit]
) -> list[Hit]:
    """Hits of rates per second; `rates` {service: [path, minute]}. The joint rate is taken path by path.

    The strictest quantile among the services that use a limit holds for it.
    """
    hits = []
    for limit in (limit for limit in limits if limit.kind == "rate"):
        used = users(limit, list(rates))
        if used:
            joint = np.sum([used[name] * rates[name].astype(np.float64) for name in used], axis=0)
            strictest = max(quantile_ratios[name] for name in used)
            needed = np.quantile(joint, strictest, axis=0, method="higher")
            for name in used:
                found = _hits(limit.name, {name: 1.0}, {name: needed}, room(limit), limit.owner)
                hits += [replace(hit, per_request=True) for hit in found]
    return hits


def _hits(
    limit: str, used: Mapping[str, float], need: Mapping[str, NDArray[np.number]], allowed: float, owner: str = ""
) -> list[Hit]:
    total = np.sum([used[name] * need[name] for name in used], axis=0)
    over = np.flatnonzero(total > allowed * (1 + 1e-9))
    if not len(over):
        return []
    worst, needed = int(total.argmax()), float(total.max())
    span = int(over[0]), int(over[-1]) + 1
    share = allowed / needed
    return [Hit(limit, name, needed, allowed, share, worst, *span, owner) for name in used if need[name][worst] > 0]


def fits(floors: Need, limits: Sequence[Limit]) -> bool:
    """Whether floors [minute] stay within every shared per-replica limit at every minute."""
    for limit in (limit for limit in limits if limit.kind == "per_replica"):
        used = users(limit, list(floors))
        if used and np.any(sum(used[name] * floors[name] for name in used) > room(limit) * (1 + 1e-9)):
            return False
    return True


def beyond_at_once(most: Mapping[str, int], limits: Sequence[Limit]) -> list[tuple[Limit, float]]:
    """Limits counted per replica that all maxReplicas together would break, and what they would take.

    Peaks that lie apart may each need more than their share; then maxReplicas alone cannot keep the limit.
    """
    taken = [
        (limit, sum(used * most[name] for name, used in users(limit, list(most)).items()))
        for limit in limits
        if limit.kind == "per_replica"
    ]
    return [(limit, needed) for limit, needed in taken if needed > room(limit) * (1 + 1e-9)]
