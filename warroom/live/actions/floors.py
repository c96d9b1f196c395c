"""`out/<id>/live/floors/`: the plan's steps for each executor with the floors that were decided on, so that none is
lowered by a step that was planned before."""

from __future__ import annotations

from campaign.files import write_json
from campaign.workspace import Workspace
from playbooks.autoscaling.holds import held
from playbooks.autoscaling.manifests.bundle import steps_alone
from playbooks.autoscaling.manifests.document import Setting
from playbooks.autoscaling.policy import read_policy
from playbooks.autoscaling.publish import write_folder
from warroom.handed import campaign_events
from warroom.live.actions.holding import floors_folder, holds_of
from warroom.live.actions.log import acts_of
from warroom.live.policy import rules_of
from warroom.push.carried import autoscaling_plan


def write_floors(workspace: Workspace, campaign: str) -> None:
    """Write them anew from the plan and the log; nothing where there is no plan, or nobody decided on a floor.

    Raises:
        UserError: the plan, its policy, rules.yaml or the log cannot be read.
    """
    plan = autoscaling_plan(workspace.out(campaign) / "playbook" / "autoscaling.json")
    acts = acts_of(campaign_events(workspace, campaign), campaign)
    holds = holds_of(acts, rules_of(workspace).live.levers.scale.hours)
    if plan is None or not any(hold.service in plan.services for hold in holds):
        return
    setting = Setting(
        held(plan, holds), read_policy(workspace.folder), workspace.settings.zone_of(workspace.plan(campaign))
    )
    folder = workspace.folder / floors_folder(campaign)
    for target, files in steps_alone(setting, holds).items():
        write_folder(folder / target, files)
    write_json(folder / "autoscaling.json", setting.plan.model_dump(mode="json"))
