"""Makes the checklist of a campaign from its workspace, and writes it as people and scripts take it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from campaign.documents import read_json
from campaign.errors import UserError
from campaign.files import write_bytes, write_json, write_text
from campaign.language import Language, current_language, say
from campaign.plan import Plan
from campaign.readiness import Checklist
from campaign.spreadsheets import write_workbook
from campaign.store.events import Event
from campaign.words import Words
from campaign.workspace import Workspace, default_as_of
from playbooks.readiness.evaluate import choose_items, evaluate, gate_states
from playbooks.readiness.evidence import Evidence
from playbooks.readiness.gather import ReadFiles, gather
from playbooks.readiness.handover import handover_texts
from playbooks.readiness.invitations import calendar_file
from playbooks.readiness.pages import as_markdown, as_page, as_sheets
from playbooks.readiness.policy import ChecklistPolicy, read_checklist_policy
from playbooks.readiness.reopened import reopened
from playbooks.readiness.tier import load_ratio, tier_of


@dataclass(frozen=True)
class Review:
    """A checklist and what it was made from."""

    checklist: Checklist
    evidence: Evidence
    policy: ChecklistPolicy


def review(
    workspace: Workspace,
    campaign: str,
    now: datetime,
    log: Sequence[Event] | None = None,
    read: ReadFiles | None = None,
) -> Review:
    """The campaign's items and gates with their states at `now`; nothing is written.

    `log` stands in for the workspace's own event log (an act sees the one of its own transaction), `read` for reading
    the workspace's files.

    Raises:
        UserError: no such campaign, an edited log, or a file that cannot be read.
    """
    policy = read_checklist_policy(workspace.folder)
    evidence = gather(workspace, campaign, log, read)
    plan = evidence.plan
    ratio, assumptions = load_ratio(evidence.traffic, workspace.settings, evidence.capacities)
    tier = tier_of(ratio, policy.tier_below)
    if tier not in policy.four_eyes:
        assumptions.append(
            say("four eyes is switched off for tier {tier}: authors may sign their own gates", tier=tier)
        )
    waves = tuple(p for p in workspace.plans if p.id == plan.id or (plan.part_of and p.part_of == plan.part_of))
    items = evaluate(choose_items(policy, tier, evidence, waves), evidence, now)
    checklist = Checklist(
        campaign=plan.id,
        tier=tier,
        tier_ratio=ratio,
        evaluated_at_utc=now,
        historical=evidence.traffic.historical if evidence.traffic else False,
        items=items,
        gates=gate_states(policy, items, tier, evidence),
        inputs=evidence.inputs,
        assumptions=tuple(Words.of(text) for text in assumptions),
        bundle=evidence.bundle.hash if evidence.bundle else None,
        demands=_demands(evidence),
    )
    return Review(checklist, evidence, policy)


def _demands(evidence: Evidence) -> dict[str, str]:
    """What the model's version of the plan asks for, and today's, by the hash of the plan's file."""
    now = dict.fromkeys(evidence.plan_hashes, evidence.binding.parts["demand"])
    forecast = evidence.traffic.inputs.get(evidence.plan_file) if evidence.traffic else None
    kept = {key: value for key, value in evidence.demands.items() if key == forecast}
    return kept | {key: now[key] for key in sorted(now)}


def publish_checklist(workspace: Workspace, campaign: str, now: datetime) -> Checklist:
    """Make the checklist and write `out/<id>/playbook/checklist.json|md|html|xlsx` and `warroom.ics`.

    Raises:
        UserError: no such campaign, an edited log, a file that cannot be read, or a folder that cannot be written to.
    """
    checklist = review(workspace, campaign, now).checklist
    plan, folder = workspace.plan(campaign), workspace.out(campaign) / "playbook"
    checklist = checklist.model_copy(update={"reopened": reopened(_before(folder / "checklist.json"), checklist)})
    zone = workspace.settings.zone_of(plan)
    write_json(folder / "checklist.json", checklist.model_dump(mode="json"))
    write_text(folder / "checklist.md", as_markdown(checklist, plan, zone))
    write_text(folder / "checklist.html", as_page(checklist, plan, zone))
    write_workbook(folder / "checklist.xlsx", as_sheets(checklist, zone))
    ics = calendar_file(checklist, plan, zone, _stamp(workspace, plan, now))
    write_bytes(folder / "warroom.ics", lambda file: file.write(ics))
    return checklist


def _before(file: Path) -> Checklist | None:
    """The checklist as it was written last; one that cannot be read any more only cannot be compared with."""
    try:
        return read_json(file, file.name, Checklist)
    except UserError:
        return None


def publish_handover(workspace: Workspace, campaign: str, now: datetime, frozen: Event) -> str:
    """Write the hand-over message in every language, and the checklist and calendar with the bundle's hash.

    Returns the message in the reader's language.

    Raises:
        UserError: a file that cannot be read, or a folder that cannot be written to.
    """
    made = review(workspace, campaign, now)
    zone = workspace.settings.zone_of(made.evidence.plan)
    texts = handover_texts(made.checklist, made.evidence, frozen.hash, zone)
    for language, text in texts.items():
        write_text(_handover_file(workspace, campaign, language), text)
    publish_checklist(workspace, campaign, now)
    return texts[current_language()]


def handover_text(workspace: Workspace, campaign: str) -> str | None:
    """The hand-over message as it was written last, in the reader's language; None before the first."""
    file = _handover_file(workspace, campaign, current_language())
    return file.read_text("utf-8") if file.is_file() else None


def _handover_file(workspace: Workspace, campaign: str, language: Language) -> Path:
    return workspace.out(campaign) / f"handover.{language}.txt"


def _stamp(workspace: Workspace, plan: Plan, now: datetime) -> datetime:
    """When the calendar's events were settled: as of D-3 at the latest, whole seconds."""
    return default_as_of(plan, now).replace(microsecond=0)
