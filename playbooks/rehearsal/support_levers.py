"""What people at a desk, and a better bot, buy: each change played again on the same paths."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from campaign.console import Progress
from campaign.language import Text, say
from campaign.numbers import Quantity, percent
from campaign.words import Words
from playbooks.rehearsal.inputs import Inputs
from playbooks.rehearsal.record import Lever
from playbooks.rehearsal.support import (
    HALF_HOUR_HOURS,
    Support,
    SupportDesk,
    TicketRules,
    with_agents,
    with_better_bot,
    working,
)  # fmt: skip
from playbooks.rehearsal.support_judging import breaking, supported, unserved
from playbooks.simulation.desks import DeskPlayed
from playbooks.simulation.event import Played

PEOPLE_RATIOS = (0.05, 0.1, 0.2, 0.35, 0.5)
BOT_POINTS = 5.0


def support_levers(inputs: Inputs, played: Played, progress: Progress) -> tuple[Lever, ...]:
    """For each desk: the fewest of a few numbers of people more that keep its promise as often as planned, or a tenth
    where it is kept already; and its bot resolving five more of a hundred. Only what changes something.
    """
    support = inputs.support
    if support is None:
        return ()
    before, found = supported(inputs, played), []
    for done, desk in enumerate(support.desks):
        progress(say("levers of support"), done, len(support.desks))
        found += [
            _lever(support, desk, before[desk.name], words, met, cost)
            for words, met, cost in _changes(inputs, played, support, desk, before[desk.name])
            if (unserved(desk, before[desk.name]) - unserved(desk, met)).mean() >= 1
        ]
    progress(say("levers of support"), len(support.desks), len(support.desks))
    return tuple(found)


def _changes(
    inputs: Inputs, played: Played, support: Support, desk: SupportDesk, before: DeskPlayed
) -> Iterator[tuple[Text, DeskPlayed, float | None]]:
    most = float((desk.seats * working(desk)).max(initial=0.0)) / desk.at_work_ratio
    broken = float(breaking(desk, before).mean()) > support.accepted_ratio
    for ratio in PEOPLE_RATIOS if broken else PEOPLE_RATIOS[1:2]:
        more = max(1, round(ratio * most))
        met = _again(inputs, played, with_agents(support, desk.name, more), desk.name)
        if float(breaking(desk, met).mean()) <= support.accepted_ratio or ratio == PEOPLE_RATIOS[-1]:
            hours = more * HALF_HOUR_HOURS * float(working(desk).sum())
            cost = None if desk.cost_per_agent_hour is None else hours * desk.cost_per_agent_hour
            words = say("{count} more people on {desk} in every working half-hour", count=more, desk=desk.name)
            yield words, met, cost
            break
    if desk.bot:
        met = _again(inputs, played, with_better_bot(support, desk.name, BOT_POINTS), desk.name)
        yield (
            say("the bot of {desk} resolves {points:g} more of a hundred", desk=desk.name, points=BOT_POINTS),
            met,
            None,
        )


def _again(inputs: Inputs, played: Played, support: Support, desk: str) -> DeskPlayed:
    return supported(replace(inputs, support=support), played, desk)[desk]


def _lever(
    support: Support, desk: SupportDesk, before: DeskPlayed, words: Text, after: DeskPlayed, cost: float | None
) -> Lever:
    fewer = float(np.mean(unserved(desk, before) - unserved(desk, after)))
    values = {
        "before": percent(float(breaking(desk, before).mean())),
        "after": percent(float(breaking(desk, after).mean())),
        "count": Quantity(fewer),
    }
    late = say("promise broken in {after} of events instead of {before}; {count} fewer are late")
    gone = say("promise broken in {after} of events instead of {before}; {count} fewer give up")
    effect = Text((late if isinstance(desk.rules, TicketRules) else gone).message, values)
    return Lever(change=Words.of(words), saved_orders=0.0, saved_value=None, cost=cost, effect=Words.of(effect))
