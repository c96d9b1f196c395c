"""How the services do: the newest of each reading, beside the objective or what should be ready of the plan."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import get_args

from campaign.store.live import Measured
from campaign.workspace import Workspace
from metrics.sources.records import ReadingName
from playbooks.autoscaling.orders import ready_at
from playbooks.autoscaling.plan import AutoscalingPlan
from warroom.live.records import Reading
from warroom.push.carried import autoscaling_plan

READINGS: tuple[ReadingName, ...] = get_args(ReadingName)
READY: ReadingName = "ready_replicas"
QUEUE: ReadingName = "queue_length"


def newest_readings(workspace: Workspace, campaign: str, values: Sequence[Measured]) -> tuple[Reading, ...]:
    """By service, in the order of the settings; then the queues of the desks."""
    plan = autoscaling_plan(workspace.out(campaign) / "playbook" / "autoscaling.json")
    newest = {(v.name, v.measure): v for v in values if v.measure in READINGS}
    return tuple(
        _reading(workspace, plan, newest[service, name])
        for service in (*workspace.settings.service_names, *sorted(workspace.settings.desk_names))
        for name in READINGS
        if (service, name) in newest
    )


def _reading(workspace: Workspace, plan: AutoscalingPlan | None, value: Measured) -> Reading:
    at = datetime.fromtimestamp(value.starts_at, UTC)
    limit = _limit(workspace, plan, value, at)
    fine = None
    if limit is not None:
        fine = value.value >= limit if value.measure == READY else value.value <= limit
    return Reading(value.measure, value.name, at, value.value, limit, fine)


def _limit(workspace: Workspace, plan: AutoscalingPlan | None, value: Measured, at: datetime) -> float | None:
    if value.name not in workspace.settings.service_names:
        return None
    objective = workspace.settings.service(value.name).slo
    if value.measure == READY:
        planned = plan.services.get(value.name) if plan else None
        return float(ready_at(planned, at)) if planned else None
    return {"error_ratio": objective.error_ratio, "p99_ms": objective.p99_ms}.get(value.measure)
