"""How large a campaign is for the system that carries it."""

from __future__ import annotations

from campaign.capacity import Capacity
from campaign.language import Text, say
from campaign.readiness import Tier
from campaign.settings import Settings
from campaign.traffic import TrafficModel
from playbooks.readiness.policy import TierBelow


def load_ratio(
    model: TrafficModel | None, settings: Settings, capacities: dict[str, Capacity]
) -> tuple[float | None, list[Text]]:
    """The tightest service's p90 peak over what it is proven to carry, and what was assumed.

    Proven is low capacity × the replicas that run today: more may be allowed, but nobody has seen them carry it.

    None where there is no forecast, or a service of the forecast has no known capacity.
    """
    if model is None:
        return None, [say("no traffic model yet: treated as tier L until there is one")]
    assumptions: list[Text] = []
    ratios: list[float] = []
    for name, peak in sorted(model.services.items()):
        replicas = settings.service(name).replicas if name in settings.service_names else None
        running = (replicas.today or replicas.min) if replicas else None
        if name not in capacities or not running:
            assumptions.append(say("what {service} can carry is unknown: treated as tier L until it is", service=name))
            continue
        if capacities[name].source == "declared":
            assumptions.append(say("the capacity of {service} is declared, not measured", service=name))
        carried = capacities[name].capacity_requests_per_second_per_replica.low * running
        ratios.append(peak.peak_requests_per_second.p90 / carried)
    known = len(ratios) == len(model.services)
    return (max(ratios) if known and ratios else None), assumptions


def tier_of(ratio: float | None, below: TierBelow) -> Tier:
    """S below half of known capacity, M below 0.8, else L (shipped figures); L where the ratio is unknown."""
    if ratio is None:
        return "L"
    return "S" if ratio < below.S else "M" if ratio < below.M else "L"
