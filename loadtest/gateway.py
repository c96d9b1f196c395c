"""Behind the gateway: each service's own rate during the run, from the workspace's Prometheus sources."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

import numpy as np

from campaign.errors import UserError
from campaign.language import Text, say
from campaign.settings import Settings
from loadtest.policy import Validity
from loadtest.reached import MINUTE, highest_mean
from loadtest.results import ServiceResult
from loadtest.verdict import Cause
from metrics.sources.prometheus import fetch_prometheus
from metrics.sources.records import PrometheusSource, sources_of
from metrics.sources.retries import Passing, persistently

STEP_SECONDS, ATTEMPTS = 5, 3
RANGE = re.compile(r"\[(\d+)([smh])(?::[^\]]*)?\]")
UNITS = {"s": 1, "m": 60, "h": 3600}


@dataclass(frozen=True)
class Measured:
    """Requests per second of each service in its highest minute of the run, and why some could not be read."""

    requests_per_second: Mapping[str, float]
    unread: tuple[Text, ...] = ()


def prometheus_sources(settings: Settings) -> list[PrometheusSource]:
    """The workspace's sources of traffic that speak Prometheus."""
    return [s for s in sources_of(settings) if isinstance(s, PrometheusSource) and s.measure == "traffic"]


def measure_services(settings: Settings, started: datetime, ended: datetime) -> Measured:
    """Ask every source for [started, ended]; a source that is away or refuses is said, not raised."""
    found: dict[str, float] = {}
    unread: list[Text] = []
    for source in prometheus_sources(settings):
        try:
            for service, rate in _rates(source, settings, started, ended):
                found[service] = max(rate, found.get(service, 0.0))
        except (Passing, UserError) as error:
            unread.append(say("{source} could not be read: {reason}", source=source.name, reason=str(error)))
    return Measured(found, tuple(unread))


def range_seconds(query: str) -> int:
    """The longest range that a query looks back over; 0 where it names none, such as a recording rule."""
    return max((int(number) * UNITS[unit] for number, unit in RANGE.findall(query)), default=0)


def _rates(
    source: PrometheusSource, settings: Settings, started: datetime, ended: datetime
) -> Iterator[tuple[str, float]]:
    """Each service's highest minute. A value looks back over the query's range, so the first ones are left out, and
    values are averaged only over what is left of the minute."""
    looks_back = range_seconds(source.query)
    finer = source.model_copy(update={"step_seconds": STEP_SECONDS})
    since = min(started + timedelta(seconds=looks_back), ended - timedelta(seconds=2 * STEP_SECONDS))
    known = frozenset(settings.service_names)
    asking = partial(fetch_prometheus, finer, known, since, ended)
    batch = persistently(asking, time.sleep, random.Random(), ATTEMPTS)
    counted_ratio = 1.0 if source.gives_rates else STEP_SECONDS / source.step_seconds
    by_service: dict[str, list[float]] = {}
    for key in sorted(batch.rows):
        by_service.setdefault(str(key[1]), []).append(batch.rows[key][0] * counted_ratio)
    points = max((MINUTE - looks_back) // STEP_SECONDS, 1)
    for service, values in by_service.items():
        yield service, highest_mean(np.array(values), points)


def with_measured(
    services: Mapping[str, ServiceResult], measured: Measured, policy: Validity
) -> dict[str, ServiceResult]:
    """The services with their own figures in the place of computed ones, and whether each was exercised.

    A service that a source knows nothing of, while it knows others, was asked nothing.
    """
    if not measured.requests_per_second:
        return dict(services)
    found = {}
    for name, service in services.items():
        rate, wanted = measured.requests_per_second.get(name, 0.0), service.wanted_requests_per_second
        found[name] = ServiceResult(
            requests_per_second=rate,
            wanted_requests_per_second=wanted,
            read_from="prometheus",
            exercised=None if wanted is None else rate >= policy.exercised_ratio * wanted,
        )
    return found


def judge_exercised(services: Mapping[str, ServiceResult], measured: Measured, policy: Validity) -> Iterator[Cause]:
    """A service that was not exercised gets no GO, and with it the run."""
    for name, service in services.items():
        wanted = service.wanted_requests_per_second
        if service.exercised is False and wanted is not None:
            what = say("{service} was not exercised: {found} requests per second of {wanted}, less than {share} %",
                       service=name, found=f"{service.requests_per_second:.4g}", wanted=f"{wanted:.4g}",
                       share=f"{100 * policy.exercised_ratio:g}")  # fmt: skip
            yield Cause("not-exercised", "INCONCLUSIVE", what)
    for text in measured.unread:
        yield Cause("services-unread", "INCONCLUSIVE", text)
