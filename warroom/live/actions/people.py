"""Actions at the service desk: people called in, and questions that the bot is trained for."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from campaign.language import Text, say
from campaign.numbers import percent
from playbooks.staffing.training import question
from warroom.live.actions.desks import DeskAhead, agents_effect, agents_wanted, worst_half_hour
from warroom.live.actions.now import Action, Now, lever
from warroom.live.actions.questions import bot_effect, questions_of
from warroom.live.actions.records import Lever

CALLED_FOR = timedelta(hours=2)
QUESTIONS_MOST = 3


def agents(now: Now) -> Iterator[Lever]:
    """For each desk that would miss its promise soon: the people who keep it."""
    rule = now.rule("agents")
    works_at = now.at + timedelta(hours=rule.hours)
    for name, desk in now.desks.items():
        worst = worst_half_hour(desk, works_at, works_at + CALLED_FOR, now.lift)
        more = agents_wanted(desk, worst, now.lift) if worst is not None else 0
        if worst is not None and more > 0:
            effect = agents_effect(desk, worst, more, now.lift, works_at)
            title = say("call in {count} people to {desk}", count=more, desk=name)
            action = Action("agents", f"{name}:{more}", name, more, title, _how(now, desk, worst), rule.hours, more)
            yield lever(now, action, (effect,), {})


def _how(now: Now, desk: DeskAhead, index: int) -> Text:
    before = float(desk.level(now.lift * desk.load[1:, index], desk.rostered[[index]])[0])
    return say(
        "from {at} on; with {people} on shift {level} are served in time at p90, {target} are promised",
        at=f"{desk.moment(index).astimezone(now.zone):%H:%M}",
        people=f"{desk.rostered[index]:g}",
        level=percent(before),
        target=percent(desk.desk.service_level.ratio),
    )


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
        title = say("train the bot of {desk}: {question}", desk=effect.name, question=question(asked.intent.id, None))
        how = say("it leaves {share} of them to people today", share=percent(asked.unresolved_ratio))
        name = f"{effect.name}:{asked.intent.id}"
        yield lever(now, Action("bot", name, name, None, title, how, hours, rule.people), (effect,), {})
