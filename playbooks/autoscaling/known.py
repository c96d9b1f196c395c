"""What is known about each service, and what had to be assumed instead: every gap is a sentence or a refusal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from campaign.capacity import Capacity
from campaign.errors import Problem
from campaign.language import Text, say
from campaign.plan import Plan
from campaign.settings import Limit, Service, Settings
from playbooks.autoscaling.limits import room, users
from playbooks.autoscaling.plan import RiskChosenBy
from playbooks.autoscaling.policy import AutoscalingPolicy
from playbooks.autoscaling.requirement import newsvendor_ratio
from playbooks.simulation.startup import lead_minutes

LOCAL = ("127.0.0.1", "localhost")


@dataclass(frozen=True)
class ServiceFacts:
    """A service ready to be planned."""

    service: Service
    capacity: Capacity
    floor: int
    most: int | None
    startup_seconds: float
    lead_minutes: int
    multiple: int
    assumptions: tuple[Text, ...]

    @property
    def low(self) -> float:
        """Requests per second that one replica surely carries; plans use this bound."""
        return self.capacity.capacity_requests_per_second_per_replica.low


def facts_of(service: Service, capacity: Capacity, plan: Plan, policy: AutoscalingPolicy) -> ServiceFacts:
    """What the plan uses for a service, each assumption in words."""
    replicas = service.replicas
    floor = replicas.min if replicas.min is not None else policy.hpa_min_replicas
    return ServiceFacts(
        service=service,
        capacity=capacity,
        floor=max(floor, 1),
        most=replicas.max,
        startup_seconds=_startup_seconds(service, policy),
        lead_minutes=lead_of(service, policy),
        multiple=replicas.multiple_of or 1,
        assumptions=(*_assumed(service, policy), *_about_capacity(service, capacity, plan, policy)),
    )


def lead_of(service: Service, policy: AutoscalingPolicy) -> int:
    """Minutes from the order until the last replica is ready."""
    return lead_minutes(_startup_seconds(service, policy), policy.node_wait_seconds[1], policy.executor_seconds)


def _startup_seconds(service: Service, policy: AutoscalingPolicy) -> float:
    return policy.startup_seconds_p99 if service.startup_seconds_p99 is None else service.startup_seconds_p99


def _assumed(service: Service, policy: AutoscalingPolicy) -> Iterator[Text]:
    name = service.name
    if service.startup_seconds_p99 is None:
        yield say(
            "{service}: no startup_seconds_p99 given; a pod is taken to be ready within {seconds:g} s",
            service=name, seconds=policy.startup_seconds_p99,
        )  # fmt: skip
    if service.replicas.min is None:
        yield say("{service}: no replicas.min given; {count} is taken", service=name, count=policy.hpa_min_replicas)
    if service.replicas.max is None:
        yield say("{service}: no replicas.max given; no quota is taken to bound it", service=name)
    if service.cost_per_replica_hour is None:
        yield say("{service}: no cost_per_replica_hour given; its cost is left out", service=name)


def _about_capacity(service: Service, capacity: Capacity, plan: Plan, policy: AutoscalingPolicy) -> Iterator[Text]:
    name = service.name
    if capacity.source == "declared":
        yield say("{service}: its capacity is declared, not measured; measure it before the event", service=name)
        return
    if capacity.campaign is not None and capacity.campaign != plan.id:
        yield say(
            "{service}: its capacity was measured under the mix of {campaign}, not of this campaign",
            service=name, campaign=capacity.campaign,
        )  # fmt: skip
    if capacity.host and any(local in capacity.host for local in LOCAL):
        yield say(
            "{service}: its capacity was measured against {host}, which is not production",
            service=name,
            host=capacity.host,
        )
    elif capacity.host:
        yield say(
            "{service}: its capacity was measured against {host}; it holds where the same machines run",
            service=name, host=capacity.host,
        )  # fmt: skip
    if capacity.image:
        yield say(
            "{service}: its capacity holds for version {image}; measure again if another one runs on the day",
            service=name, image=capacity.image,
        )  # fmt: skip
    if capacity.slo != service.slo:
        yield say(
            "{service}: its capacity was measured under another objective than surgeplan.yaml names now", service=name
        )
    age = plan.starts_at - (capacity.measured_at_utc or plan.starts_at)
    if age > timedelta(days=policy.capacity_stale_days):
        yield say("{service}: its capacity was measured {days} days before the event", service=name, days=age.days)


def problems_of_limits(facts: Sequence[ServiceFacts], limits: Sequence[Limit], file: str) -> Iterator[Problem]:
    """Limits that do not even carry today's floors: no plan can be made under them."""
    for fact in facts:
        if fact.most is not None and fact.most < max(fact.floor, fact.service.replicas.today or 0):
            yield Problem(
                say(
                    "replicas.max {most} of {service} is below the {today} that run today",
                    most=fact.most, service=fact.service.name, today=max(fact.floor, fact.service.replicas.today or 0),
                ),
                say("raise the quota, or correct replicas.today and replicas.min"),
                file=file,
                key="services",
            )  # fmt: skip
    floors = {fact.service.name: fact.floor for fact in facts}
    for limit in (limit for limit in limits if limit.kind == "per_replica"):
        needed = sum(used * floors[name] for name, used in users(limit, list(floors)).items())
        if needed > room(limit):
            yield Problem(
                say(
                    "limit {limit} leaves {room:g}, but the usual floors already take {needed:g}",
                    limit=limit.name, room=room(limit), needed=needed,
                ),
                say("raise the limit, or correct its total, reserved and used_by"),
                file=file,
                key="limits",
            )  # fmt: skip


@dataclass(frozen=True)
class RiskLevel:
    """The demand quantile that a service's floors cover near announced instants, and who chose it."""

    quantile_ratio: float
    chosen_by: RiskChosenBy


def risk_level(fact: ServiceFacts, settings: Settings, policy: AutoscalingPolicy) -> RiskLevel:
    """The workspace's own probability; else what money chooses where prices are known; else the policy's."""
    own = settings.risk.overload_probability_per_minute
    if own is not None:
        return RiskLevel(1 - own, "workspace")
    priced = newsvendor_of(fact, settings, policy)
    if priced is not None:
        return RiskLevel(priced, "money")
    return RiskLevel(1 - policy.overload_probability_per_minute, "policy")


def newsvendor_of(fact: ServiceFacts, settings: Settings, policy: AutoscalingPolicy) -> float | None:
    """The quantile that money alone would choose: what a replica too few loses in an hour against what it costs.

    An overloaded minute's price where the policy names one, else the orders that a replica's requests stand for. None
    where no price, no cost or no funnel is given.
    """
    cost = fact.service.cost_per_replica_hour
    lost = value_per_replica_hour(fact, settings, policy)
    return newsvendor_ratio(lost, cost) if lost and cost else None


def value_per_replica_hour(fact: ServiceFacts, settings: Settings, policy: AutoscalingPolicy) -> float | None:
    """What is lost while one replica is missing for an hour; None where nobody has said."""
    if policy.cost_per_overloaded_minute:
        return 60 * policy.cost_per_overloaded_minute
    value = value_per_request(settings, fact.service.name)
    return None if value is None else fact.low * 3600 * value


def value_per_request(settings: Settings, service: str) -> float | None:
    """What one refused request of a service loses in orders; None where order value or funnel is not given."""
    value, orders = settings.risk.value_lost_per_refused_order, orders_per_request(settings, service)
    return value * orders if value and orders else None


def orders_per_request(settings: Settings, service: str) -> float | None:
    """Orders that one request on a service stands for, from the funnel's shares; None where it makes no requests."""
    reach, requests = 1.0, 0.0
    for stage in settings.funnel:
        requests += reach * stage.requests.get(service, 0.0)
        reach *= stage.continues_ratio
    return reach / requests if requests else None


def notice_problem(fact: ServiceFacts, first_need: datetime, now: datetime) -> Text | None:
    """Where the start-up takes longer than the time that is left, in words."""
    left = first_need - now
    if timedelta(0) <= left < timedelta(minutes=fact.lead_minutes):
        return say(
            "{service}: replicas take {lead} min to be ready and only {left} min are left: raise the floor by hand now",
            service=fact.service.name, lead=fact.lead_minutes, left=int(left.total_seconds() // 60),
        )  # fmt: skip
    return None
