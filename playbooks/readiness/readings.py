"""What was read off the running system: replicas and floors by service, cache hits; and where it may be read.

`evidence/<id>/readings.json` is written by `--pull`; a team's own job may write it too.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from campaign.documents import FileRecord
from campaign.plan import Identifier, Ratio

READINGS = "readings.json"
KEPT = timedelta(hours=3)
Count = Annotated[float, Field(ge=0)]


class PrometheusReplicas(FileRecord):
    """Queries of ready replicas, and of the HPA's floor (minReplicas), by a label that names the service."""

    kind: Literal["prometheus"]
    url: str
    ready: str
    floor: str | None = None
    service_label: str = "service"
    token_env: Identifier | None = None


class KubernetesReplicas(FileRecord):
    """`kubectl get` of deployments and HPAs; nothing is ever written. deployments: names that are not the service's."""

    kind: Literal["kubernetes"]
    namespace: Identifier
    context: str | None = None
    deployments: dict[str, str] = {}


class CacheHits(FileRecord):
    """A query of the hit ratio by service or cache, and from which ratio on a cache is warm."""

    url: str
    query: str
    service_label: str = "service"
    at_least_ratio: Ratio = 0.9
    token_env: Identifier | None = None


class ReadingsPolicy(FileRecord):
    """`readings:` in checklist.yaml; what is left out is proved by a signed note."""

    replicas: Annotated[PrometheusReplicas | KubernetesReplicas, Field(discriminator="kind")] | None = None
    cache_hits: CacheHits | None = None


class Sample(FileRecord):
    """Ready replicas, and floors where they are known, by service at one instant."""

    at_utc: AwareDatetime
    ready: dict[str, Count]
    floor: dict[str, Count] = {}


class HitRatios(FileRecord):
    at_utc: AwareDatetime
    ratios: dict[str, float]
    at_least_ratio: float


class Readings(FileRecord):
    """`evidence/<id>/readings.json`: samples in time order, of the last three hours; the newest hit ratios."""

    schema_version: Literal[1] = 1
    read_from: Literal["prometheus", "kubernetes", "other"] = "other"
    samples: tuple[Sample, ...] = ()
    cache_hits: HitRatios | None = None

    def with_samples(self, more: tuple[Sample, ...]) -> tuple[Sample, ...]:
        """Old and new samples in time order, one for each instant; those long before the newest are dropped."""
        by_time = {sample.at_utc: sample for sample in (*self.samples, *more)}
        newest = max(by_time, default=None)
        return tuple(by_time[at] for at in sorted(by_time) if newest is not None and newest - at <= KEPT)
