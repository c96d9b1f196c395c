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


class Estimate(FileRecord):
    """A share or a coefficient, with its 95 % interval."""

    low: Annotated[float, Field(ge=0)]
    mid: Annotated[float, Field(ge=0)]
    high: Annotated[float, Field(ge=0)]


class ReplicasMeasured(FileRecord):
    """What so many replicas carried together, for each of them; efficiency is of one replica's own figure.

    saturated_requests_per_second: what all of them together replied to where more was offered; None where it never was.
    """

    replicas: Annotated[int, Field(ge=1)]
    capacity_requests_per_second_per_replica: CapacityRange
    efficiency_ratio: float | None = None
    saturated_requests_per_second: CapacityRange | None = None


class ExpectedEfficiency(FileRecord):
    """What each of so many replicas is expected to carry when saturated, as a share of what one alone does."""

    replicas: int
    efficiency_ratio: Estimate


class ReplicaScaling(FileRecord):
    """The Universal Scalability Law over replicas, fitted to what 1, 2, 4 … of them carried when saturated.

    N carry one * N / (1 + contention (N - 1) + coherency N (N - 1)).
    """

    requests_per_second_of_one: CapacityRange
    contention: Estimate
    coherency: Estimate
    expected: tuple[ExpectedEfficiency, ...]


class Capacity(FileRecord):
    """`out/capacity/<service>.json`, or the declared figure as a stated assumption.

    lower_bound: carried, but never pushed to its limit. replicas: each number of replicas that was measured; with one
    alone, scaling is assumed to be linear. scaling: what more of them are worth, where three numbers were saturated.
    """

    schema_version: Literal[1] = 1
    service: str
    source: Literal["measured", "declared", "imported"]
    capacity_requests_per_second_per_replica: CapacityRange
    lower_bound: bool = False
    replicas: tuple[ReplicasMeasured, ...] = ()
    scaling: ReplicaScaling | None = None
    slo: ServiceLevelObjective = ServiceLevelObjective()
    measured_at_utc: AwareDatetime | None = None
    campaign: str | None = None
    host: str | None = None
    image: str | None = None
    version: str | None = None
    mix: dict[str, float] = {}


def capacity_file(folder: Path, service: str) -> Path:
    """Where a workspace keeps what was measured of a service."""
    return folder / "out" / "capacity" / f"{service}.json"


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
