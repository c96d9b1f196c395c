"""What can be done, what was asked for and what was decided, as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime, BaseModel

from campaign.language import Text
from campaign.workspace import Workspace
from warroom.handed import campaign_events
from warroom.live.actions.log import Acts, Decision, Outcome, Request, Verdict, acts_of
from warroom.live.actions.records import Effect, Kind, Lever, Measure, Range, State
from warroom.live.actions.scaling_words import scaling_lines
from warroom.live.actions.sends import Unlearned
from warroom.live.deciding.levers import levers, unlearned_sends
from warroom.live.state import live_state


class RangeAnswer(BaseModel):
    """A change with its sign."""

    p10: float
    p50: float
    p90: float


class EffectAnswer(BaseModel):
    """largest: at its largest, `at_utc`; hour: mean of the hour from `starts_at_utc`."""

    measure: Measure
    name: str
    largest: RangeAnswer
    at_utc: AwareDatetime
    hour: RangeAnswer
    starts_at_utc: AwareDatetime


class LeverAnswer(BaseModel):
    """One action, in response order."""

    lever: str
    kind: Kind
    state: State
    title: str
    how: str
    effects: tuple[EffectAnswer, ...]
    impact_per_hour: float | None
    headroom_before_ratio: float | None
    headroom_after_ratio: float | None
    hours: float
    people: float
    decides: tuple[str, ...]
    past_campaigns: int | None


class OutcomeAnswer(BaseModel):
    verdict: Verdict
    real: RangeAnswer | None
    observed: float | None
    without: RangeAnswer | None
    why: str | None
    together: tuple[str, ...]
    told_at_utc: AwareDatetime | None


class DecisionAnswer(BaseModel):
    """One decision; `outcome` once its hour is over and told. until_utc: the time that a floor is raised for."""

    id: str
    lever: str
    title: str
    by: str
    role: str
    at_utc: AwareDatetime
    reason: str
    asked_by: str | None
    until_utc: AwareDatetime | None
    ended_at_utc: AwareDatetime | None
    effects: tuple[EffectAnswer, ...]
    outcome: OutcomeAnswer | None


class RequestAnswer(BaseModel):
    lever: str
    title: str
    by: str
    at_utc: AwareDatetime
    reason: str
    answer: str | None


class UnlearnedAnswer(BaseModel):
    """A send still to come that cannot be held, because the forecast has no effect of it; why, and what to do."""

    send: str
    why: str


class LeversAnswer(BaseModel):
    """As of `at_utc`. scaling: what is overdue, on its way and held, a sentence each."""

    schema_version: Literal[1] = 1
    campaign: str
    at_utc: AwareDatetime
    scaling: tuple[str, ...]
    levers: tuple[LeverAnswer, ...]
    unlearned: tuple[UnlearnedAnswer, ...]
    requests: tuple[RequestAnswer, ...]
    decisions: tuple[DecisionAnswer, ...]


@dataclass(frozen=True)
class OnOffer:
    """What is scaled and can be done at `at`, which sends the forecast does not know, and what was asked for and
    decided."""

    campaign: str
    at: datetime
    scaling: tuple[Text, ...]
    levers: tuple[Lever, ...]
    unlearned: tuple[Unlearned, ...]
    acts: Acts


def on_offer(workspace: Workspace, campaign: str, now: datetime) -> OnOffer:
    """Raises UserError: no such campaign, or a file or the log cannot be read."""
    state, zone = live_state(workspace, campaign, now), workspace.settings.zone_of(workspace.plan(campaign))
    acts = acts_of(campaign_events(workspace, campaign), campaign)
    told = tuple(scaling_lines(state, zone))
    return OnOffer(campaign, now, told, levers(workspace, state), unlearned_sends(workspace, campaign, now), acts)


def levers_answer(offered: OnOffer) -> LeversAnswer:
    return LeversAnswer(
        campaign=offered.campaign,
        at_utc=offered.at,
        scaling=tuple(str(text) for text in offered.scaling),
        levers=tuple(_lever(lever) for lever in offered.levers),
        unlearned=tuple(UnlearnedAnswer(send=each.send.id, why=str(each.why)) for each in offered.unlearned),
        requests=tuple(_request(request) for request in offered.acts.requests),
        decisions=tuple(_decision(decision) for decision in offered.acts.decisions),
    )


def _range(change: Range) -> RangeAnswer:
    return RangeAnswer(**vars(change))


def _effect(effect: Effect) -> EffectAnswer:
    return EffectAnswer(
        measure=effect.measure,
        name=effect.name,
        largest=_range(effect.largest),
        at_utc=effect.at,
        hour=_range(effect.hour),
        starts_at_utc=effect.starts,
    )


def _lever(lever: Lever) -> LeverAnswer:
    return LeverAnswer(
        lever=lever.id,
        kind=lever.kind,
        state=lever.state,
        title=str(lever.title),
        how=str(lever.how),
        effects=tuple(_effect(effect) for effect in lever.effects),
        impact_per_hour=lever.impact_per_hour,
        headroom_before_ratio=lever.headroom_before,
        headroom_after_ratio=lever.headroom_after,
        hours=lever.hours,
        people=lever.people,
        decides=lever.decides,
        past_campaigns=lever.past_campaigns,
    )


def _request(request: Request) -> RequestAnswer:
    return RequestAnswer(
        lever=request.lever,
        title=str(request.title),
        by=request.by,
        at_utc=request.at,
        reason=request.reason,
        answer=request.answer,
    )


def _decision(decision: Decision) -> DecisionAnswer:
    return DecisionAnswer(
        id=decision.id,
        lever=decision.lever,
        title=str(decision.title),
        by=decision.by,
        role=decision.role,
        at_utc=decision.at,
        reason=decision.reason,
        asked_by=decision.asked_by,
        until_utc=decision.until,
        ended_at_utc=decision.ended_at,
        effects=tuple(_effect(effect) for effect in decision.effects),
        outcome=_outcome(decision.outcome) if decision.outcome else None,
    )


def _outcome(outcome: Outcome) -> OutcomeAnswer:
    return OutcomeAnswer(
        verdict=outcome.verdict,
        real=_range(outcome.real) if outcome.real else None,
        observed=outcome.observed,
        without=_range(outcome.without) if outcome.without else None,
        why=str(outcome.why) if outcome.why else None,
        together=outcome.together,
        told_at_utc=outcome.at,
    )
