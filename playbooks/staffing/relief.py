"""What helps a desk that is short: questions for a bot alone, and a desk that has people to lend at that time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from campaign.language import Text, say
from playbooks.staffing.planning import DeskFigures
from playbooks.staffing.policy import StaffingPolicy
from playbooks.staffing.training import TrainingRow

QUESTIONS = 2


@dataclass(frozen=True)
class Relief:
    """For one desk at its peak. questions: those a bot takes most people's work with; bot_desk: whose bot it is.

    lender: the desk with most people to spare then, and how many; none where nobody has any.
    """

    questions: tuple[Text, ...]
    bot_desk: str | None
    lender: str | None
    lent: int


def relief_of(
    figures: DeskFigures, everyone: Sequence[DeskFigures], training: Sequence[TrainingRow], policy: StaffingPolicy
) -> Relief:
    name = figures.ready.name
    bots = [one.ready.name for one in everyone if one.ready.desk.bot]
    bot_desk = name if name in bots else bots[0] if bots else None
    ranked = sorted(training, key=lambda row: -row.saved_by_desk.get(bot_desk or name, 0.0))
    spare = {one.ready.name: _spare(one, figures.peak, policy) for one in everyone if one is not figures}
    lender = max(spare, key=lambda desk: spare[desk], default=None)
    if lender is None or spare[lender] < 1:
        return Relief(tuple(row.question for row in ranked[:QUESTIONS]), bot_desk, None, 0)
    return Relief(tuple(row.question for row in ranked[:QUESTIONS]), bot_desk, lender, spare[lender])


def _spare(figures: DeskFigures, at: int, policy: StaffingPolicy) -> int:
    """People a desk can lend: those beyond its need; of a ticket desk a share of all, because tickets can wait."""
    if not figures.open[at]:
        return 0
    if figures.ready.rules is None:
        return int(np.floor(figures.rostered[at] * policy.triggers.lend_from_tickets_ratio))
    return max(0, int(np.floor(figures.rostered[at] - figures.required[at] + 1e-9)))


def bot_alone(relief: Relief, desk: str) -> Text:
    """What to leave to a bot: the desk's own, another desk's, or none."""
    asked = questions(relief)
    if relief.bot_desk == desk:
        return say("the bot alone, with a way out to a person, for: {questions}", questions=asked)
    if relief.bot_desk:
        return say("send to the bot of {desk}, by announcement and link: {questions}", desk=relief.bot_desk,
                   questions=asked)  # fmt: skip
    return say("put ready answers on the page for: {questions}", questions=asked)


def questions(relief: Relief) -> Text:
    if not relief.questions:
        return say("the questions asked most")
    if len(relief.questions) == 1:
        return relief.questions[0]
    return say("{first} / {second}", first=relief.questions[0], second=relief.questions[1])


def borrow(relief: Relief) -> Text:
    if relief.lender is None:
        return say("ask for overtime: no other desk has people to spare at that time")
    return say("borrow up to {count} trained people from {desk}", count=relief.lent, desk=relief.lender)
