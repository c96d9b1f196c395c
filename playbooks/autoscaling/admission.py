"""What to admit of each endpoint when not all can be served: the most valuable first."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from campaign.settings import Stage
from playbooks.autoscaling.plan import EndpointLimit

LEAST_VALUABLE = 1_000


class EndpointShare(NamedTuple):
    """One stage's part of a service's requests: how valuable, which share, and how many it makes of one call."""

    endpoint: str
    value_rank: int | None
    share: float
    requests_per_call: float

    @property
    def rank(self) -> int:
        return LEAST_VALUABLE if self.value_rank is None else self.value_rank


def admitted_by_endpoint(
    funnel: Sequence[Stage], service: str, demand_requests_per_second: float, admitted_requests_per_second: float
) -> tuple[EndpointLimit, ...]:
    """Split what a service may admit over its endpoints in order of `value_rank`, 0 the most valuable.

    Each endpoint's demand is its share of a visit's requests on the service. A stage without a rank comes last;
    without a funnel the service is one endpoint under its own name.
    """
    shares = endpoint_shares(funnel, service) or [EndpointShare(service, None, 1.0, 1.0)]
    left, limits = admitted_requests_per_second, []
    for part in sorted(shares, key=lambda part: part.rank):
        demand = demand_requests_per_second * part.share
        admitted = min(demand, max(left, 0.0))
        left -= admitted
        limits.append(
            EndpointLimit(
                endpoint=part.endpoint,
                value_rank=part.value_rank,
                demand_requests_per_second=demand,
                admitted_requests_per_second=admitted,
                requests_per_call=part.requests_per_call,
            )
        )
    return tuple(limits)


def endpoint_shares(funnel: Sequence[Stage], service: str) -> list[EndpointShare]:
    """The part of each stage that calls the service."""
    reach, parts = 1.0, []
    for stage in funnel:
        each = stage.requests.get(service, 0.0)
        if reach * each > 0:
            parts.append(EndpointShare(stage.endpoint or stage.stage, stage.value_rank, reach * each, each))
        reach *= stage.continues_ratio
    total = sum(part.share for part in parts)
    return [part._replace(share=part.share / total) for part in parts]
