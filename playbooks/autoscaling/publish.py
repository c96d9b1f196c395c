"""Writes `out/<id>/playbook/`'s autoscaling part from the traffic model, the capacities and the limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from campaign.console import Progress, no_progress
from campaign.files import write_json, write_text
from campaign.language import say
from campaign.plan import Plan
from campaign.settings import Service
from campaign.spreadsheets import write_workbook
from campaign.workspace import SETTINGS, Workspace
from playbooks.autoscaling.assumed import assumptions
from playbooks.autoscaling.chart import draw_replay, draw_risk
from playbooks.autoscaling.inputs import (
    ReadTraffic,
    merged_traffic,
    read_facts,
    read_together,
    settings_inputs,
    sharing,
    zone_of,
)
from playbooks.autoscaling.manifests.bundle import bundle
from playbooks.autoscaling.manifests.document import Setting, require_distinct_names
from playbooks.autoscaling.order_book import order_sheets
from playbooks.autoscaling.plan import AutoscalingPlan
from playbooks.autoscaling.planning import Answer, Question, plan_services, shared_names
from playbooks.autoscaling.policy import read_policy, with_targets
from playbooks.autoscaling.resources import resources
from playbooks.autoscaling.step_table import step_table
from playbooks.autoscaling.try_out import with_try_out


@dataclass(frozen=True)
class Made:
    """A plan that is not written yet, with what its pictures and tables are drawn from."""

    plan: AutoscalingPlan
    question: Question
    answer: Answer


def publish_autoscaling(
    workspace: Workspace,
    campaign_id: str,
    now: datetime,
    progress: Progress = no_progress,
    targets: Sequence[str] = (),
) -> AutoscalingPlan:
    """Plan a campaign's replicas and write the plan, its table and its manifests.

    `now` decides what is too late and what is historical; `targets` the folders of manifests, the policy's where empty.

    Raises:
        UserError: no such campaign, no traffic model, no capacity, or a limit below what runs today.
    """
    made = make_plan(workspace, campaign_id, now, progress, targets)
    folder, question = workspace.out(campaign_id) / "playbook", made.question
    setting = Setting(made.plan, question.policy, question.zone)
    progress(say("pictures and manifests"), 0, 1)
    _draw(folder, setting, made)
    services = {name: fact.service for name, fact in question.facts.items()}
    write_plan(folder, setting, services, workspace.plan(campaign_id).title)
    progress(say("pictures and manifests"), 1, 1)
    return made.plan


def make_plan(
    workspace: Workspace,
    campaign_id: str,
    now: datetime,
    progress: Progress = no_progress,
    targets: Sequence[str] = (),
) -> Made:
    """The plan as `publish_autoscaling` would write it, with nothing written."""
    campaign = workspace.plan(campaign_id)
    policy = read_policy(workspace.folder)
    policy = with_targets(policy, targets) if targets else policy
    zone = zone_of(workspace, campaign)
    together = sharing(workspace, campaign, policy)
    reads = read_together(workspace, campaign_id, together)
    traffic = merged_traffic(list(reads.values()))
    facts, unknown, capacity_inputs = read_facts(workspace, campaign, traffic, policy)
    require_distinct_names(list(facts), SETTINGS)
    question = Question(together, workspace.settings, policy, traffic, facts, zone)
    answer = plan_services(question, progress)
    own = reads[campaign_id]
    others = [other for other in workspace.plans if other not in together]
    plan = AutoscalingPlan(
        campaign=campaign_id,
        shared_with=shared_names(together, campaign_id),
        model=own.inputs[f"out/{campaign_id}/traffic.json"],
        as_of_utc=own.model.as_of_utc,
        historical=campaign.starts_at <= now,
        time_zone=zone.key,
        currency=workspace.settings.currency,
        starts_at_utc=traffic.time_of(answer.window.first),
        ends_at_utc=traffic.time_of(answer.window.last),
        inputs=_inputs(workspace, together, list(reads.values()), capacity_inputs),
        services=with_try_out(answer.services, workspace.settings.limits, others, policy, now),
        not_planned={name: str(why) for name, why in unknown.items()},
        assumptions=tuple(str(text) for text in assumptions(question, answer.services, reads, now)),
    )
    return Made(plan, question, answer)


def _draw(folder: Path, setting: Setting, made: Made) -> None:
    """Both pictures and the workbook."""
    draw_replay(folder / "autoscaling.svg", setting, made.answer.pictures)
    draw_risk(folder / "risk_against_cost.svg", setting)
    lines = resources(made.question, made.answer.window, made.plan)
    write_workbook(folder / "resources.xlsx", order_sheets(lines, made.question, made.plan))


def write_plan(folder: Path, setting: Setting, services: dict[str, Service], title: str) -> None:
    """Write every file of the plan into the playbook's folder, the record last."""
    for name, files in bundle(setting, services).items():
        write_folder(folder / name, files)
    write_text(folder / "autoscaling.md", step_table(setting.plan, title))
    write_json(folder / "autoscaling.json", setting.plan.model_dump(mode="json"))


def write_folder(folder: Path, files: dict[str, str]) -> None:
    """Write the files and take away what an earlier plan left there: an old step must not be applied with the new."""
    for name, text in files.items():
        write_text(folder / name, text)
    for stale in folder.glob("*"):
        if stale.is_file() and stale.name not in files:
            stale.unlink()
    if folder.is_dir() and not any(folder.iterdir()):
        folder.rmdir()


def _inputs(
    workspace: Workspace, together: tuple[Plan, ...], reads: list[ReadTraffic], capacities: dict[str, str]
) -> dict[str, str]:
    found = settings_inputs(workspace, together) | capacities
    for read in reads:
        found |= read.inputs
    return dict(sorted(found.items()))
