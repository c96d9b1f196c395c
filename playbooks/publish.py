"""The whole playbook of a campaign: autoscaling, staffing and checklist, one after the other."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from campaign.console import Progress
from campaign.language import say
from campaign.readiness import Checklist
from campaign.workspace import Workspace
from playbooks.autoscaling.plan import AutoscalingPlan
from playbooks.autoscaling.publish import publish_autoscaling
from playbooks.readiness.publish import publish_checklist
from playbooks.staffing.plan import StaffingPlan
from playbooks.staffing.publish import publish_staffing

STEPS = 3


@dataclass(frozen=True)
class Playbook:
    """What operations are given."""

    autoscaling: AutoscalingPlan
    staffing: StaffingPlan
    checklist: Checklist


def publish_playbook(workspace: Workspace, campaign: str, now: datetime, progress: Progress) -> Playbook:
    """Write `out/<campaign>/playbook/` from the traffic model and the measured or declared capacity.

    Raises:
        UserError: no such campaign, no traffic model yet, or a plan that its inputs do not allow.
    """
    progress(say("autoscaling"), 0, STEPS)
    autoscaling = publish_autoscaling(workspace, campaign, now, progress)
    progress(say("staffing"), 1, STEPS)
    staffing = publish_staffing(workspace, campaign, now, progress)
    progress(say("checklist"), 2, STEPS)
    checklist = publish_checklist(workspace, campaign, now)
    progress(say("checklist"), STEPS, STEPS)
    return Playbook(autoscaling, staffing, checklist)
