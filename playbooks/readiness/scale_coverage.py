"""Does an autoscaling plan made for an earlier model still carry this one? Otherwise where it falls short."""

from __future__ import annotations

import math
from collections.abc import Iterator

from campaign.language import Text, say
from campaign.numbers import local_minute
from campaign.settings import Settings
from campaign.traffic import TrafficModel
from playbooks.autoscaling.orders import ready_at
from playbooks.autoscaling.plan import AutoscalingPlan, ServicePlan
from playbooks.readiness.rates import Rates


def falls_short(scaling: AutoscalingPlan, model: TrafficModel, rates: Rates, settings: Settings) -> list[Text]:
    """Each service whose ready floors (or highest HPA bound) do not carry the model's p90, with the worst instant."""
    return [text for name in model.services for text in _of_service(name, scaling, model, rates, settings)]


def _of_service(
    name: str, scaling: AutoscalingPlan, model: TrafficModel, rates: Rates, settings: Settings
) -> Iterator[Text]:
    service = scaling.services.get(name)
    if service is None:
        yield say("{service} is not in it", service=name)
        return
    needed = _replicas(service, model.services[name].peak_requests_per_second.p90)
    if needed > max(service.replicas.most, service.replicas.peak):
        yield say("{service} needs {needed} replicas, at most {has} are planned",
                  service=name, needed=needed, has=max(service.replicas.most, service.replicas.peak))  # fmt: skip
        return
    if service.verdict == "reactive-suffices":
        return
    missing = [(_replicas(service, rate) - ready_at(service, at), at) for at, rate in rates.get(name, ())]
    worst, at = max(missing, default=(0, None))
    if worst > 0 and at is not None:
        there = ready_at(service, at)
        yield say("{service} needs {needed} replicas at {at}, {has} are planned", service=name, needed=there + worst,
                  at=local_minute(at, settings.zone), has=there)  # fmt: skip


def _replicas(service: ServicePlan, requests_per_second: float) -> int:
    return math.ceil(requests_per_second / service.capacity_requests_per_second_per_replica.low)
