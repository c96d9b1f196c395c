"""Actions at the service desk: people called in, and questions that the bot is trained for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from campaign.language import Text, say
from campaign.numbers import percent
from playbooks.staffing.policy import Intent
from playbooks.staffing.training import question
from warroom.live.actions.desks import DeskAhead, agents_effect, agents_most, agents_wanted, worst_half_hour
from warroom.live.actions.now import Action, Now, lever
from warroom.live.actions.questions import bot_effect, questions_of
from warroom.live.actions.records import Lever

CALLED_FOR = timedelta(hours=2)
QUESTIONS_MOST = 3


def agents(now: Now) -> Iterator[Lever]:
    """For each desk that would miss its promise soon: the people who keep it."""
    for name, desk in now.desks.items():
        worst = _worst(now, desk)
        if worst is not None:
            yield from calling_in(now, name, agents_wanted(desk, worst, now.lift))


def calling_in(now: Now, name: str, more: int) -> Iterator[Lever]:
    """So many people more at one desk; nothing where it is shut, keeps no queue, or may not have as many."""
    desk, hours = now.desks[name], now.rule("agents").hours
    worst = _worst(now, desk)
    if worst is None or not 0 < more <= agents_most(desk, worst):
        return
    effect = agents_effect(desk, worst, more, now.lift, now.works_at(hours))
    title = say("call in {count} people to {desk}", count=more, desk=name)
    base = float(desk.rostered[worst])
    action = Action("agents", f"{name}:{more}", name, more, title, _how(now, desk, worst), hours, more, base)
    yield lever(now, action, (effect,), {})


def _worst(now: Now, desk: DeskAhead) -> int | None:
    works_at = now.works_at(now.rule("agents").hours)
    return worst_half_hour(desk, works_at, works_at + CALLED_FOR, now.lift)


def _how(now: Now, desk: DeskAhead, index: int) -> Text:
    before = float(desk.level(now.lift * desk.load[1:, index], desk.rostered[[index]])[0])
    return say(
        "from {at} on; with {people} on shift {level} are served in time at p90, {target} are promised",
        at=f"{desk.moment(index).astimezone(now.zone):%H:%M}",
        people=f"{desk.rostered[index]:g}",
        level=percent(before),
        target=percent(desk.desk.service_level.ratio),
    )


def _asked(now: Now, intent: Intent) -> Text:
    """How customers ask it; one about an offer, by the plan's first."""
    if not intent.per_offer:
        return question(intent.id, None)
    return question(intent.id, now.plan.offers[0]) if now.plan.offers else say("{intent}", intent=intent.id)


def questions(now: Now) -> Iterator[Lever]:
    """The questions with which a trained bot would take most contacts off people before the campaign ends."""
    rule, found = now.rule("bot"), []
    for desk in now.desks.values():
        for asked in questions_of(desk, now.counted):
            hours = rule.hours + asked.hours
            effect = bot_effect(asked, now.at + timedelta(hours=hours), now.plan.ends_at, now.lift)
            if effect is not None:
                found.append((effect, asked, hours))
    found.sort(key=lambda each: (each[0].largest.p50, each[0].name, each[1].intent.id))
    for effect, asked, hours in found[:QUESTIONS_MOST]:
        title = say("train the bot of {desk}: {question}", desk=effect.name, question=_asked(now, asked.intent))
        how = say("it leaves {share} of them to people today", share=percent(asked.unresolved_ratio))
        name = f"{effect.name}:{asked.intent.id}"
        yield lever(now, Action("bot", name, name, None, title, how, hours, rule.people), (effect,), {})
