"""What a plan orders and what is ready of it, minute by minute: a step's instant is when its floor is ordered."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np

from playbooks.autoscaling.plan import ServicePlan
from playbooks.simulation.hpa import Counts
from playbooks.simulation.startup import ready_of

MINUTE = timedelta(minutes=1)


def ordered(service: ServicePlan, starts: datetime, minutes: int) -> Counts:
    """[minute] from `starts` on: the planned floor, the usual one before the first step and from the way back on."""
    floor = np.full(minutes, service.replicas.floor, np.int64)
    for step in service.all_steps:
        floor[minute_of(step.starts_at_utc, starts) :] = step.replicas
    return floor


def minute_of(at: datetime, starts: datetime) -> int:
    """The first whole minute after `starts` that does not begin before `at`."""
    return max(0, -((starts - at) // MINUTE))


def ready(service: ServicePlan, starts: datetime, minutes: int) -> Counts:
    """[minute] from `starts` on: what is surely ready of it."""
    lead = service.lead_minutes
    return ready_of(ordered(service, starts - lead * MINUTE, lead + minutes), lead)[lead:]


def floor_at(service: ServicePlan, at: datetime) -> int:
    """minReplicas at an instant."""
    return int(ordered(service, at, 1)[0])


def ready_at(service: ServicePlan, at: datetime) -> int:
    """Replicas that should be ready at an instant."""
    return int(ready(service, at, 1)[0])
