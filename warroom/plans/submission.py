"""A plan sent in: checked, written over the file that was opened, committed in the sender's name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from campaign.documents import Document, read_yaml
from campaign.errors import Problem
from campaign.language import Language, Text, say
from campaign.plan import Plan
from campaign.plan_text import plan_text
from campaign.settings import Settings
from campaign.workspace import LEAD_DAYS, Workspace, check_plan
from warroom.plans import revisions
from warroom.plans.differences import differences
from warroom.plans.file import one_writer, revised, save

WORDS_IN_SUBJECT = 3


@dataclass(frozen=True)
class Sent:
    """What became of a submission: what changed in words, and what did not go well although it is saved."""

    changes: tuple[Text, ...]
    troubles: tuple[Problem, ...] = ()


def text_of(folder: Path, campaign: str) -> str:
    """The plan's file as it stands; empty where there is none yet."""
    path = folder / "campaigns" / f"{campaign}.yaml"
    return path.read_text("utf-8") if path.is_file() else ""


def content_of(folder: Path, campaign: str) -> dict[str, Any]:
    """What the plan's file says, times as the text they are written in; empty where there is no file yet."""
    path = folder / "campaigns" / f"{campaign}.yaml"
    content: dict[str, Any] = read_yaml(path, f"campaigns/{path.name}").content if path.is_file() else {}
    return content


def checked(content: Mapping[str, Any], settings: Settings) -> Plan:
    """The content as a plan of this workspace.

    Raises:
        UserError: every problem at once, each with its key.
    """
    return check_plan(Document(f"campaigns/{content.get('id', '')}.yaml", dict(content), {}), settings)


def is_frozen(workspace: Workspace, campaign: str, now: datetime) -> bool:
    """Whether operations has planned with it: a bundle was frozen, or three days before have come."""
    plan = next((plan for plan in workspace.plans if plan.id == campaign), None)
    if plan is None:
        return False
    return any((workspace.out(campaign) / "frozen").glob("*")) or now >= plan.starts_at - timedelta(days=LEAD_DAYS)


def submit(
    workspace: Workspace, content: Mapping[str, Any], opened: str, author: str, reason: str, zone: ZoneInfo
) -> Sent:
    """Write, commit and push one plan.

    Raises:
        UserError: the plan is wrong (nothing is written). ChangedMeanwhile: another version was saved since.
    """
    folder, campaign = workspace.folder, str(content["id"])
    plan = checked(content, workspace.settings)
    with one_writer(folder):
        before, text = content_of(folder, campaign), text_of(folder, campaign)
        made = revised(text, content) if text else plan_text(plan, zone, (), {})
        if not save(folder, campaign, made, opened):
            return Sent(())
        changes = differences(before, content_of(folder, campaign), zone)
        subject = _subject(campaign, changes if before else (), workspace.settings.language)
        return Sent(
            changes if before else (), revisions.keep(folder, (workspace.plan_file(campaign),), author, subject, reason)
        )


def _subject(campaign: str, changes: tuple[Text, ...], language: Language) -> str:
    if not changes:
        return say("{campaign}: plan submitted", campaign=campaign).speak(language)
    told = "; ".join(change.speak(language) for change in changes[:WORDS_IN_SUBJECT])
    more = len(changes) - WORDS_IN_SUBJECT
    if more > 0:
        told = say("{told} and {n} more", told=told, n=more).speak(language)
    return f"{campaign}: {told}"
