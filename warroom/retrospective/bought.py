"""Capacity bought against needed: the plan's floors beside the traffic that came."""

from __future__ import annotations

import numpy as np

from campaign.settings import Service
from playbooks.autoscaling.plan import ServicePlan
from warroom.retrospective.records import ServiceCapacity
from warroom.retrospective.timeline import Buckets, Floats, Ints


def capacity_score(plan: ServicePlan, service: Service, real: Buckets) -> ServiceCapacity | None:
    """One service over the buckets of `real` (cut to the time the plan is for); None where nothing is known."""
    known = ~np.isnan(real.rates)
    if not known.any():
        return None
    seconds, rates = real.seconds[known], real.rates[known]
    bought = floors(plan, real.starts[known])
    low = plan.capacity_requests_per_second_per_replica.low
    needed = np.maximum(np.ceil(rates / low), plan.replicas.floor)
    hours_bought, hours_needed = (float((count * seconds).sum() / 3600) for count in (bought, needed))
    price = service.cost_per_replica_hour
    return ServiceCapacity(
        peak_bought=int(bought.max()),
        peak_needed=int(needed.max()),
        replica_hours_bought=hours_bought,
        replica_hours_needed=hours_needed,
        short_minutes=float(seconds[needed > bought].sum() / 60),
        cost_of_caution=None if price is None else price * (hours_bought - hours_needed),
    )


def floors(plan: ServicePlan, at: Ints) -> Floats:
    """The planned floor at each instant: the usual one before the first step."""
    steps = sorted(plan.steps, key=lambda step: step.starts_at_utc)
    starts = np.array([step.starts_at_utc.timestamp() for step in steps])
    levels = np.array([plan.replicas.floor, *(step.replicas for step in steps)], dtype=np.float64)
    found: Floats = levels[np.searchsorted(starts, at, side="right")]
    return found
