"""One, two and four replicas: what each of them carries, and the capacity that plans use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from campaign.capacity import Capacity, ReplicasMeasured
from campaign.documents import read_json
from campaign.errors import UserError
from campaign.settings import Service, ServiceLevelObjective
from loadtest.measurement import Measurement
from loadtest.scaling_law import scaling_of_replicas


def steps_name(replicas: int) -> str:
    """The file of a measurement in `out/capacity/<service>/`."""
    return "steps.json" if replicas == 1 else f"steps-{replicas}-replicas.json"


def measured_before(folder: Path) -> list[Measurement]:
    """Every measurement of the service that found its knee, by number of replicas; unreadable files are passed over."""
    found = []
    for file in folder.glob("steps*.json"):
        try:
            found.append(read_json(file, file.name, Measurement))
        except UserError:
            continue
    return sorted((m for m in found if m.outcome == "measured" and m.knee), key=lambda m: m.replicas)


def capacity_of(service: Service, latest: Measurement, known: Sequence[Measurement]) -> Capacity:
    """The capacity of one replica: of all comparable measurements the one whose lower bound is lowest.

    Comparable are those of the same mix, image and version; more replicas can only share what one has to itself.
    """
    alike = [m for m in known if _comparable(m, latest)]
    rows = measured_rows(alike)
    lowest = min((row.capacity_requests_per_second_per_replica for row in rows), key=lambda found: found.low)
    return Capacity(
        service=service.name,
        source="measured",
        capacity_requests_per_second_per_replica=lowest,
        replicas=rows,
        scaling=scaling_of_replicas(
            {m.replicas: m.saturated_requests_per_second for m in alike if m.saturated_requests_per_second},
            np.random.default_rng(latest.seed),
        ),
        slo=ServiceLevelObjective(p99_ms=latest.objective_p99_ms, error_ratio=service.slo.error_ratio),
        measured_at_utc=latest.measured_at_utc,
        campaign=latest.campaign,
        host=latest.host,
        image=latest.image,
        version=latest.version,
        mix=latest.mix,
    )


def _comparable(one: Measurement, other: Measurement) -> bool:
    """Shares in files have six digits."""
    shares = {stage: one.mix.get(stage, 0) - other.mix.get(stage, 0) for stage in {*one.mix, *other.mix}}
    same_mix = all(abs(difference) < 1e-4 for difference in shares.values())
    return same_mix and (one.image, one.version) == (other.image, other.version)


def measured_rows(measurements: Sequence[Measurement]) -> tuple[ReplicasMeasured, ...]:
    """What each number of replicas carried per replica, and how much that is of one replica's own."""
    alone = next((m.knee.mid for m in measurements if m.replicas == 1 and m.knee), None)
    return tuple(
        ReplicasMeasured(
            replicas=m.replicas,
            capacity_requests_per_second_per_replica=m.knee,
            efficiency_ratio=m.knee.mid / alone if alone else None,
            saturated_requests_per_second=m.saturated_requests_per_second,
        )
        for m in measurements
        if m.knee
    )
