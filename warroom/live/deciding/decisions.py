"""Decisions while a campaign runs: who asked, who decided, why, what was expected and what came of it.

Each is written inside the log's own transaction, on what the log said before it: two taps, or two people at once, are
one decision.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from campaign.errors import Problem, UserError, nearest
from campaign.language import Text, say
from campaign.readiness import Role
from campaign.store.events import Act, Event
from campaign.workspace import Workspace
from playbooks.readiness.acts import Actor
from playbooks.readiness.labels import ROLE_LABELS
from playbooks.readiness.record import record_on_log
from warroom.handed import campaign_events
from warroom.live.actions.floors import write_floors
from warroom.live.actions.log import (
    ACT,
    DECLINE,
    REQUEST,
    UNDO,
    Acts,
    Decision,
    Request,
    act_on,
    acts_of,
    declined,
    request_for,
    undone,
)
from warroom.live.actions.records import Kind
from warroom.live.deciding.levers import lever_named
from warroom.live.policy import rules_of
from warroom.live.state import live_state

Verb = Literal["act", "request", "decline", "undo"]


class Already(Exception):
    """It was done before: `subject` and `kind` name the event that did it."""

    def __init__(self, kind: str, subject: str) -> None:
        self.kind, self.subject = kind, subject


@dataclass(frozen=True)
class Wanted:
    """What somebody wants done about one action. until: for how long a floor is raised; None: until it
    is taken back."""

    lever: str
    by: Actor
    reason: str
    at: datetime
    until: datetime | None = None


def decisions(workspace: Workspace, campaign: str) -> tuple[Decision, ...]:
    """Every decision on an action of the campaign, the oldest first, with what came of those whose hour is over.

    Raises:
        UserError: the log cannot be read.
    """
    return acts_of(campaign_events(workspace, campaign), campaign).decisions


def requests(workspace: Workspace, campaign: str) -> tuple[Request, ...]:
    """Every request for an action, the oldest first, answered or not."""
    return acts_of(campaign_events(workspace, campaign), campaign).requests


def take(workspace: Workspace, campaign: str, verb: Verb, wanted: Wanted) -> Event:
    """Decide on an action, ask for it, decline what was asked, or take a decision back; returns its event, the first
    one where it was done before.

    Raises:
        UserError: no such action now, no reason, not this actor's decision, or the log refuses.
    """
    if not wanted.reason.strip():
        raise _refusal(say("an action needs a reason"), say("add --reason: the retrospective will ask"), "--reason")
    makers = {"act": _deciding, "request": _asking, "decline": _declining, "undo": _undoing}
    log = campaign_events(workspace, campaign)
    try:
        make = makers[verb](workspace, campaign, wanted, acts_of(log, campaign))
        done = record_on_log(workspace, lambda events: make(acts_of(events, campaign)))
    except Already as already:
        return _event(campaign_events(workspace, campaign), already)
    if done.kind in (ACT, UNDO) and wanted.lever.startswith("scale:"):
        write_floors(workspace, campaign)
    return done


Make = Callable[[Acts], Act]


def _deciding(workspace: Workspace, campaign: str, wanted: Wanted, acts: Acts) -> Make:
    """The lever is worked out before the log is locked; whether it stands already is looked at again inside."""
    _refuse_twice(acts, wanted)
    lever = lever_named(workspace, live_state(workspace, campaign, wanted.at), wanted.lever)
    role = _decides(workspace, lever.kind, wanted.by)
    until = _until(lever.kind, wanted)

    def make(now: Acts) -> Act:
        _refuse_twice(now, wanted)
        return act_on(lever, campaign, wanted.by, role, wanted.at, wanted.reason, until, now)

    return make


def _until(kind: Kind, wanted: Wanted) -> datetime | None:
    """The time that a floor is raised for."""
    if kind != "scale":
        if wanted.until is not None:
            raise _refusal(say("only a floor is raised until a time"), say("leave it out, and take it back"), "--until")
        return None
    if wanted.until is not None and wanted.until <= wanted.at:
        raise _refusal(say("{at} is past", at=wanted.until.isoformat()), say("name a time to come"), "--until")
    return wanted.until


def _refuse_twice(acts: Acts, wanted: Wanted) -> None:
    before = acts.decision(wanted.lever, wanted.at)
    if before is None or acts.standing(before.kind, before.subject, wanted.at) != before:
        return
    if wanted.until not in (None, before.until):
        what = say("{lever} was decided on for another time", lever=wanted.lever)
        raise _refusal(what, say("take it back first (--undo)"), "--until")
    raise Already(ACT, before.id)


def _asking(workspace: Workspace, campaign: str, wanted: Wanted, acts: Acts) -> Make:
    _refuse_asked(acts, wanted)
    lever = lever_named(workspace, live_state(workspace, campaign, wanted.at), wanted.lever)

    def make(now: Acts) -> Act:
        _refuse_asked(now, wanted)
        return request_for(lever, campaign, wanted.by, wanted.at, wanted.reason)

    return make


def _refuse_asked(acts: Acts, wanted: Wanted) -> None:
    asked = acts.asked(wanted.lever)
    if asked is not None:
        raise Already(REQUEST, asked.id)
    _refuse_twice(acts, wanted)


def _declining(workspace: Workspace, campaign: str, wanted: Wanted, acts: Acts) -> Make:
    def make(now: Acts) -> Act:
        asked = now.asked(wanted.lever)
        if asked is None:
            before = next((r for r in reversed(now.requests) if r.lever == wanted.lever), None)
            if before is not None and before.answer == DECLINE:
                raise Already(DECLINE, before.id)
            raise _refusal(say("nobody asks for {lever}", lever=wanted.lever), say("see `surgeplan act ID`"))
        role = _decides(workspace, asked.kind, wanted.by)
        return declined(asked, campaign, wanted.by, role, wanted.at, wanted.reason)

    return make


def _undoing(workspace: Workspace, campaign: str, wanted: Wanted, acts: Acts) -> Make:
    def make(now: Acts) -> Act:
        of_lever = [d for d in now.decisions if wanted.lever in (d.lever, d.id)]
        if not of_lever:
            known = [decision.lever for decision in now.decisions if decision.stands]
            raise _refusal(say("nobody decided on {lever}", lever=wanted.lever), nearest(wanted.lever, known))
        if not of_lever[-1].stands:
            raise Already(UNDO, of_lever[-1].id)
        role = _decides(workspace, of_lever[-1].kind, wanted.by)
        return undone(of_lever[-1], campaign, wanted.by, role, wanted.at, wanted.reason)

    return make


def may_decide(workspace: Workspace, kind: Kind, by: Actor) -> Role | None:
    """As which of their roles somebody decides on actions of a kind; None where they may only ask."""
    decides: tuple[Role, ...] = getattr(rules_of(workspace).live.levers, kind).decides
    return next((role for role in decides if role in by.roles), None)


def _decides(workspace: Workspace, kind: Kind, by: Actor) -> Role:
    role = may_decide(workspace, kind, by)
    if role is None:
        decides = getattr(rules_of(workspace).live.levers, kind).decides
        names = ", ".join(str(ROLE_LABELS[each]) for each in decides)
        what = say("{name} does not decide on this: {roles} do", name=by.name, roles=names)
        raise _refusal(what, say("ask for it instead (--request), and they decide"), "--as")
    return role


def _event(events: Sequence[Event], already: Already) -> Event:
    return next(e for e in reversed(events) if (e.kind, e.subject) == (already.kind, already.subject))


def _refusal(what: Text, todo: Text, key: str = "") -> UserError:
    return UserError(Problem(what, todo, key=key))
