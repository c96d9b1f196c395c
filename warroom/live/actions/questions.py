"""Questions that the bot could take off people: counted in this campaign so far where history has intents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np

from campaign.plan import Plan
from campaign.workspace import Workspace
from playbooks.staffing.counted import Counted, mix_of, read_counts
from playbooks.staffing.policy import Intent, shipped_policy
from warroom.live.actions.desks import DeskAhead, three
from warroom.live.actions.records import Effect, Range

WORKING_HOURS = 8
QUESTIONS = "questions"


@dataclass(frozen=True)
class Question:
    """One intent at one desk. unresolved_ratio: of all who ask it, those whom the bot leaves to people."""

    desk: DeskAhead
    intent: Intent
    unresolved_ratio: float

    @property
    def hours(self) -> float:
        return self.intent.effort_days * WORKING_HOURS


def counted_so_far(workspace: Workspace, plan: Plan, now: datetime) -> Counted | None:
    """Contacts by intent in this campaign so far; where none came yet, as earlier campaigns had them. Reads all of
    history's contacts: for a sync, not for a page."""
    files, zone = workspace.history_files("contacts"), workspace.settings.zone
    if now > plan.starts_at:
        own = read_counts(files, zone, now, [plan.model_copy(update={"ends_at": now})])
        if own is not None and own.in_campaigns:
            return own
    return read_counts(files, zone, now, workspace.plans)


def as_document(counted: Counted) -> dict[str, Any]:
    """Counts as a sync keeps them for pages."""
    return vars(counted)


def of_document(document: tuple[datetime, dict[str, Any]] | None) -> Counted | None:
    return Counted(**document[1]) if document else None


def questions_of(desk: DeskAhead, counted: Counted | None) -> Iterator[Question]:
    """What is asked at a desk that has a bot."""
    if desk.desk.bot is None:
        return
    mix = mix_of(desk.desk.name, counted, shipped_policy().intents)
    usual = 1.0 - desk.desk.bot.resolved_ratio.mid
    for intent in mix.intents:
        yield Question(desk, intent, mix.unresolved_ratio.get(intent.id, usual))


def bot_effect(asked: Question, works_at: datetime, ends_at: datetime, lift: float) -> Effect | None:
    """Contacts a half-hour that people have fewer in the busiest half-hour that is left once the bot is trained; None
    where none is left."""
    desk = asked.desk
    left = desk.between(works_at, ends_at)
    left = left[desk.starts[left] >= works_at.timestamp()]
    if not len(left):
        return None
    ratio = -lift * asked.intent.share_ratio * asked.intent.gain_ratio
    top = int(left[int(desk.human[0, left].argmax())])
    first = left[:2]
    hour = ratio * np.mean([three(desk.human[:, i]) for i in first], axis=0)
    return Effect(
        "contacts", desk.desk.name, Range.of(ratio * three(desk.human[:, top])), desk.moment(top), Range.of(hour),
        desk.moment(int(first[0])),
    )  # fmt: skip
