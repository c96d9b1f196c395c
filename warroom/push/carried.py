"""What each service can carry minute by minute: the replicas that will be ready times what one really carries."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from campaign.capacity import known_capacity
from campaign.documents import read_json
from campaign.language import Text, say
from campaign.settings import Service
from campaign.workspace import Workspace
from playbooks.autoscaling.plan import AutoscalingPlan, ServicePlan
from playbooks.simulation.hpa import DOWN_WINDOW_SECONDS, Counts, surely_ready
from playbooks.simulation.running import CPU_SECONDS, LAG_SECONDS
from warroom.service.kept import Kept, stamp_of

Floats = NDArray[np.float64]
SEEN_MINUTES = math.ceil((CPU_SECONDS + LAG_SECONDS) / 60)
"""Until an HPA knows what is asked."""

_PLANS = Kept()


@dataclass(frozen=True)
class Carried:
    """requests_per_second: [service, minute], infinite where nothing is known; assumptions say where it comes from."""

    services: tuple[str, ...]
    requests_per_second: Floats
    assumptions: tuple[Text, ...]


def carried(
    workspace: Workspace,
    campaign: str,
    services: Sequence[str],
    starts: datetime,
    minutes: int,
    asked: Floats | None = None,
) -> Carried:
    """Capacity over the minutes from `starts`: the plan's replicas where there is a plan, today's most elsewhere.

    asked: requests per second [service, minute]; with them the plan's replicas are those that its HPA adds as well.
    """
    plan = autoscaling_plan(workspace.out(campaign) / "playbook" / "autoscaling.json")
    rows, assumed = [], []
    for row, name in enumerate(services):
        if plan is not None and name in plan.services:
            rows.append(_planned(plan.services[name], starts, minutes, None if asked is None else asked[row]))
            if plan.services[name].capacity_source != "measured":
                assumed.append(say("{service}: capacity per replica is declared, not measured", service=name))
        else:
            most, text = _of_today(workspace.settings.service(name), workspace.folder)
            rows.append(np.full(minutes, most))
            assumed.append(text)
    return Carried(tuple(services), np.array(rows), tuple(assumed))


def autoscaling_plan(path: Path) -> AutoscalingPlan | None:
    """The plan as it was last written; None where there is none yet."""
    return _PLANS.get(path, lambda: stamp_of(path), lambda: _plan_in(path))


def _plan_in(path: Path) -> AutoscalingPlan | None:
    return read_json(path, path.name, AutoscalingPlan) if path.is_file() else None


def _planned(plan: ServicePlan, starts: datetime, minutes: int, asked: Floats | None) -> Floats:
    """Ready replicas times the lower bound of one, and no more than a limit admits while it is hit."""
    per_replica = plan.capacity_requests_per_second_per_replica.low
    if plan.verdict == "reactive-suffices":
        ready = np.full(minutes, float(plan.replicas.most))
    else:
        ready = np.full(minutes, float(plan.replicas.floor))
        for step in plan.steps:
            ready[_minute(step.starts_at_utc, starts, minutes) :] = step.replicas
        if asked is not None:
            ready = np.maximum(ready, np.minimum(_by_hpa(plan, asked), plan.replicas.most))
    row = ready * per_replica
    for hit in plan.limits_hit:
        first, last = _minute(hit.starts_at_utc, starts, minutes), _minute(hit.ends_at_utc, starts, minutes)
        row[first:last] = np.minimum(row[first:last], hit.admitted_requests_per_second)
    return row


def _by_hpa(plan: ServicePlan, asked: Floats) -> Counts:
    """What the HPA on top of the floors has ready by itself."""
    lag = plan.lead_minutes + SEEN_MINUTES
    per_replica = plan.hpa_target_ratio * plan.capacity_requests_per_second_per_replica.low
    return surely_ready(asked, lag, DOWN_WINDOW_SECONDS // 60, per_replica)


def _minute(moment: datetime, starts: datetime, minutes: int) -> int:
    return int(np.clip(-((starts - moment) // timedelta(minutes=1)), 0, minutes))


def _of_today(service: Service, folder: Path) -> tuple[float, Text]:
    capacity = known_capacity(service, folder / "out" / "capacity" / f"{service.name}.json")
    replicas = service.replicas.max or service.replicas.today if service.replicas else None
    if capacity is None or replicas is None:
        return np.inf, say("{service}: capacity is not known, so nothing is said about it", service=service.name)
    most = replicas * capacity.capacity_requests_per_second_per_replica.low
    return most, say("{service}: no plan yet, so its {n} replicas at most", service=service.name, n=replicas)
