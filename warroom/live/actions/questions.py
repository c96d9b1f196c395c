"""Questions that the bot could take off people: counted in this campaign so far where history has intents."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from campaign.plan import Plan
from campaign.workspace import Workspace
from playbooks.staffing.counted import Counted, mix_of, read_counts
from playbooks.staffing.policy import Intent, shipped_policy
from warroom.live.actions.desks import DeskAhead, three
from warroom.live.actions.records import Effect, Range
from warroom.live.yardstick import stamp_of

WORKING_HOURS = 8
_COUNTED: dict[tuple[str, str], tuple[object, Counted | None]] = {}


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
    """Contacts by intent in this campaign so far; where none came yet, as earlier campaigns had them.

    Read again only when a file of contacts changes.
    """
    files = workspace.history_files("contacts")
    stamps = tuple(map(stamp_of, files))
    kept = _COUNTED.get((str(workspace.folder), plan.id))
    if kept is None or kept[0] != stamps:
        own = [plan.model_copy(update={"ends_at": now})] if now > plan.starts_at else []
        found = read_counts(files, workspace.settings.zone, now, own)
        if found is None or not found.in_campaigns:
            found = read_counts(files, workspace.settings.zone, now, workspace.plans)
        kept = (stamps, found)
        _COUNTED[str(workspace.folder), plan.id] = kept
    return kept[1]


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
