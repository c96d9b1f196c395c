"""The whole playbook of a campaign: autoscaling, staffing, rehearsal where asked for, and checklist."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from campaign.console import Progress
from campaign.documents import read_json
from campaign.errors import Problem, UserError
from campaign.language import say
from campaign.readiness import Checklist
from campaign.traffic import TrafficModel
from campaign.workspace import Workspace
from playbooks.autoscaling.inputs import without_capacity
from playbooks.autoscaling.plan import AutoscalingPlan
from playbooks.autoscaling.publish import publish_autoscaling
from playbooks.readiness.publish import publish_checklist
from playbooks.rehearsal.publish import Wanted, publish_rehearsal
from playbooks.rehearsal.record import Rehearsal
from playbooks.rehearsal.war_room import Joins
from playbooks.staffing.plan import StaffingPlan
from playbooks.staffing.publish import publish_staffing

STEPS = 3


@dataclass(frozen=True)
class Playbook:
    """What operations are given."""

    autoscaling: AutoscalingPlan
    staffing: StaffingPlan
    checklist: Checklist


@dataclass(frozen=True)
class RehearsedPlaybook:
    """As much of a playbook as can be made, and what playing it through found; missing: why there are neither replicas
    nor a rehearsal, where there are none."""

    autoscaling: AutoscalingPlan | None
    staffing: StaffingPlan
    checklist: Checklist
    rehearsal: Rehearsal | None
    missing: Problem | None = None


def publish_playbook(
    workspace: Workspace, campaign: str, now: datetime, progress: Progress, targets: Sequence[str] = ()
) -> Playbook:
    """Write `out/<campaign>/playbook/` from the traffic model and the measured or declared capacity.

    `targets` are the folders of autoscaling manifests, the policy's where empty.

    Raises:
        UserError: no such campaign, no traffic model yet, or a plan that its inputs do not allow.
    """
    autoscaling, staffing = _plans(workspace, campaign, now, progress, targets)
    return Playbook(autoscaling, staffing, _checklist(workspace, campaign, now, progress))


def publish_rehearsed_playbook(
    workspace: Workspace, campaign: str, now: datetime, progress: Progress, joins: Joins | None = None
) -> RehearsedPlaybook:
    """The same with the rehearsal, before the checklist that reads its verdict. joins: makes the rehearsal's war room.

    Where no service has a capacity, support is planned and the checklist made without replicas and rehearsal.

    Raises:
        UserError: what any of them refuses.
    """
    missing = without_capacity(workspace)
    if missing:
        staffing = publish_staffing(workspace, campaign, now, progress)
        return RehearsedPlaybook(None, staffing, _checklist(workspace, campaign, now, progress), None, missing)
    autoscaling, staffing = _plans(workspace, campaign, now, progress, ())
    rehearsal = publish_rehearsal(workspace, campaign, Wanted(joins=joins), progress)
    return RehearsedPlaybook(autoscaling, staffing, _checklist(workspace, campaign, now, progress), rehearsal)


def _plans(
    workspace: Workspace, campaign: str, now: datetime, progress: Progress, targets: Sequence[str]
) -> tuple[AutoscalingPlan, StaffingPlan]:
    progress(say("autoscaling"), 0, STEPS)
    autoscaling = publish_autoscaling(workspace, campaign, now, progress, targets)
    progress(say("staffing"), 1, STEPS)
    return autoscaling, publish_staffing(workspace, campaign, now, progress)


def _checklist(workspace: Workspace, campaign: str, now: datetime, progress: Progress) -> Checklist:
    progress(say("checklist"), 2, STEPS)
    checklist = publish_checklist(workspace, campaign, now)
    progress(say("checklist"), STEPS, STEPS)
    return checklist


def model_as_of(workspace: Workspace, campaign: str) -> datetime:
    """When the campaign's traffic model was made: the playbook's clock, so that it is the same on any day.

    Raises:
        UserError: no such campaign, or no traffic model yet.
    """
    plan = workspace.plan(campaign)
    file = workspace.out(plan.id) / "traffic.json"
    if not file.is_file():
        problem = Problem(
            say("there is no traffic model yet"),
            say("run `surgeplan forecast {id}` first", id=plan.id),
            file=f"out/{plan.id}/traffic.json",
        )
        raise UserError(problem)
    return read_json(file, f"out/{plan.id}/traffic.json", TrafficModel).as_of_utc
