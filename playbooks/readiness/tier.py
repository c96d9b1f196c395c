"""How large a campaign is for the system that carries it."""

from __future__ import annotations

from campaign.capacity import Capacity
from campaign.language import Text, say
from campaign.readiness import Tier
from campaign.settings import Replicas, Settings
from campaign.traffic import TrafficModel
from playbooks.readiness.policy import TierBelow


def load_ratio(
    model: TrafficModel | None, settings: Settings, capacities: dict[str, Capacity]
) -> tuple[float | None, list[Text]]:
    """The tightest service's p90 peak over what it is proven to carry, and what was assumed.

    Proven is a measured capacity (its low bound) × the replicas allowed, or a declared one × those that run today:
    beyond those, nobody has seen it carried.
    None where there is no forecast, or a service of the forecast has no known capacity.
    """
    if model is None:
        return None, [say("no traffic model yet: treated as tier L until there is one")]
    assumptions: list[Text] = []
    ratios: list[float] = []
    for name, peak in sorted(model.services.items()):
        replicas = settings.service(name).replicas if name in settings.service_names else None
        capacity = capacities.get(name)
        count = _proven_replicas(replicas, capacity) if replicas and capacity else None
        if capacity is None or not count:
            assumptions.append(say("what {service} can carry is unknown: treated as tier L until it is", service=name))
            continue
        if capacity.source == "declared":
            assumptions.append(say("the capacity of {service} is declared, not measured", service=name))
        carried = capacity.capacity_requests_per_second_per_replica.low * count
        ratios.append(peak.peak_requests_per_second.p90 / carried)
    known = len(ratios) == len(model.services)
    return (max(ratios) if known and ratios else None), assumptions


def _proven_replicas(replicas: Replicas, capacity: Capacity) -> int | None:
    if capacity.source == "declared":
        return replicas.today or replicas.min
    return replicas.max or replicas.today


def tier_of(ratio: float | None, below: TierBelow) -> Tier:
    """S below half of known capacity, M below 0.8, else L (shipped figures); L where the ratio is unknown."""
    if ratio is None:
        return "L"
    return "S" if ratio < below.S else "M" if ratio < below.M else "L"
