"""From traffic and facts to the plan's records: floors, back-test, verdict, steps, cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from campaign.console import Progress
from campaign.language import say
from campaign.plan import Plan
from campaign.settings import Settings
from campaign.traffic import Quantiles
from playbooks.autoscaling.backtest import Candidate, Picture, back_tests
from playbooks.autoscaling.floors import Floors, Window, ceilings, plan_floors, whole_floor
from playbooks.autoscaling.known import ServiceFacts, newsvendor_of, quantile_of
from playbooks.autoscaling.limits import Hit
from playbooks.autoscaling.minutes import MinuteTraffic, bursts
from playbooks.autoscaling.plan import BackTest, LimitHit, ReplicaCounts, ServicePlan, Verdict
from playbooks.autoscaling.policy import AutoscalingPolicy
from playbooks.autoscaling.reasons import Occasion, occasions, steps_of, window_of
from playbooks.autoscaling.requirement import replicas_for
from playbooks.autoscaling.risk import risk_against_cost
from playbooks.autoscaling.verdict import verdict_of
from playbooks.simulation.replay import Demand

STEPS = 3


@dataclass(frozen=True)
class Question:
    """All that a plan is made from; `plans` are the campaigns that share these steps."""

    plans: tuple[Plan, ...]
    settings: Settings
    policy: AutoscalingPolicy
    traffic: MinuteTraffic
    facts: Mapping[str, ServiceFacts]
    zone: ZoneInfo

    @property
    def announced(self) -> tuple[Occasion, ...]:
        return occasions(self.plans, self.traffic)

    @property
    def shift_minutes(self) -> tuple[int, ...]:
        """How the replays move the paths: as planned, early and late, where something is announced."""
        if not self.announced:
            return (0,)
        return (0, -self.policy.guard_early_minutes, self.policy.guard_late_minutes)


@dataclass(frozen=True)
class Answer:
    """The plan's services, and what its pictures and tables are drawn from."""

    services: dict[str, ServicePlan]
    floors: dict[str, Floors]
    pictures: dict[str, Picture]
    window: Window


def plan_services(question: Question, progress: Progress) -> Answer:
    """Plan every service of the question together."""
    settings, policy, facts = question.settings, question.policy, question.facts
    window = window_of(question.plans, question.traffic, policy)
    quantile_ratio = quantile_of(settings, policy)
    progress(say("floors and steps"), 0, STEPS)
    floors = plan_floors(question.traffic, window, facts, settings.limits, quantile_ratio, policy)
    most = ceilings(floors, facts, settings.limits, policy.hpa_max_headroom_ratio)
    progress(say("replay of the plan"), 1, STEPS)
    tests, pictures = back_tests(
        replayed_demand(question, window), candidates(facts, floors, most), policy, question.shift_minutes
    )
    progress(say("risk against cost"), 2, STEPS)
    services = {name: _service_plan(question, window, name, floors[name], most[name], tests[name]) for name in facts}
    progress(say("risk against cost"), STEPS, STEPS)
    return Answer(services, floors, pictures, window)


def replayed_demand(question: Question, window: Window) -> Demand:
    """The window's first `replay_paths` sample paths of the planned services."""
    traffic = question.traffic.between(window.first, window.last)
    rows = [traffic.services.index(name) for name in question.facts]
    rates = traffic.requests_per_second[rows][:, : question.policy.replay_paths]
    return Demand(rates, traffic.quarters[rows] if traffic.known_bursts.any() else None)


def candidates(
    facts: Mapping[str, ServiceFacts], floors: Mapping[str, Floors], most: Mapping[str, int]
) -> dict[str, Candidate]:
    return {
        name: Candidate(
            capacity_requests_per_second_per_replica=fact.low,
            floor=whole_floor(fact),
            planned=floors[name].by_minute(),
            most=most[name],
            startup_seconds=fact.startup_seconds,
            multiple=fact.multiple,
        )
        for name, fact in facts.items()
    }


def _service_plan(
    question: Question, window: Window, name: str, floors: Floors, most: int, test: BackTest
) -> ServicePlan:
    fact, policy, traffic = question.facts[name], question.policy, question.traffic
    verdict, why = verdict_of(test, floors.hits, policy)
    scheduled = verdict != "reactive-suffices"
    hours = test.policies["plan" if scheduled else "hpa-alone"].replica_hours
    price = fact.service.cost_per_replica_hour
    row = traffic.services.index(name)
    inside = slice(window.first, window.last)
    return ServicePlan(
        verdict=verdict,
        verdict_why=str(why),
        capacity_requests_per_second_per_replica=fact.capacity.capacity_requests_per_second_per_replica,
        capacity_source=fact.capacity.source,
        quantile_ratio=quantile_of(question.settings, policy),
        newsvendor_quantile_ratio=newsvendor_of(fact, question.settings),
        lead_minutes=fact.lead_minutes,
        replicas=_counts(question, window, fact, floors, most, verdict),
        steps=steps_of(floors, window, traffic, question.announced, fact, policy, question.zone) if scheduled else (),
        limits_hit=tuple(limit_hit(hit, fact, floors, traffic, window, policy) for hit in floors.hits),
        replica_hours=hours,
        cost=None if price is None else hours * price,
        back_test=test,
        risk_against_cost=risk_against_cost(
            traffic.requests_per_second[row][:, inside],
            bursts(traffic, policy.burst_ratio)[row, inside],
            fact,
            policy.steps_per_day * window.days,
            policy,
        ),
        assumptions=tuple(str(text) for text in fact.assumptions),
    )


def _counts(
    question: Question, window: Window, fact: ServiceFacts, floors: Floors, most: int, verdict: Verdict
) -> ReplicaCounts:
    needed = peak_replicas(question.traffic, window, fact)
    peak = max(floors.cover.replicas) if verdict != "reactive-suffices" else int(np.median(needed))
    return ReplicaCounts(
        today=fact.service.replicas.today,
        floor=whole_floor(fact),
        most=most,
        peak=max(peak, whole_floor(fact)),
        needed=Quantiles.of(needed),
        multiple_of=fact.multiple,
    )


def peak_replicas(traffic: MinuteTraffic, window: Window, fact: ServiceFacts) -> NDArray[np.float64]:
    """[path]: replicas that carry the busiest quarter-minute of each path."""
    row = traffic.services.index(fact.service.name)
    rates = traffic.requests_per_second[row][:, window.first : window.last]
    busiest = (rates * traffic.quarters[row, window.first : window.last].max(axis=1)).max(axis=1)
    return replicas_for(busiest.astype(np.float64), fact.low, fact.multiple).astype(np.float64)


def limit_hit(
    hit: Hit,
    fact: ServiceFacts,
    floors: Floors,
    traffic: MinuteTraffic,
    window: Window,
    policy: AutoscalingPolicy,
) -> LimitHit:
    """A hit in the plan's words: requests per second admitted and refused at its worst minute.

    A floor is ordered a lead ahead of the demand it is for; the times are those of the demand, early or late.
    """
    ahead = 0 if hit.per_request else fact.lead_minutes + policy.guard_early_minutes
    behind = 0 if hit.per_request else policy.guard_late_minutes
    around = slice(max(hit.worst_minute - behind, 0), hit.worst_minute + ahead + 1)
    demand = float(floors.demand_requests_per_second[around].max())
    carried = float(floors.allowed[hit.worst_minute]) * fact.low
    admitted = min(carried, demand * hit.share_ratio) if hit.per_request else min(carried, demand)
    begins = hit.first_minute if hit.per_request else min(hit.first_minute + fact.lead_minutes, hit.last_minute)
    return LimitHit(
        limit=hit.limit,
        needed=hit.needed,
        allowed=hit.allowed,
        admitted_requests_per_second=admitted,
        refused_requests_per_second=max(demand - admitted, 0.0),
        starts_at_utc=traffic.time_of(window.first + begins),
        ends_at_utc=traffic.time_of(window.first + hit.last_minute),
        owner=hit.owner,
    )


def shared_names(plans: Sequence[Plan], campaign: str) -> tuple[str, ...]:
    return tuple(plan.id for plan in plans if plan.id != campaign)
