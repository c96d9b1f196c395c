"""The main job: one campaign from its plan to the whole pack under `out/<id>/`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from campaign.console import Progress
from campaign.language import say
from campaign.plan import Plan
from campaign.traffic import TrafficModel
from campaign.workspace import Workspace
from forecast.publish import publish_forecast
from loadtest.build import Wanted
from loadtest.publish import publish_scenario
from loadtest.scenario import Scenario
from playbooks.publish import RehearsedPlaybook, publish_rehearsed_playbook
from surgeplan.war_room.making import war_room


@dataclass(frozen=True)
class Pack:
    """Everything that one run made."""

    plan: Plan
    traffic: TrafficModel
    scenario: Scenario
    playbook: RehearsedPlaybook


def run_campaign(
    workspace: Workspace, campaign: str, as_of: datetime | None, now: datetime, seed: int, progress: Progress
) -> Pack:
    """Forecast, load-test scenario, playbook and rehearsal of one campaign, each reading the files of the one before.

    Without any known capacity there are neither replicas nor a rehearsal; everything else is made.

    The playbook's clock is the forecast's as-of, so that the same inputs make the same pack on any day.

    Raises:
        UserError: whatever one of the steps refuses; what earlier steps wrote stays.
    """
    plan = workspace.plan(campaign)
    traffic = publish_forecast(workspace, campaign, as_of, now, seed, progress)
    progress(say("load-test scenario"), 0, 1)
    scenario = publish_scenario(workspace, campaign, Wanted(seed=seed))
    playbook = publish_rehearsed_playbook(workspace, campaign, traffic.as_of_utc, progress, war_room)
    return Pack(plan, traffic, scenario, playbook)
