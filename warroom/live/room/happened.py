"""What happened so far, from the log: alerts, decisions, signatures, the freeze, each as one sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from campaign.language import Text, say
from campaign.moments import moment_name
from campaign.plan import Plan
from campaign.store.events import Event
from campaign.words import Words
from playbooks.readiness.labels import KIND_LABELS
from warroom.live.actions.log import ACT, DECLINE, EFFECT, REQUEST, UNDO, acts_of
from warroom.live.actions.words import outcome_words
from warroom.live.judging.alerts import KIND, standing_of
from warroom.live.judging.respond import title_of

ACTED = {
    ACT: say("decided: {what} ({reason})"),
    REQUEST: say("asked for: {what} ({reason})"),
    DECLINE: say("declined: {what} ({reason})"),
    UNDO: say("taken back: {what} ({reason})"),
}


@dataclass(frozen=True)
class Happened:
    """One thing that happened. by: who did it, empty where nobody did; role: in which role, or whose matter it is.

    shared: everybody's business (alerts, decisions, moments of the plan), not only that role's.
    """

    at: datetime
    what: Text
    by: str
    role: str
    shared: bool


def happened(events: Iterable[Event], plan: Plan, now: datetime) -> tuple[Happened, ...]:
    """Acts of the log and instants of the plan up to `now`, the newest first."""
    log = list(events)
    told = [*(_act(event) for event in log if event.kind != EFFECT), *_effects(log, plan)]
    told += _instants(plan, now)
    return tuple(sorted(told, key=lambda one: one.at, reverse=True))


def _effects(log: Iterable[Event], plan: Plan) -> Iterator[Happened]:
    """What came of decisions, when it was told."""
    for decision in acts_of(log, plan.id).decisions:
        if decision.outcome and decision.outcome.at:
            what = say("{what}: {outcome}", what=decision.title, outcome=outcome_words(decision))
            yield Happened(decision.outcome.at, what, "", decision.role, True)


def _act(event: Event) -> Happened:
    if event.kind == KIND:
        return Happened(event.at_utc, _alert(event), "", event.role, True)
    return Happened(event.at_utc, done_words(event), event.actor, event.role, event.kind not in ("sign", "waive"))


def _alert(event: Event) -> Text:
    standing = standing_of(event)
    words = {
        "fired": say("Level {level}: {alert}"),
        "raised": say("Raised to level {level}: {alert}"),
        "cleared": say("Cleared: {alert}"),
    }[event.body["change"]]
    return Text(words.message, {"level": standing.level, "alert": title_of(standing, None, None)})


def done_words(event: Event) -> Text:
    """An act in a sentence."""
    if event.kind in ACTED:
        what = Words(**event.body["title"])
        return Text(ACTED[event.kind].message, {"what": what, "reason": event.body["reason"]})
    words = KIND_LABELS.get(event.kind)
    done = Text(words.message, {"subject": event.subject}) if words else say("{kind} {subject}", **_named(event))
    verdict = event.body.get("verdict")
    return say("{done}: {verdict}", done=done, verdict=str(verdict)) if verdict else done


def _named(event: Event) -> dict[str, str]:
    return {"kind": event.kind, "subject": event.subject}


def _instants(plan: Plan, now: datetime) -> Iterable[Happened]:
    """Moments and sends that have passed, as the plan has them."""
    for moment in plan.moments:
        if moment.at <= now:
            yield Happened(moment.at, say("moment: {kind}", kind=moment_name(moment.kind)), "", "marketing", True)
    for channel in plan.channels:
        for send in channel.sends:
            if send.at <= now:
                yield Happened(send.at, say("planned send: {channel}", channel=channel.name), "", "marketing", True)
