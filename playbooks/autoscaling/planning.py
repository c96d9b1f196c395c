"""From traffic and facts to the plan's records: floors, back-test, verdict, steps, cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from campaign.console import Progress
from campaign.language import say
from campaign.plan import Plan
from campaign.settings import Settings
from campaign.traffic import Quantiles
from playbooks.autoscaling.admission import admitted_by_endpoint
from playbooks.autoscaling.backtest import Candidate, Picture, Tested, Way, back_tests
from playbooks.autoscaling.floors import Floors, Risk, Window, ceilings, plan_floors, whole_floor
from playbooks.autoscaling.known import ServiceFacts, newsvendor_of, risk_level, value_per_request
from playbooks.autoscaling.limits import Hit, fits
from playbooks.autoscaling.minutes import MinuteTraffic, bursts
from playbooks.autoscaling.plan import (
    EndpointLimit,
    LimitHit,
    ReplicaCounts,
    ServicePlan,
    Spread,
    Step,
    Verdict,
    Warming,
)
from playbooks.autoscaling.policy import AutoscalingPolicy
from playbooks.autoscaling.reasons import Occasion, jump_minutes, occasions, steps_of, window_of
from playbooks.autoscaling.relief import relief_said, relieved
from playbooks.autoscaling.requirement import replicas_for
from playbooks.autoscaling.risk import Gamble, next_replicas, risk_against_cost
from playbooks.autoscaling.verdict import verdict_of
from playbooks.autoscaling.warming import strict_step, warmings
from playbooks.autoscaling.way_back import return_times
from playbooks.simulation.fleet import Demand

STEPS = 3
SPREADS: tuple[Spread, ...] = ("surges", "everywhere")


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
    window = window_of(question.plans, question.traffic, question.policy)
    progress(say("floors and steps"), 0, STEPS)
    spreads = {spread: spread_floors(question, window, spread) for spread in SPREADS}
    progress(say("replay of the plan"), 1, STEPS)
    candidates = {name: candidate_of(question, name, spreads) for name in question.facts}
    tested = tested_within_limits(question, replayed_demand(question, window), candidates)
    progress(say("risk against cost"), 2, STEPS)
    floors = {name: spreads[test.way.spread].floors[name] for name, test in tested.items()}
    services = {name: _service_plan(question, window, name, floors[name], tested[name]) for name in tested}
    services = with_way_back(question, window, services)
    progress(say("risk against cost"), STEPS, STEPS)
    return Answer(services, floors, {name: test.picture for name, test in tested.items()}, window)


@dataclass(frozen=True)
class SpreadFloors:
    """Floors and maxReplicas of every service under one spread of the strict quantile."""

    floors: dict[str, Floors]
    most: dict[str, int]


def spread_floors(question: Question, window: Window, spread: Spread) -> SpreadFloors:
    settings, policy = question.settings, question.policy
    instants = jump_minutes(question.plans, question.traffic) if spread == "surges" else None
    levels = {name: risk_level(fact, settings, policy) for name, fact in question.facts.items()}
    risks = {
        name: Risk(level.quantile_ratio, policy.quiet_quantile_ratio, instants, surely=level.chosen_by != "money")
        for name, level in levels.items()
    }
    floors = plan_floors(question.traffic, window, question.facts, settings.limits, risks, policy)
    return SpreadFloors(floors, ceilings(floors, question.facts, settings.limits, policy.hpa_max_headroom_ratio))


def candidate_of(question: Question, name: str, spreads: Mapping[Spread, SpreadFloors]) -> Candidate:
    """The ways to plan a service, cheapest first: a higher HPA target before a lower, surges before everywhere."""
    fact, policy = question.facts[name], question.policy
    targets: dict[tuple[Spread, float], None] = {
        ("surges", policy.hpa_target_on_plan_ratio): None,
        ("surges", policy.hpa_target_ratio): None,
        ("everywhere", policy.hpa_target_ratio): None,
    }
    return Candidate(
        capacity_requests_per_second_per_replica=fact.low,
        floor=whole_floor(fact),
        startup_seconds=fact.startup_seconds,
        ways=tuple(
            Way(spread, target, spreads[spread].floors[name].by_minute(), spreads[spread].most[name])
            for spread, target in targets
        ),
        multiple=fact.multiple,
    )


def tested_within_limits(question: Question, demand: Demand, candidates: Mapping[str, Candidate]) -> dict[str, Tested]:
    """The cheapest safe way of each service; the strictest of all where the mixture would break a shared limit."""
    tested = back_tests(demand, candidates, question.policy, question.shift_minutes)
    if fits({name: test.way.planned for name, test in tested.items()}, question.settings.limits):
        return tested
    strictest = {name: replace(candidate, ways=candidate.ways[-1:]) for name, candidate in candidates.items()}
    return back_tests(demand, strictest, question.policy, question.shift_minutes)


def replayed_demand(question: Question, window: Window) -> Demand:
    """The window's first `replay_paths` sample paths of the planned services."""
    traffic = question.traffic.between(window.first, window.last)
    rows = [traffic.services.index(name) for name in question.facts]
    rates = traffic.requests_per_second[rows][:, : question.policy.replay_paths]
    return Demand(rates, traffic.quarters[rows] if traffic.known_bursts.any() else None)


def _service_plan(question: Question, window: Window, name: str, floors: Floors, tested: Tested) -> ServicePlan:
    fact, policy, traffic = question.facts[name], question.policy, question.traffic
    level = risk_level(fact, question.settings, policy)
    verdict, why = verdict_of(tested.back_test, floors.hits, policy)
    met = [limit_hit(hit, fact, floors, traffic, window, policy) for hit in floors.hits]
    hits = tuple(relieved(hit, name, question.settings.switches) for hit in met)
    why = say("{why}; {relief}", why=why, relief=relief_said(hits)) if hits else why
    scheduled = verdict != "reactive-suffices"
    hours = tested.back_test.policies["plan" if scheduled else "hpa-alone"].replica_hours
    price = fact.service.cost_per_replica_hour
    steps = steps_of(floors, window, traffic, question.announced, fact, policy, question.zone) if scheduled else ()
    return ServicePlan(
        verdict=verdict,
        verdict_why=str(why),
        capacity_requests_per_second_per_replica=fact.capacity.capacity_requests_per_second_per_replica,
        capacity_source=fact.capacity.source,
        quantile_ratio=level.quantile_ratio,
        quiet_quantile_ratio=policy.quiet_quantile_ratio,
        spread=tested.way.spread,
        hpa_metric=policy.hpa_metric,
        hpa_target_ratio=tested.way.hpa_target_ratio if scheduled else policy.hpa_target_ratio,
        newsvendor_quantile_ratio=newsvendor_of(fact, question.settings, policy),
        risk_chosen_by=level.chosen_by,
        lead_minutes=fact.lead_minutes,
        replicas=_counts(question, window, fact, floors, tested.way.most, verdict),
        steps=steps,
        warming=warming_of(question, window, fact, steps),
        limits_hit=hits,
        rate_limits=rate_limits(question, name, hits),
        replica_hours=hours,
        cost=None if price is None else hours * price,
        back_test=tested.back_test,
        risk_against_cost=risk_against_cost(gamble_of(question, window, fact, tested.way.spread)),
        next_replicas=next_replicas(gamble_of(question, window, fact, tested.way.spread), steps),
        assumptions=tuple(str(text) for text in fact.assumptions),
    )


def with_way_back(question: Question, window: Window, services: Mapping[str, ServicePlan]) -> dict[str, ServicePlan]:
    """The services with the instant at which each floor returns, one after the other."""
    stepped = [name for name, service in services.items() if service.steps]
    times = return_times(question.settings, stepped, question.traffic.time_of(window.last))
    return {name: service.model_copy(update={"returns_at_utc": times.get(name)}) for name, service in services.items()}


def warming_of(question: Question, window: Window, fact: ServiceFacts, steps: Sequence[Step]) -> tuple[Warming, ...]:
    """What to warm for the step that stands when demand first jumps within the window."""
    traffic, settings = question.traffic, question.settings
    jumps = [minute for minute in jump_minutes(question.plans, traffic) if window.first <= minute < window.last]
    ahead = timedelta(minutes=fact.lead_minutes + question.policy.guard_early_minutes)
    step = strict_step(steps, traffic.time_of(min(jumps, default=window.first)), ahead)
    return warmings(fact.service.name, step, fact.lead_minutes, settings.limits, settings.funnel)


def gamble_of(question: Question, window: Window, fact: ServiceFacts, spread: Spread) -> Gamble:
    """What a service's floors are weighed against: the window's paths, and when the floor must answer for them."""
    policy, inside = question.policy, question.traffic.between(window.first, window.last)
    row = inside.services.index(fact.service.name)
    return Gamble(
        rates=inside.requests_per_second[row],
        burst=bursts(inside, policy.burst_ratio)[row],
        starts_at=inside.time_of(0),
        fact=fact,
        policy=policy,
        steps_most=policy.steps_per_day * window.days,
        instants=jump_minutes(question.plans, inside) if spread == "surges" else None,
        value_per_request=value_per_request(question.settings, fact.service.name),
    )


def rate_limits(question: Question, name: str, hits: Sequence[LimitHit]) -> tuple[EndpointLimit, ...]:
    """What each endpoint of a limited service may admit at the tightest of its limits."""
    if not hits:
        return ()
    tightest = min(hits, key=lambda hit: hit.admitted_requests_per_second)
    demand = tightest.demand_requests_per_second
    return admitted_by_endpoint(question.settings.funnel, name, demand, tightest.admitted_requests_per_second)


def _counts(
    question: Question, window: Window, fact: ServiceFacts, floors: Floors, most: int, verdict: Verdict
) -> ReplicaCounts:
    needed = peak_replicas(question, window, fact)
    peak = max(floors.cover.replicas) if verdict != "reactive-suffices" else int(np.median(needed))
    return ReplicaCounts(
        today=fact.service.replicas.today,
        floor=whole_floor(fact),
        most=most,
        peak=max(peak, whole_floor(fact)),
        needed=Quantiles.of(needed),
        multiple_of=fact.multiple,
    )


def peak_replicas(question: Question, window: Window, fact: ServiceFacts) -> NDArray[np.float64]:
    """[path]: replicas that carry the busiest quarter-minute of each path."""
    most: NDArray[np.float64] = peak_minutes(question, window, fact).max(axis=1)
    return most


def peak_minutes(question: Question, window: Window, fact: ServiceFacts) -> NDArray[np.float64]:
    """[path, minute]: replicas that carry each minute's busiest quarter."""
    inside = question.traffic.between(window.first, window.last)
    row = inside.services.index(fact.service.name)
    rates = inside.requests_per_second[row] * bursts(inside, question.policy.burst_ratio)[row]
    return replicas_for(rates.astype(np.float64), fact.low, fact.multiple).astype(np.float64)


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
