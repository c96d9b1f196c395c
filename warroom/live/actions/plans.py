"""The frozen paths without what was decided against: sends that are held or spread out, as the forecast had them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from campaign.plan import Plan
from campaign.traffic import Effect as Learned
from campaign.traffic import TrafficPaths
from forecast.epochs import epochs
from warroom.live.actions.ahead import P50, Ahead, Floats
from warroom.live.actions.log import Decision
from warroom.live.actions.sends import held, learned_of, planned_sends, spread_out


def as_decided(
    paths: TrafficPaths, plan: Plan, effects: Sequence[Learned], decisions: Iterable[Decision]
) -> TrafficPaths:
    """Paths in which standing decisions on sends have been carried out; the very same where there are none.

    Each minute of every path keeps the share that the send does not stand for.
    """
    on_sends = [decision for decision in decisions if decision.stands and decision.kind in ("hold", "stagger")]
    if not on_sends:
        return paths
    known = {planned.id: planned for planned in planned_sends(plan)}
    rates = paths.requests_per_second.copy()
    for decision in (decision for decision in on_sends if decision.subject in known):
        planned = known[decision.subject]
        for service, added in learned_of(effects, planned).items():
            if service in paths.services:
                frozen = _frozen(paths, service, decision)
                if decision.kind == "hold":
                    change = held(frozen, added, planned.gone(decision.at))
                else:
                    change = spread_out(frozen, added, decision.amount or 0.0)
                rates[:, paths.index(service)] *= _left(frozen, change[P50])
    return replace(paths, requests_per_second=rates)


def _frozen(paths: TrafficPaths, service: str, decision: Decision) -> Ahead:
    middle = np.median(paths.requests_per_second[:, paths.index(service)], axis=0).astype(np.float64)
    starts = epochs(paths.starts_at_utc)
    return Ahead(
        service, decision.at, starts, paths.seconds, np.array([middle] * 3), middle, np.full(len(starts), np.inf)
    )


def _left(frozen: Ahead, change: Floats) -> Floats:
    left: Floats = np.maximum(1.0 + change / np.maximum(frozen.frozen, 1e-9), 0.0)
    return left
