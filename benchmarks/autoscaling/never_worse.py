"""Is a plan ever worse than the HPA alone at the same target? Day by day on the truths that the plan has not seen."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from playbooks.autoscaling.backtest import Candidate, Way, alone_label, fleets_of, way_label
from playbooks.autoscaling.known import ServiceFacts
from playbooks.autoscaling.planning import Answer
from playbooks.autoscaling.policy import AutoscalingPolicy
from playbooks.simulation.fleet import Demand
from playbooks.simulation.replay import replay


@dataclass(frozen=True)
class Compared:
    """Days played under a plan and under the HPA alone at the plan's target: how many, how many worse, mean minutes."""

    days: int
    worse: int
    plan_overloaded_minutes: float
    alone_overloaded_minutes: float


def compared(demand: Demand, answer: Answer, fact: ServiceFacts, policy: AutoscalingPolicy) -> Compared:
    """The plan of the one service in `answer` on the days of `demand` [1, day, minute]."""
    name = fact.service.name
    service, window = answer.services[name], answer.window
    floor = np.full(demand.requests_per_second.shape[2], service.replicas.floor)
    if service.steps:
        floor[window.first : window.last] = answer.floors[name].by_minute()
    way = Way(service.spread, service.hpa_target_ratio, floor, service.replicas.most)
    fleets = fleets_of(0, Candidate(fact.low, service.replicas.floor, fact.startup_seconds, (way,)), policy)
    alone = fleets[alone_label(way.hpa_target_ratio, policy)]
    played = replay(demand, [fleets[way_label(0)], alone])
    plan_minutes, alone_minutes = played.overloaded_minutes
    return Compared(
        len(plan_minutes),
        int((plan_minutes > alone_minutes).sum()),
        float(plan_minutes.mean()),
        float(alone_minutes.mean()),
    )


def total(parts: Iterable[Compared]) -> Compared:
    """All days of several sets together."""
    every = list(parts)
    days = sum(part.days for part in every)
    plan = sum(part.plan_overloaded_minutes * part.days for part in every) / days
    alone = sum(part.alone_overloaded_minutes * part.days for part in every) / days
    return Compared(days, sum(part.worse for part in every), plan, alone)
