"""Capacity from what a company already has: a table of steps, or past peaks in Prometheus."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from campaign.capacity import Capacity, CapacityRange, capacity_file, known_capacity
from campaign.errors import Problem, UserError
from campaign.files import write_json
from campaign.language import Text, say
from campaign.settings import Service, ServiceLevelObjective
from campaign.workspace import Workspace
from loadtest.funnel import ASSUMED_P99_MS
from loadtest.gateway import prometheus_sources
from loadtest.measure import require_service
from loadtest.past_peaks import P99_QUERY, REPLICAS_QUERY, Carried, best_carried, read_minutes
from loadtest.steps_elsewhere import best_carried as best_step
from loadtest.steps_elsewhere import knee_of_points, read_steps, require_milliseconds
from metrics.sources.records import PrometheusSource


@dataclass(frozen=True)
class Queries:
    """What to ask of Prometheus; SERVICE in a query stands for the service's name."""

    p99_ms: str = P99_QUERY
    replicas: str = REPLICAS_QUERY
    source: str | None = None
    since: datetime | None = None


def publish_steps_file(workspace: Workspace, service_name: str, file: Path, now: datetime, seed: int) -> Capacity:
    """Write `out/capacity/<service>.json` from steps measured elsewhere.

    Raises:
        UserError: unknown service, or a file that cannot be used; nothing is written.
    """
    service = require_service(workspace, service_name)
    objective_ms = service.slo.p99_ms or ASSUMED_P99_MS
    points = read_steps(file)
    require_milliseconds(points, objective_ms, file.name)
    knee = knee_of_points(points, objective_ms, service.slo.error_ratio, np.random.default_rng(seed))
    if knee is None:
        held = best_step(points, objective_ms)
        range_ = CapacityRange(low=held, mid=held, high=held)
    else:
        range_ = CapacityRange(low=knee.low, mid=knee.mid, high=knee.high)
    return _written(workspace, service, range_, knee is None, objective_ms, now, file.name)


def publish_past_peaks(
    workspace: Workspace, service_name: str, queries: Queries, now: datetime
) -> tuple[Capacity, Carried]:
    """Write `out/capacity/<service>.json` from what past campaigns' peaks carried.

    Raises:
        UserError: no such source, no past campaign, or no stretch within the objective.
    """
    service = require_service(workspace, service_name)
    objective_ms = service.slo.p99_ms or ASSUMED_P99_MS
    source = _source(workspace, queries.source)
    windows = _windows(workspace, service_name, queries.since, now)
    rates, p99_ms, replicas = (
        read_minutes(source, service_name, query, windows) for query in (None, queries.p99_ms, queries.replicas)
    )
    for minutes, name in ((rates, "requests"), (p99_ms, "p99"), (replicas, "replicas")):
        if not minutes:
            what = say(
                "{source} has no {name} of {service} at past peaks", source=source.name, name=name, service=service_name
            )
            todo = say("give the query with --p99-query or --replicas-query; SERVICE in it stands for the name")
            raise UserError(Problem(what, todo, file=source.url, key="--from-prometheus"))
    carried = best_carried(rates, p99_ms, replicas, objective_ms)
    if carried is None:
        what = say("no five minutes in a row of past peaks stayed within {ms} ms", ms=f"{objective_ms:g}")
        raise UserError(Problem(what, say("measure it with a load test"), key="--from-prometheus"))
    rate = carried.requests_per_second_per_replica
    range_ = CapacityRange(low=rate, mid=rate, high=rate)
    return _written(workspace, service, range_, True, objective_ms, carried.starts_at_utc, source.name), carried


def capacity_in_words(capacity: Capacity) -> Text:
    """One line for people."""
    found = capacity.capacity_requests_per_second_per_replica
    ms = f"{capacity.slo.p99_ms:g}" if capacity.slo.p99_ms else "-"
    if capacity.lower_bound:
        return say("one replica carried {low} requests per second with p99 within {ms} ms: it may carry more",
                   low=f"{found.low:.4g}", ms=ms)  # fmt: skip
    return say("one replica carries {low} requests per second with p99 within {ms} ms (estimate {mid}, at most {high})",
               low=f"{found.low:.0f}", mid=f"{found.mid:.0f}", high=f"{found.high:.0f}", ms=ms)  # fmt: skip


def _written(
    workspace: Workspace, service: Service, found: CapacityRange, lower_bound: bool, objective_ms: float, at: datetime,
    host: str,
) -> Capacity:  # fmt: skip
    file = capacity_file(workspace.folder, service.name)
    known = known_capacity(service, file) if file.is_file() else None
    if known is not None and known.source == "measured":
        what = say("{service} has a measured capacity", service=service.name)
        todo = say("move out/capacity/{service}.json away to replace it", service=service.name)
        raise UserError(Problem(what, todo, file=f"out/capacity/{file.name}"))
    capacity = Capacity(
        service=service.name,
        source="imported",
        capacity_requests_per_second_per_replica=found,
        lower_bound=lower_bound,
        slo=ServiceLevelObjective(p99_ms=objective_ms, error_ratio=service.slo.error_ratio),
        measured_at_utc=at,
        host=host,
    )
    write_json(file, capacity.model_dump(mode="json"))
    return capacity


def _source(workspace: Workspace, name: str | None) -> PrometheusSource:
    sources = prometheus_sources(workspace.settings)
    chosen = [source for source in sources if name in (None, source.name)]
    if not chosen:
        what = say("surgeplan.yaml has no such Prometheus source")
        todo = say("add one under sources: with kind: prometheus and a query of traffic")
        raise UserError(Problem(what, todo, file="surgeplan.yaml", key="sources"))
    return chosen[0]


def _windows(
    workspace: Workspace, service: str, since: datetime | None, now: datetime
) -> Sequence[tuple[datetime, datetime]]:
    """Past campaigns that touched the service, or all the time since then."""
    if since is not None:
        return [(since, now)]
    windows = [
        (plan.starts_at, min(plan.ends_at, now))
        for plan in workspace.plans
        if plan.touches(service) and plan.starts_at < now
    ]
    if not windows:
        what = say("no campaign in campaigns/ has begun yet")
        raise UserError(Problem(what, say("say how far back to look with --since TIME"), key="--since"))
    return windows
