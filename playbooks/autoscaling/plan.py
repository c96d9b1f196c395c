"""The autoscaling plan as it is kept: `out/<id>/playbook/autoscaling.json`."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from campaign.capacity import CapacityRange
from campaign.documents import Complaint, FileRecord
from campaign.language import say
from campaign.traffic import Quantiles

Verdict = Literal["reactive-suffices", "scheduled", "limited"]
Spread = Literal["surges", "everywhere"]
RiskChosenBy = Literal["workspace", "money", "policy"]
HpaMetric = Literal["cpu", "rate"]


RESTORE = "restore"
"""Why a step back to the usual floor is there."""


class Step(FileRecord):
    """At this instant a floor of so many replicas is ordered, until the next step; it is ready a start-up later."""

    starts_at_utc: AwareDatetime
    replicas: int
    why: str


class Relief(FileRecord):
    """A switch that sheds requests of a service: what is left of its demand once this one and those before are pulled.

    drilled_seconds: from pulling to effect; None where nobody has drilled it.
    """

    switch: str
    sheds_ratio: float
    left_requests_per_second: float
    drilled_seconds: float | None = None


class LimitHit(FileRecord):
    """What ends before the demand does: needed and allowed in the limit's own unit at the worst minute.

    admitted_requests_per_second: what this service may let in at that minute; the rest must be refused or degraded.
    """

    limit: str
    needed: float
    allowed: float
    admitted_requests_per_second: float
    refused_requests_per_second: float
    starts_at_utc: AwareDatetime
    ends_at_utc: AwareDatetime
    owner: str = ""
    switches: tuple[Relief, ...] = ()

    @property
    def demand_requests_per_second(self) -> float:
        return self.admitted_requests_per_second + self.refused_requests_per_second

    @property
    def left_requests_per_second(self) -> float:
        """The demand with every switch pulled."""
        return self.switches[-1].left_requests_per_second if self.switches else self.demand_requests_per_second


class Warming(FileRecord):
    """What to warm before the first strict step; connections only where the kind is connections."""

    kind: Literal["caches", "connections"]
    starts_at_utc: AwareDatetime
    ready_by_utc: AwareDatetime
    what: str
    limit: str | None = None
    connections_per_replica: float | None = None
    replicas: int | None = None
    connections: float | None = None


class EndpointLimit(FileRecord):
    """What one endpoint wants at the worst minute, and what of it is admitted; value_rank 0 is the most valuable.

    Rates are requests that the service gets; one call of the endpoint makes `requests_per_call` of them.
    """

    endpoint: str
    value_rank: int | None
    demand_requests_per_second: float
    admitted_requests_per_second: float
    requests_per_call: float = 1.0

    @property
    def admitted_calls_per_second(self) -> float:
        """What a limiter that counts calls of the endpoint may let in."""
        return self.admitted_requests_per_second / self.requests_per_call

    @property
    def is_cut(self) -> bool:
        return self.admitted_requests_per_second < self.demand_requests_per_second * (1 - 1e-6)


class Outcome(FileRecord):
    """One policy over the replayed paths.

    overloaded_minutes: mean per path. event_overload_ratio: share of paths with any overloaded minute.
    above_capacity_ratio: requests above capacity over all requests. oracle_ratio: replica-hours over the oracle's.
    """

    overloaded_minutes: float
    event_overload_ratio: float
    above_capacity_ratio: float
    replica_hours: float
    oracle_ratio: float


class BackTest(FileRecord):
    """The sample paths replayed in 15-second ticks; path i comes `shift_minutes[i % n]` late (negative: early)."""

    paths: int
    tick_seconds: int
    shift_minutes: tuple[int, ...]
    nodes_wait: bool
    policies: dict[str, Outcome]

    @property
    def never_worse(self) -> bool:
        """The plan has no more overloaded minutes than the HPA alone at the same target."""
        plan, alone = self.policies["plan"], self.policies["hpa-alone-at-plan-target"]
        return plan.overloaded_minutes <= alone.overloaded_minutes


class RiskPoint(FileRecord):
    """What one quantile costs and leaves at risk, by the floor alone: means over the paths.

    short_minutes, short_requests: minutes that need more than the floor, and requests beyond what it carries.
    value_lost: those requests in money, where refused orders have a price.
    """

    quantile_ratio: float
    replica_hours: float
    cost: float | None
    short_minutes: float
    short_requests: float = 0.0
    value_lost: float | None = None
    event_short_ratio: float


class NextReplica(FileRecord):
    """What one replica more (one multiple more) buys while one step holds, by the floor alone: means over the paths."""

    starts_at_utc: AwareDatetime
    replicas: int = Field(description="of the step, this one included")
    replica_hours: float
    cost: float | None
    saved_minutes: float
    saved_requests: float
    saved_value: float | None = None


class ReplicaCounts(FileRecord):
    """today: running now, where known. floor: minReplicas before and after. most: maxReplicas of the HPA on top.

    peak: the plan's highest step (the HPA's median peak where it suffices); needed: at the peak, over sample paths.
    """

    today: int | None
    floor: int
    most: int
    peak: int
    needed: Quantiles
    multiple_of: int = 1


class ServicePlan(FileRecord):
    verdict: Verdict
    verdict_why: str
    capacity_requests_per_second_per_replica: CapacityRange
    capacity_source: Literal["measured", "declared", "imported"]
    quantile_ratio: float
    quiet_quantile_ratio: float
    spread: Spread = Field(description="where the strict quantile holds: near announced instants, or everywhere")
    newsvendor_quantile_ratio: float | None
    risk_chosen_by: RiskChosenBy = "policy"
    hpa_metric: HpaMetric = Field(
        default="cpu", description="that the HPA was replayed with; rate: requests per second"
    )
    hpa_target_ratio: float = Field(description="of the HPA on top of the floor")
    lead_minutes: int
    replicas: ReplicaCounts
    steps: tuple[Step, ...]
    warming: tuple[Warming, ...] = ()
    returns_at_utc: AwareDatetime | None = Field(default=None, description="when the floor is the usual one again")
    limits_hit: tuple[LimitHit, ...] = ()
    rate_limits: tuple[EndpointLimit, ...] = ()
    replica_hours: float
    cost: float | None
    back_test: BackTest
    risk_against_cost: tuple[RiskPoint, ...] = ()
    next_replicas: tuple[NextReplica, ...] = Field(default=(), description="the best buy first")
    assumptions: tuple[str, ...] = ()

    @property
    def hpa_requests_per_second(self) -> float:
        """What the HPA on top gives one replica to do, where it scales by rate."""
        return self.capacity_requests_per_second_per_replica.low * self.hpa_target_ratio

    @property
    def way_back(self) -> tuple[Step, ...]:
        """The step to the usual floor after the campaign; none where there are no steps."""
        if self.returns_at_utc is None:
            return ()
        return (Step(starts_at_utc=self.returns_at_utc, replicas=self.replicas.floor, why=RESTORE),)

    @property
    def all_steps(self) -> tuple[Step, ...]:
        """The steps and, last, the way back."""
        return (*self.steps, *self.way_back)


class AutoscalingPlan(FileRecord):
    """`out/<id>/playbook/autoscaling.json`."""

    schema_version: Literal[1] = 1
    campaign: str
    shared_with: tuple[str, ...] = Field(default=(), description="campaigns that these steps serve as well")
    model: str = Field(description="sha256 of traffic.json")
    as_of_utc: AwareDatetime
    historical: bool = False
    time_zone: str
    currency: str
    starts_at_utc: AwareDatetime
    ends_at_utc: AwareDatetime
    inputs: dict[str, str]
    services: dict[str, ServicePlan]
    not_planned: dict[str, str] = {}
    assumptions: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _steps_return(self) -> Self:
        for name, service in self.services.items():
            if service.steps and service.returns_at_utc is None:
                what = say("has steps but no way back to the usual floor")
                raise Complaint(what, say("plan again"), key=("services", name, "returns_at_utc"))
        return self

    def returns_at(self, service: str) -> datetime:
        """When a service's floor is the usual one again, and floors that were decided on for no certain time end."""
        return self.services[service].returns_at_utc or self.ends_at_utc

    @property
    def peak_replicas(self) -> int:
        """The sum of the services' highest steps."""
        return sum(service.replicas.peak for service in self.services.values())

    @property
    def cost(self) -> float | None:
        """The whole plan's cost where every service has a price."""
        costs = [service.cost for service in self.services.values()]
        return None if any(cost is None for cost in costs) else sum(cost for cost in costs if cost is not None)
