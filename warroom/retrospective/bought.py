"""Capacity bought against needed: the plan's floors beside the traffic that came."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np

from campaign.settings import Service
from playbooks.autoscaling.orders import ordered, ready
from playbooks.autoscaling.plan import ServicePlan
from playbooks.simulation.hpa import Counts
from warroom.retrospective.records import ServiceCapacity
from warroom.retrospective.timeline import Buckets, Ints

MINUTE_SECONDS = 60


def capacity_score(plan: ServicePlan, service: Service, real: Buckets) -> ServiceCapacity | None:
    """One service over the buckets of `real` (cut to the time the plan is for); None where nothing is known."""
    known = ~np.isnan(real.rates)
    if not known.any():
        return None
    seconds, rates = real.seconds[known], real.rates[known]
    bought, there = replicas_of(plan, real.starts[known])
    low = plan.capacity_requests_per_second_per_replica.low
    needed = np.maximum(np.ceil(rates / low), plan.replicas.floor)
    hours_bought, hours_needed = (float((count * seconds).sum() / 3600) for count in (bought, needed))
    price = service.cost_per_replica_hour
    return ServiceCapacity(
        peak_bought=int(bought.max()),
        peak_needed=int(needed.max()),
        replica_hours_bought=hours_bought,
        replica_hours_needed=hours_needed,
        short_minutes=float(seconds[needed > there].sum() / 60),
        cost_of_caution=None if price is None else price * (hours_bought - hours_needed),
    )


def replicas_of(plan: ServicePlan, at: Ints) -> tuple[Counts, Counts]:
    """What is ordered (and paid for) at each instant, and what is ready of it."""
    first = int(at.min())
    minutes = (at - first) // MINUTE_SECONDS
    asked = plan, datetime.fromtimestamp(first, UTC), int(minutes.max()) + 1
    return ordered(*asked)[minutes], ready(*asked)[minutes]
