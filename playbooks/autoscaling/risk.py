"""Risk against cost: what each quantile's floor costs, and how often a path needs more than it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from playbooks.autoscaling.floors import Risk, guarded, surge_minutes
from playbooks.autoscaling.known import ServiceFacts
from playbooks.autoscaling.plan import RiskPoint
from playbooks.autoscaling.policy import AutoscalingPolicy
from playbooks.autoscaling.requirement import demand_quantile, replicas_for
from playbooks.autoscaling.steps import cheapest_cover

QUANTILE_RATIOS = (0.5, 0.75, 0.9, 0.95, 0.99, 0.999)


def risk_against_cost(
    rates: NDArray[np.float32],
    burst: NDArray[np.float64],
    fact: ServiceFacts,
    steps_most: int,
    policy: AutoscalingPolicy,
    instants: tuple[int, ...] | None,
) -> tuple[RiskPoint, ...]:
    """One point for each quantile that the paths can resolve; `rates` [path, minute], `burst` [minute].

    Short are minutes for which the floor answers: near the instants, or all where `instants` is None.
    """
    near = np.ones(rates.shape[1], bool)
    if instants is not None:
        near = surge_minutes(instants, rates.shape[1], fact.lead_minutes)
    resolved = [q for q in QUANTILE_RATIOS if 1 - q >= 1 / (len(rates) + 1)]
    each = replicas_for(rates.astype(np.float64) * burst, fact.low, fact.multiple)
    demand = Risk(policy.quiet_quantile_ratio, policy.quiet_quantile_ratio, instants).demand(rates, fact)
    points = []
    for quantile_ratio in resolved:
        demand[near] = demand_quantile(rates[:, near], quantile_ratio)
        required = replicas_for(demand * burst, fact.low, fact.multiple)
        cover = cheapest_cover(guarded(required, fact, policy), steps_most)
        short = (each > cover.by_minute(len(required))) & near
        hours, price = cover.replica_minutes / 60, fact.service.cost_per_replica_hour
        points.append(
            RiskPoint(
                quantile_ratio=quantile_ratio,
                replica_hours=hours,
                cost=None if price is None else hours * price,
                short_minutes=float(short.sum(axis=1).mean()),
                event_short_ratio=float(short.any(axis=1).mean()),
            )
        )
    return tuple(points)
