"""Writes `out/<id>/playbook/`'s autoscaling part from the traffic model, the capacities and the limits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from campaign.console import Progress, no_progress
from campaign.files import write_json, write_text
from campaign.language import Text, say
from campaign.plan import Plan
from campaign.settings import Service
from campaign.spreadsheets import write_workbook
from campaign.workspace import SETTINGS, Workspace
from playbooks.autoscaling.chart import draw_replay, draw_risk
from playbooks.autoscaling.inputs import (
    ReadTraffic,
    merged_traffic,
    read_facts,
    read_traffic,
    settings_inputs,
    sharing,
    zone_of,
)
from playbooks.autoscaling.known import notice_problem
from playbooks.autoscaling.limits import beyond_at_once, room
from playbooks.autoscaling.manifests.bundle import bundle
from playbooks.autoscaling.manifests.document import Setting, require_distinct_names
from playbooks.autoscaling.order_book import order_sheets
from playbooks.autoscaling.plan import AutoscalingPlan
from playbooks.autoscaling.planning import Answer, Question, plan_services, shared_names
from playbooks.autoscaling.policy import read_policy, with_targets
from playbooks.autoscaling.resources import resources
from playbooks.autoscaling.step_table import step_table


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
    campaign = workspace.plan(campaign_id)
    policy = read_policy(workspace.folder)
    policy = with_targets(policy, targets) if targets else policy
    zone = zone_of(workspace, campaign)
    own = read_traffic(workspace, campaign_id)
    together = sharing(workspace, campaign, policy)
    others = [
        read_traffic(workspace, plan.id)
        for plan in together
        if plan.id != campaign_id and (workspace.out(plan.id) / "traffic_paths.npz").is_file()
    ]
    reads = sorted([own, *others], key=lambda read: read.model.campaign)
    traffic = merged_traffic(reads)
    facts, unknown, capacity_inputs = read_facts(workspace, campaign, traffic, policy)
    require_distinct_names(list(facts), SETTINGS)
    question = Question(together, workspace.settings, policy, traffic, facts, zone)
    answer = plan_services(question, progress)
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
        inputs=_inputs(workspace, together, reads, capacity_inputs),
        services=answer.services,
        not_planned={name: str(why) for name, why in unknown.items()},
        assumptions=tuple(str(text) for text in _assumptions(question, answer, reads, now)),
    )
    services = {name: fact.service for name, fact in facts.items()}
    folder = workspace.out(campaign_id) / "playbook"
    setting = Setting(plan, policy, zone)
    progress(say("pictures and manifests"), 0, 1)
    draw_replay(folder / "autoscaling.svg", setting, answer.pictures)
    draw_risk(folder / "risk_against_cost.svg", setting)
    write_workbook(folder / "resources.xlsx", order_sheets(resources(question, answer.window, plan), question, plan))
    write_plan(folder, setting, services, campaign.title)
    progress(say("pictures and manifests"), 1, 1)
    return plan


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


def _assumptions(question: Question, answer: Answer, reads: list[ReadTraffic], now: datetime) -> list[Text]:
    """What holds for the whole plan."""
    policy, texts = question.policy, []
    texts.append(
        say(
            "today's HPA is taken to aim at {target:.0%} of {metric}; new nodes are taken to need {fast:g} to "
            "{slow:g} s",
            target=policy.hpa_target_ratio, metric=policy.hpa_metric,
            fast=policy.node_wait_seconds[0], slow=policy.node_wait_seconds[1],
        )
    )  # fmt: skip
    if not question.traffic.known_bursts.all():
        texts.append(
            say(
                "a minute's busiest 15 seconds are taken to be {burst:g} times its mean where seconds are unknown",
                burst=policy.burst_ratio,
            )
        )
    resolved = 1 - 1 / question.traffic.paths
    for name, service in answer.services.items():
        if service.quantile_ratio > resolved:
            texts.append(
                say(
                    "{service}: {paths} sample paths cannot tell a quantile of {quantile:.4g}; the largest path "
                    "is taken",
                    service=name, paths=question.traffic.paths, quantile=service.quantile_ratio,
                )
            )  # fmt: skip
        if not service.back_test.never_worse:
            texts.append(
                say(
                    "{service}: in the replay the plan is no better than the HPA alone; do not apply it unread",
                    service=name,
                )
            )
        if service.steps and service.steps[0].starts_at_utc > now:
            late = notice_problem(question.facts[name], service.steps[0].starts_at_utc, now)
            texts += [late] if late else []
    most = {name: service.replicas.most for name, service in answer.services.items()}
    for limit, needed in beyond_at_once(most, question.settings.limits):
        texts.append(
            say(
                "{limit}: the plan keeps it, but were every HPA at its maxReplicas at once they would take {needed:g} "
                "where {room:g} are left: their peaks lie apart, so watch it",
                limit=limit.name, needed=needed, room=room(limit),
            )
        )  # fmt: skip
    missing = [plan.id for plan in question.plans if plan.id not in {read.model.campaign for read in reads}]
    if missing:
        texts.append(
            say(
                "{campaigns} share a service and an hour but have no forecast of their own: these steps reach "
                "only as far as this campaign's traffic",
                campaigns=", ".join(missing),
            )
        )
    return texts
