"""What to admit of each endpoint when not all can be served: the most valuable first."""

from __future__ import annotations

from collections.abc import Sequence

from campaign.settings import Stage
from playbooks.autoscaling.plan import EndpointLimit

LEAST_VALUABLE = 1_000


def admitted_by_endpoint(
    funnel: Sequence[Stage], service: str, demand_requests_per_second: float, admitted_requests_per_second: float
) -> tuple[EndpointLimit, ...]:
    """Split what a service may admit over its endpoints in order of `value_rank`, 0 the most valuable.

    Each endpoint's demand is its share of a visit's requests on the service. A stage without a rank comes last;
    without a funnel the service is one endpoint under its own name.
    """
    shares = endpoint_shares(funnel, service) or [(service, None, 1.0)]
    left, limits = admitted_requests_per_second, []
    for endpoint, rank, share in sorted(shares, key=lambda part: LEAST_VALUABLE if part[1] is None else part[1]):
        demand = demand_requests_per_second * share
        admitted = min(demand, max(left, 0.0))
        left -= admitted
        limits.append(
            EndpointLimit(
                endpoint=endpoint,
                value_rank=rank,
                demand_requests_per_second=demand,
                admitted_requests_per_second=admitted,
            )
        )
    return tuple(limits)


def endpoint_shares(funnel: Sequence[Stage], service: str) -> list[tuple[str, int | None, float]]:
    """(endpoint, value rank, share of the service's requests) of each stage that calls the service."""
    reach, parts = 1.0, []
    for stage in funnel:
        requests = reach * stage.requests.get(service, 0.0)
        if requests > 0:
            parts.append((stage.endpoint or stage.stage, stage.value_rank, requests))
        reach *= stage.continues_ratio
    total = sum(requests for _, _, requests in parts)
    return [(endpoint, rank, requests / total) for endpoint, rank, requests in parts]
