"""Which campaigns need a new forecast now: decided from files alone, so that a restart forgets nothing."""

from __future__ import annotations

from datetime import datetime, timedelta

from campaign.files import sha256
from campaign.plan import Plan
from campaign.traffic import TrafficModel
from campaign.workspace import LEAD_DAYS, Workspace
from warroom.plans.overview import model_of

FROM_DAYS = 28
NIGHT_HOUR = 3


def due(workspace: Workspace, now: datetime) -> tuple[str, ...]:
    """Campaigns to come, soonest first, whose forecast is missing, older than their plan, or of before last night.

    A frozen forecast (D-3 and later) is never made anew: everybody has planned with it.
    """
    ahead = [plan for plan in workspace.plans if now < plan.starts_at <= now + timedelta(days=FROM_DAYS)]
    return tuple(plan.id for plan in ahead if _due(workspace, plan, now))


def _due(workspace: Workspace, plan: Plan, now: datetime) -> bool:
    if now >= plan.starts_at - timedelta(days=LEAD_DAYS) or any((workspace.out(plan.id) / "frozen").glob("*")):
        return False
    model = model_of(workspace, plan.id)
    return model is None or _of_another_plan(workspace, plan, model) or model.as_of_utc < last_night(workspace, now)


def _of_another_plan(workspace: Workspace, plan: Plan, model: TrafficModel) -> bool:
    return model.inputs.get(f"campaigns/{plan.id}.yaml") != sha256(workspace.plan_file(plan.id))


def last_night(workspace: Workspace, now: datetime) -> datetime:
    """The last three o'clock in the workspace's zone."""
    local = now.astimezone(workspace.settings.zone)
    night = local.replace(hour=NIGHT_HOUR, minute=0, second=0, microsecond=0)
    return night if night <= local else night - timedelta(days=1)
