"""Actions in the log: asked for, decided, declined, taken back, and what came of them. Nothing here reads or writes.

A GO decision is of kind `decide`; these have kinds of their own. Whoever computes them, each is told once: a second tap
on the same action finds the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from campaign.language import Text
from campaign.store.events import Act, Event
from campaign.traffic import Sentence
from campaign.words import Words
from playbooks.readiness.acts import Actor
from warroom.live.actions.records import Effect, Kind, Lever, Range

ACT, REQUEST, DECLINE, UNDO, EFFECT = "act", "request", "decline", "undo", "effect"
MEASURED_FOR = timedelta(hours=1)
Verdict = Literal["told", "not-told-apart", "unknown"]


@dataclass(frozen=True)
class Outcome:
    """What came of a decision in the hour in which its effect was looked for.

    told: a change that chance does not explain (its range leaves out zero); not-told-apart: a change that may be none;
    unknown: nothing can be told. real: the change, of the measure that was expected; observed: what came; without: what
    would have come without it. why: what is missing; beside a change, how it was measured where that is not as usual.
    together: other decisions that worked on the same in that hour.
    """

    verdict: Verdict
    real: Range | None = None
    observed: float | None = None
    without: Range | None = None
    why: Text | None = None
    together: tuple[str, ...] = ()
    at: datetime | None = None


@dataclass(frozen=True)
class Decision:
    """One action that was decided on, with what was expected of it. id: as the log has it.

    until: the time that a floor is raised for; None: until it is taken back. ended_at, ended_by: when that was, and
    by whom. outcome: None until its hour is over and told.
    """

    id: str
    lever: str
    kind: Kind
    subject: str
    amount: float | None
    base: float | None
    title: Words
    by: str
    role: str
    at: datetime
    reason: str
    effects: tuple[Effect, ...]
    asked_by: str | None = None
    until: datetime | None = None
    ended_at: datetime | None = None
    ended_by: str | None = None
    outcome: Outcome | None = None

    @property
    def stands(self) -> bool:
        return self.ended_at is None

    def holds(self, now: datetime) -> bool:
        """Neither taken back nor past its time."""
        return self.stands and (self.until is None or now < self.until)

    @property
    def effect(self) -> Effect:
        return self.effects[0]

    @property
    def looked_for(self) -> tuple[datetime, datetime]:
        """The hour in which its effect is looked for."""
        return self.effect.starts, self.effect.starts + MEASURED_FOR


@dataclass(frozen=True)
class Request:
    """An action that somebody asked for. answer: `act` or `decline` once somebody whose decision it is gave one."""

    id: str
    lever: str
    kind: Kind
    subject: str
    title: Words
    by: str
    role: str
    at: datetime
    reason: str
    answer: str | None = None
    answered_by: str | None = None

    @property
    def open(self) -> bool:
        return self.answer is None


@dataclass(frozen=True)
class Acts:
    """Decisions and requests of one campaign in the order in which they were made."""

    decisions: tuple[Decision, ...] = ()
    requests: tuple[Request, ...] = ()

    def standing(self, kind: Kind, subject: str, now: datetime) -> Decision | None:
        """What holds of a kind on a subject: its newest decision, unless that was taken back; of floors the highest,
        for none lowers another."""
        own = [d for d in self.decisions if (d.kind, d.subject) == (kind, subject)]
        if kind == "scale":
            return max((d for d in reversed(own) if d.holds(now)), key=lambda d: d.amount or 0.0, default=None)
        return own[-1] if own and own[-1].holds(now) else None

    def decision(self, lever: str, now: datetime) -> Decision | None:
        """The decision on this very action that holds."""
        return next((d for d in reversed(self.decisions) if d.holds(now) and d.lever == lever), None)

    def asked(self, lever: str) -> Request | None:
        """The open request for this very action."""
        return next((r for r in self.requests if r.open and r.lever == lever), None)


def acts_of(events: Iterable[Event], campaign: str) -> Acts:
    """Everything that was asked, decided, taken back and told of one campaign."""
    decisions: dict[str, Decision] = {}
    requests: dict[str, Request] = {}
    for event in (event for event in events if event.campaign == campaign):
        if event.kind == ACT:
            decisions[event.subject] = _decision(event)
            answered = event.body.get("answers")
            if answered in requests:
                requests[answered] = replace(requests[answered], answer=ACT, answered_by=event.actor)
        elif event.kind == REQUEST:
            requests[event.subject] = _request(event)
        elif event.kind == DECLINE and event.subject in requests:
            requests[event.subject] = replace(requests[event.subject], answer=DECLINE, answered_by=event.actor)
        elif event.kind == UNDO and event.subject in decisions:
            before = decisions[event.subject]
            decisions[event.subject] = replace(before, ended_at=event.at_utc, ended_by=event.actor)
        elif event.kind == EFFECT and event.subject in decisions:
            decisions[event.subject] = replace(decisions[event.subject], outcome=_outcome(event))
    return Acts(tuple(decisions.values()), tuple(requests.values()))


def act_on(
    lever: Lever, campaign: str, by: Actor, role: str, now: datetime, reason: str, until: datetime | None, acts: Acts
) -> Act:
    """The decision as an act; what it answers is the open request for the same. until: as in `Decision`."""
    asked = acts.asked(lever.id)
    effect = lever.effect
    body = _about(lever, reason) | {
        "base": lever.base,
        "until": until.isoformat() if until else None,
        "expected": [_effect_body(each) for each in lever.effects],
        "service": effect.name if effect.measure in ("requests", "capacity") else None,
        "expected_requests_per_second": effect.hour.p50 if effect.measure == "requests" else None,
        "answers": asked.id if asked else None,
        "asked_by": asked.by if asked else None,
    }
    return _act(ACT, campaign, f"{lever.id}/{_stamp(now)}", by.name, role, now, body)


def request_for(lever: Lever, campaign: str, by: Actor, now: datetime, reason: str) -> Act:
    return _act(REQUEST, campaign, f"{lever.id}/{_stamp(now)}", by.name, by.roles[0], now, _about(lever, reason))


def declined(request: Request, campaign: str, by: Actor, role: str, now: datetime, reason: str) -> Act:
    return _act(DECLINE, campaign, request.id, by.name, role, now, _answer(request, reason))


def undone(decision: Decision, campaign: str, by: Actor, role: str, now: datetime, reason: str) -> Act:
    return _act(UNDO, campaign, decision.id, by.name, role, now, _answer(decision, reason))


def _answer(to: Request | Decision, reason: str) -> dict[str, Any]:
    return {"lever": to.lever, "title": to.title.model_dump(), "reason": reason}


def effect_of(decision: Decision, campaign: str, outcome: Outcome, now: datetime) -> Act:
    """What came of a decision, as an act of the program."""
    body = {
        "lever": decision.lever,
        "verdict": outcome.verdict,
        "measure": decision.effect.measure,
        "name": decision.effect.name,
        "real": vars(outcome.real) if outcome.real else None,
        "observed": outcome.observed,
        "without": vars(outcome.without) if outcome.without else None,
        "why": Sentence.of(outcome.why).model_dump() if outcome.why else None,
        "together": list(outcome.together),
    }
    return _act(EFFECT, campaign, decision.id, "surgeplan", "surgeplan", now, body)


def _about(lever: Lever, reason: str) -> dict[str, Any]:
    return {
        "lever": lever.id,
        "action": lever.kind,
        "subject": lever.subject,
        "amount": lever.amount,
        "title": Words.of(lever.title).model_dump(),
        "reason": reason,
    }


def _act(kind: str, campaign: str, subject: str, actor: str, role: str, now: datetime, body: dict[str, Any]) -> Act:
    return Act(kind=kind, campaign=campaign, subject=subject, actor=actor, role=role, at_utc=now, body=body)


def _stamp(now: datetime) -> str:
    return f"{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def _effect_body(effect: Effect) -> dict[str, Any]:
    return {
        "measure": effect.measure,
        "name": effect.name,
        "largest": vars(effect.largest),
        "at": effect.at.isoformat(),
        "hour": vars(effect.hour),
        "starts": effect.starts.isoformat(),
    }


def _decision(event: Event) -> Decision:
    body = event.body
    return Decision(
        id=event.subject,
        lever=body["lever"],
        kind=body["action"],
        subject=body["subject"],
        amount=body["amount"],
        base=body["base"],
        title=Words(**body["title"]),
        by=event.actor,
        role=event.role,
        at=event.at_utc,
        reason=body["reason"],
        effects=tuple(_effect(each) for each in body["expected"]),
        asked_by=body["asked_by"],
        until=datetime.fromisoformat(body["until"]) if body.get("until") else None,
    )


def _effect(body: dict[str, Any]) -> Effect:
    return Effect(
        body["measure"],
        body["name"],
        Range(**body["largest"]),
        datetime.fromisoformat(body["at"]),
        Range(**body["hour"]),
        datetime.fromisoformat(body["starts"]),
    )


def _request(event: Event) -> Request:
    body = event.body
    return Request(
        id=event.subject,
        lever=body["lever"],
        kind=body["action"],
        subject=body["subject"],
        title=Words(**body["title"]),
        by=event.actor,
        role=event.role,
        at=event.at_utc,
        reason=body["reason"],
    )


def _outcome(event: Event) -> Outcome:
    body = event.body
    return Outcome(
        verdict=body["verdict"],
        real=Range(**body["real"]) if body["real"] else None,
        observed=body["observed"],
        without=Range(**body["without"]) if body["without"] else None,
        why=Sentence(**body["why"]).text() if body["why"] else None,
        together=tuple(body["together"]),
        at=event.at_utc,
    )


def as_they_stand(levers: Sequence[Lever], acts: Acts, now: datetime) -> list[Lever]:
    """Levers with what was asked for and what was done: a service that was scaled further is scaled."""
    return [_as_it_stands(lever, acts, now) for lever in levers]


def _as_it_stands(lever: Lever, acts: Acts, now: datetime) -> Lever:
    done = acts.standing(lever.kind, lever.subject, now)
    if done is not None and (lever.amount is None or (done.amount or 0) >= lever.amount):
        return replace(lever, state="done", by=done.by, at=done.at, effects=done.effects)
    asked = acts.asked(lever.id)
    return replace(lever, state="asked", by=asked.by, at=asked.at) if asked else lever
