"""Risk against cost: what each quantile's floor costs and leaves short, and what one replica more would buy.

By the floor alone: the HPA on top is the safety net, not part of the bargain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from playbooks.autoscaling.floors import Risk, guarded, surge_minutes, whole_floor
from playbooks.autoscaling.known import ServiceFacts
from playbooks.autoscaling.plan import NextReplica, RiskPoint, Step
from playbooks.autoscaling.policy import AutoscalingPolicy
from playbooks.autoscaling.requirement import demand_quantile, replicas_for
from playbooks.autoscaling.steps import cheapest_cover
from playbooks.simulation.startup import ready_of

QUANTILE_RATIOS = (0.5, 0.75, 0.9, 0.95, 0.99, 0.999)
MINUTE = timedelta(minutes=1)
ROUNDING = 1e-6


@dataclass(frozen=True)
class Gamble:
    """One service's paths [path, minute] and their bursts [minute] from `starts_at` on, and the price of losing.

    instants: minutes at which demand may jump, for which floors answer; None where they answer for every minute.
    """

    rates: NDArray[np.float32]
    burst: NDArray[np.float64]
    starts_at: datetime
    fact: ServiceFacts
    policy: AutoscalingPolicy
    steps_most: int
    instants: tuple[int, ...] | None
    value_per_request: float | None

    @property
    def near(self) -> NDArray[np.bool_]:
        """[minute]: the floor answers for it."""
        if self.instants is None:
            return np.ones(self.rates.shape[1], bool)
        return surge_minutes(self.instants, self.rates.shape[1], self.fact.lead_minutes)

    def wanted(self) -> NDArray[np.float64]:
        """Requests per second that the floor answers for, [path, minute near an instant]."""
        near = self.near
        wanted: NDArray[np.float64] = self.rates[:, near].astype(np.float64) * self.burst[near]
        return wanted

    def value(self, requests: float) -> float | None:
        return None if self.value_per_request is None else requests * self.value_per_request

    def price(self, replica_hours: float) -> float | None:
        each = self.fact.service.cost_per_replica_hour
        return None if each is None else replica_hours * each


def risk_against_cost(gamble: Gamble) -> tuple[RiskPoint, ...]:
    """One point for each quantile that the paths can resolve; means over the paths."""
    fact, near, wanted = gamble.fact, gamble.near, gamble.wanted()
    quiet = gamble.policy.quiet_quantile_ratio
    demand = Risk(quiet, quiet, gamble.instants).demand(gamble.rates, fact)
    points = []
    for quantile_ratio in (q for q in QUANTILE_RATIOS if 1 - q >= 1 / (len(gamble.rates) + 1)):
        demand[near] = demand_quantile(gamble.rates[:, near], quantile_ratio)
        required = replicas_for(demand * gamble.burst, fact.low, fact.multiple)
        cover = cheapest_cover(guarded(required, fact, gamble.policy), gamble.steps_most)
        there = ready_of(cover.by_minute(len(required)), fact.lead_minutes)
        short, requests = shortage(wanted, there[near] * fact.low)
        hours = cover.replica_minutes / 60
        points.append(
            RiskPoint(
                quantile_ratio=quantile_ratio,
                replica_hours=hours,
                cost=gamble.price(hours),
                short_minutes=float(short.sum(axis=1).mean()),
                short_requests=requests,
                value_lost=gamble.value(requests),
                event_short_ratio=float(short.any(axis=1).mean()),
            )
        )
    return tuple(points)


def shortage(wanted: NDArray[np.float64], carried: NDArray[np.floating]) -> tuple[NDArray[np.bool_], float]:
    """Which minutes [path, minute] want more than is carried [minute], and the mean requests beyond it per path."""
    over = np.maximum(wanted - carried, 0.0)
    return over > ROUNDING, float(60 * over.sum(axis=1).mean())


def next_replicas(gamble: Gamble, steps: Sequence[Step]) -> tuple[NextReplica, ...]:
    """What one replica more buys in each step, the most requests for a replica-hour first; nothing where it buys none.

    It serves from a start-up after the step begins until the next one.
    """
    fact, near, wanted = gamble.fact, gamble.near, gamble.wanted()
    minutes, lead = gamble.rates.shape[1], fact.lead_minutes
    starts = [round((step.starts_at_utc - gamble.starts_at) / MINUTE) for step in steps]
    floor = np.full(lead + minutes, whole_floor(fact))
    for start, step in zip(starts, steps, strict=True):
        floor[lead + start :] = step.replicas
    short, requests = shortage(wanted, ready_of(floor, lead)[lead:][near] * fact.low)
    found = []
    for start, end, step in zip(starts, [*starts, minutes][1:], steps, strict=True):
        more = floor.copy()
        more[lead + start : lead + end] += fact.multiple
        still_short, still = shortage(wanted, ready_of(more, lead)[lead:][near] * fact.low)
        hours = fact.multiple * (end - start) / 60
        saved = requests - still
        if saved > 0:
            found.append(
                NextReplica(
                    starts_at_utc=step.starts_at_utc,
                    replicas=step.replicas + fact.multiple,
                    replica_hours=hours,
                    cost=gamble.price(hours),
                    saved_minutes=float((short.sum() - still_short.sum()) / len(gamble.rates)),
                    saved_requests=saved,
                    saved_value=gamble.value(saved),
                )
            )
    return tuple(sorted(found, key=lambda replica: (-replica.saved_requests / replica.replica_hours, replica.replicas)))
