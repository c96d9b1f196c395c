"""Floors for all services together: requirement, limits, steps, the HPA's ceiling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from campaign.settings import Limit
from playbooks.autoscaling.coupling import coupled_covers
from playbooks.autoscaling.known import ServiceFacts
from playbooks.autoscaling.limits import Hit, fits, rate_hits, users, within_limits
from playbooks.autoscaling.minutes import MinuteTraffic, bursts
from playbooks.autoscaling.policy import AutoscalingPolicy
from playbooks.autoscaling.requirement import demand_quantile, replicas_for, sure_quantile, widened
from playbooks.autoscaling.steps import StepCover, cheapest_cover


@dataclass(frozen=True)
class Window:
    """The minutes [first, last) of the traffic's grid for which steps are planned."""

    first: int
    last: int

    @property
    def minutes(self) -> int:
        return self.last - self.first

    @property
    def days(self) -> int:
        return -(-self.minutes // 1440)


@dataclass(frozen=True)
class Risk:
    """Which demand quantile a floor carries: the strict one near instants, the quiet one where the HPA follows.

    instants: minutes of the traffic's grid at which demand may jump; None where every minute is strict. surely:
    the strict quantile with its sampling error on top, where it is a promise and not a bargain.
    """

    quantile_ratio: float
    quiet_quantile_ratio: float
    instants: tuple[int, ...] | None
    surely: bool = False

    def demand(self, rates: NDArray[np.float32], fact: ServiceFacts) -> NDArray[np.float64]:
        """[minute] requests per second; `rates` [path, minute]."""
        if self.instants is None:
            return self._strict(rates)
        near = surge_minutes(self.instants, rates.shape[1], fact.lead_minutes)
        demand = np.empty(rates.shape[1])
        demand[near] = self._strict(rates[:, near])
        demand[~near] = demand_quantile(rates[:, ~near], self.quiet_quantile_ratio)
        return demand

    def _strict(self, rates: NDArray[np.float32]) -> NDArray[np.float64]:
        return (sure_quantile if self.surely else demand_quantile)(rates, self.quantile_ratio)


def surge_minutes(instants: Sequence[int], minutes: int, lead_minutes: int) -> NDArray[np.bool_]:
    """[minute]: from an instant until replicas that the HPA started at it are ready.

    The guard widens this on both sides like every other requirement.
    """
    near = np.zeros(minutes, bool)
    for instant in instants:
        near[instant : instant + lead_minutes + 1] = True
    return near


@dataclass(frozen=True)
class Floors:
    """One service's floors over the window, each [minute].

    demand_requests_per_second: the quantile, burst included. required: replicas that carry it in that minute.
    needed: with guard and lead. allowed: what the limits leave of it. cover: its steps.
    """

    demand_requests_per_second: NDArray[np.float64]
    required: NDArray[np.int64]
    needed: NDArray[np.int64]
    allowed: NDArray[np.int64]
    cover: StepCover
    hits: tuple[Hit, ...]

    def by_minute(self) -> NDArray[np.int64]:
        return self.cover.by_minute(len(self.allowed))


def plan_floors(
    traffic: MinuteTraffic,
    window: Window,
    facts: Mapping[str, ServiceFacts],
    limits: Sequence[Limit],
    risks: Mapping[str, Risk],
    policy: AutoscalingPolicy,
) -> dict[str, Floors]:
    """The cheapest readable floors of every service that stay within the limits."""
    inside = slice(window.first, window.last)
    rates = {name: traffic.requests_per_second[traffic.services.index(name)] for name in facts}
    burst = bursts(traffic, policy.burst_ratio)
    demand = {
        name: risks[name].demand(rates[name], facts[name]) * burst[traffic.services.index(name)] for name in facts
    }
    required = {name: replicas_for(demand[name], fact.low, fact.multiple) for name, fact in facts.items()}
    needed = {name: guarded(required[name], fact, policy)[inside] for name, fact in facts.items()}
    allowed, hits = within_limits(needed, {name: fact.most for name, fact in facts.items()}, limits)
    allowed = {name: whole(allowed[name], fact.multiple) for name, fact in facts.items()}
    strict = {name: risk.quantile_ratio for name, risk in risks.items()}
    hits += rate_hits({name: rates[name][:, inside] for name in facts}, strict, limits)
    covers = covers_within(allowed, limits, policy.steps_per_day * window.days)
    return {
        name: Floors(
            demand_requests_per_second=demand[name][inside],
            required=required[name][inside],
            needed=needed[name],
            allowed=allowed[name],
            cover=covers[name],
            hits=tuple(hit for hit in hits if hit.service == name),
        )
        for name in facts
    }


def covers_within(
    allowed: Mapping[str, NDArray[np.int64]], limits: Sequence[Limit], steps_most: int
) -> dict[str, StepCover]:
    """Each service's cheapest cover; services that share a limit are stepped together where their covers break it.

    Where so few steps cannot keep the limit, more are taken: the minutes themselves fit, so enough steps always do.
    """
    covers = {name: cheapest_cover(need, steps_most) for name, need in allowed.items()}
    if fits(_by_minute(covers, allowed), limits):
        return covers
    sharing = {name: need for name, need in allowed.items() if any(users(limit, [name]) for limit in limits)}
    coupled = covers | (coupled_covers(sharing, limits, steps_most) or {})
    while not fits(_by_minute(coupled, allowed), limits):
        steps_most *= 2
        coupled = {name: cheapest_cover(need, steps_most) for name, need in allowed.items()}
    return coupled


def _by_minute(
    covers: Mapping[str, StepCover], allowed: Mapping[str, NDArray[np.int64]]
) -> dict[str, NDArray[np.int64]]:
    return {name: cover.by_minute(len(allowed[name])) for name, cover in covers.items()}


def guarded(required: NDArray[np.int64], fact: ServiceFacts, policy: AutoscalingPolicy) -> NDArray[np.int64]:
    """The floor that must be ordered in each minute, so that the requirement is ready early, on time or late."""
    ahead = policy.guard_early_minutes + fact.lead_minutes
    return np.maximum(widened(required, policy.guard_late_minutes, ahead), whole_floor(fact))


def whole_floor(fact: ServiceFacts) -> int:
    return -(-fact.floor // fact.multiple) * fact.multiple


def whole(replicas: NDArray[np.int64], multiple: int) -> NDArray[np.int64]:
    """Rounded down to whole multiples: what a limit allows may not be rounded up."""
    return replicas // multiple * multiple


def ceilings(
    floors: Mapping[str, Floors], facts: Mapping[str, ServiceFacts], limits: Sequence[Limit], headroom_ratio: float
) -> dict[str, int]:
    """maxReplicas of the HPA on top: the quota, else head-room over the highest step, within every shared limit."""
    peaks = {name: int(floor.allowed.max()) for name, floor in floors.items()}
    most = {name: facts[name].most or int(np.ceil(peaks[name] * headroom_ratio)) for name in floors}
    for limit in (limit for limit in limits if limit.kind == "per_replica"):
        used = {name: share for name, share in limit.used_by.items() if share > 0 and name in floors}
        spare = limit.total - limit.reserved - sum(used[name] * peaks[name] for name in used)
        wanted = sum(used[name] * (most[name] - peaks[name]) for name in used)
        if wanted > 0 and spare < wanted:
            part = max(spare, 0.0) / wanted
            most |= {name: peaks[name] + int((most[name] - peaks[name]) * part) for name in used}
    return {name: max(count, peaks[name]) for name, count in most.items()}
