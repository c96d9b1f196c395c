"""What one replica carries within its objective, and how that is known."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, model_validator

from campaign.documents import Complaint, FileRecord, read_json
from campaign.language import say
from campaign.plan import Positive
from campaign.settings import Service, ServiceLevelObjective


class CapacityRange(FileRecord):
    """Requests per second and replica; plans use `low`."""

    low: Positive
    mid: Positive
    high: Positive

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if not self.low <= self.mid <= self.high:
            raise Complaint(say("low, mid and high are not in order"), say("write the smallest first"))
        return self


class ReplicasMeasured(FileRecord):
    """What so many replicas carried together, for each of them; efficiency is of one replica's own figure."""

    replicas: Annotated[int, Field(ge=1)]
    capacity_requests_per_second_per_replica: CapacityRange
    efficiency_ratio: float | None = None


class Capacity(FileRecord):
    """`out/capacity/<service>.json`, or the declared figure as a stated assumption.

    lower_bound: carried, but never pushed to its limit. replicas: each number of replicas that was measured; with one
    alone, scaling is assumed to be linear.
    """

    schema_version: Literal[1] = 1
    service: str
    source: Literal["measured", "declared", "imported"]
    capacity_requests_per_second_per_replica: CapacityRange
    lower_bound: bool = False
    replicas: tuple[ReplicasMeasured, ...] = ()
    slo: ServiceLevelObjective = ServiceLevelObjective()
    measured_at_utc: AwareDatetime | None = None
    campaign: str | None = None
    host: str | None = None
    image: str | None = None
    version: str | None = None
    mix: dict[str, float] = {}


def known_capacity(service: Service, measured_file: Path) -> Capacity | None:
    """The measured capacity where there is one, else the declared one, else None.

    Raises:
        UserError: the measured file cannot be read.
    """
    if measured_file.is_file():
        return read_json(measured_file, f"out/capacity/{measured_file.name}", Capacity)
    declared = service.capacity_requests_per_second_per_replica
    if declared is None:
        return None
    return Capacity(
        service=service.name,
        source="declared",
        capacity_requests_per_second_per_replica=CapacityRange(low=declared, mid=declared, high=declared),
        slo=service.slo,
    )
