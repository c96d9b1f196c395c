"""A cheap trial of the executor hours before the first step, while there is time to mend what does not run.

The floor rises by a tenth, at least one replica, which even KEDA's dead-band lets through, and goes back. The plan's
alerts watch it like any other step.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import numpy as np

from campaign.language import say
from campaign.plan import Plan
from campaign.settings import Limit
from playbooks.autoscaling.limits import fits
from playbooks.autoscaling.plan import ServicePlan, Step
from playbooks.autoscaling.policy import AutoscalingPolicy
from playbooks.autoscaling.reasons import hours_of
from playbooks.autoscaling.way_back import WITHIN_MINUTES

LASTS = timedelta(minutes=30)
MORE_RATIO = 0.1


def with_try_out(
    services: Mapping[str, ServicePlan],
    limits: Sequence[Limit],
    others: Sequence[Plan],
    policy: AutoscalingPolicy,
    now: datetime,
) -> dict[str, ServicePlan]:
    """The services with a trial before the first step: none where its time is past, where steps of other campaigns may
    hold by then, or where a limit has no room for it."""
    trials = {name: try_out(service, policy) for name, service in services.items()}
    held = {
        name: service.model_copy(update={"steps": (*trial, *service.steps)})
        for name, service in services.items()
        if (trial := trials[name]) and now < trial[0].starts_at_utc and not _busy(name, trial, others, policy)
    }
    counts = {
        name: np.array([held[name].steps[0].replicas if name in held else service.replicas.floor])
        for name, service in services.items()
    }
    return dict(services) | (held if fits(counts, limits) else {})


def try_out(service: ServicePlan, policy: AutoscalingPolicy) -> tuple[Step, ...]:
    """Up and back; none where the plan has no steps or never goes that high."""
    replicas = raised(service.replicas.floor, service.replicas.multiple_of)
    if not service.steps or not policy.try_out_hours_before or replicas > service.replicas.peak:
        return ()
    at = service.steps[0].starts_at_utc - timedelta(hours=policy.try_out_hours_before)
    up = say("the executor is tried: a few replicas more for {minutes} min", minutes=LASTS // timedelta(minutes=1))
    return (
        Step(starts_at_utc=at, replicas=replicas, why=str(up)),
        Step(starts_at_utc=at + LASTS, replicas=service.replicas.floor, why=str(say("back from the trial"))),
    )


def raised(floor: int, multiple: int) -> int:
    """The fewest replicas that are more than a tenth above a floor."""
    least = int(floor * (1 + MORE_RATIO) + 1e-9) + 1
    return -(-least // multiple) * multiple


def _busy(service: str, trial: Sequence[Step], others: Sequence[Plan], policy: AutoscalingPolicy) -> bool:
    """Whether steps of a campaign that is planned by itself may hold during the trial, its own trial among them."""
    before = timedelta(hours=policy.try_out_hours_before)
    hours = (hours_of([other], policy) for other in others if other.touches(service))
    returned = timedelta(minutes=WITHIN_MINUTES)
    first, last = trial[0].starts_at_utc, trial[-1].starts_at_utc
    return any(begins - before <= last and first <= ends + returned for begins, ends in hours)
