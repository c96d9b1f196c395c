"""What past peaks proved: the best rate per replica that was carried within the objective, from Prometheus.

Nothing was pushed to its limit there, so the figure is a lower bound: the replica may carry more.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial

from campaign.errors import Problem, UserError
from campaign.language import say
from loadtest.gateway import ATTEMPTS
from metrics.sources.prometheus import fetch_prometheus
from metrics.sources.records import PrometheusSource
from metrics.sources.retries import Passing, persistently

P99_QUERY = (
    '1000 * histogram_quantile(0.99, sum by (le) (rate(http_request_duration_seconds_bucket{service="SERVICE"}[1m])))'
)
REPLICAS_QUERY = 'sum(kube_deployment_status_replicas_ready{deployment="SERVICE"})'
SUSTAINED_MINUTES = 5
MINUTE = 60


@dataclass(frozen=True)
class Carried:
    """Requests per second and replica, held for `SUSTAINED_MINUTES` within the objective."""

    requests_per_second_per_replica: float
    replicas: float
    p99_ms: float
    starts_at_utc: datetime


Minutes = Mapping[int, float]
"""Start of the minute in seconds of UTC to a figure."""


def best_carried(rates: Minutes, p99_ms: Minutes, replicas: Minutes, objective_ms: float) -> Carried | None:
    """The best stretch of whole minutes in a row, each with all three figures and p99 within the objective."""
    held = {
        at: rates[at] / replicas[at]
        for at in rates
        if replicas.get(at, 0) >= 1 and 0 < p99_ms.get(at, 0) <= objective_ms
    }
    best: tuple[float, int] | None = None
    for at in sorted(held):
        span = [held.get(at + MINUTE * i) for i in range(SUSTAINED_MINUTES)]
        whole = [value for value in span if value is not None]
        if len(whole) == SUSTAINED_MINUTES:
            mean = sum(whole) / SUSTAINED_MINUTES
            best = (mean, at) if best is None or mean > best[0] * (1 + 1e-9) else best
    if best is None:
        return None
    rate, at = best
    minutes = [at + MINUTE * i for i in range(SUSTAINED_MINUTES)]
    return Carried(
        requests_per_second_per_replica=rate,
        replicas=sum(replicas[m] for m in minutes) / SUSTAINED_MINUTES,
        p99_ms=max(p99_ms[m] for m in minutes),
        starts_at_utc=datetime.fromtimestamp(at, UTC),
    )


def read_minutes(
    source: PrometheusSource, service: str, query: str | None, windows: Sequence[tuple[datetime, datetime]]
) -> Minutes:
    """One figure a minute over all windows; the source's own query, or another one with SERVICE in it.

    Raises:
        UserError: the server is away, or refuses.
    """
    asked = source.model_copy(update={"step_seconds": MINUTE})
    if query is not None:
        named = {"query": query.replace("SERVICE", service), "values": "rates", "service": service, "rename": {}}
        asked = asked.model_copy(update=named)
    found: dict[int, float] = {}
    for since, until in windows:
        try:
            asking = partial(fetch_prometheus, asked, frozenset({service}), since, until)
            batch = persistently(asking, time.sleep, random.Random(), ATTEMPTS)
        except Passing as error:
            what = say("{source} could not be read: {reason}", source=source.name, reason=error.reason)
            raise UserError(Problem(what, say("try again when it is back"), file=source.url)) from error
        found |= {int(key[0]): figures[0] for key, figures in batch.rows.items() if key[1] == service}
    return found
