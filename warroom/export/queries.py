"""What a team's Prometheus is asked about one service: the queries that history and the live side use already."""

from __future__ import annotations

from collections.abc import Iterable

from campaign.settings import Settings
from metrics.sources.records import (
    PrometheusSource,
    ReadingName,
    ReadingSource,
    reading_sources_of,
    sources_of,
)
from playbooks.autoscaling.policy import AutoscalingPolicy


def demand_query(settings: Settings, policy: AutoscalingPolicy, service: str) -> str:
    """Requests per second of one service, one value without labels: the source that fills history, else the autoscaling
    policy's query."""
    traffic = [s for s in sources_of(settings) if isinstance(s, PrometheusSource) and s.measure == "traffic"]
    source = _knowing(traffic, service)
    if not isinstance(source, PrometheusSource):
        return policy.prometheus_query.replace("{service}", service)
    own = _of_service(source, source.query, service)
    return f"sum({own})" if source.gives_rates else f"sum({own}) / {source.step_seconds}"


def reading_query(settings: Settings, reading: ReadingName, service: str) -> str | None:
    """A reading of one service, one value without labels. None where no source has it."""
    source = _knowing([s for s in reading_sources_of(settings) if s.reading == reading], service)
    return f"max({_of_service(source, source.query, service)})" if source is not None else None


def error_share_query(settings: Settings, policy: AutoscalingPolicy, service: str, over: str) -> str | None:
    """The share of a service's requests of the time `over` (such as 1h) that failed: every request counts as much as
    another, so a quiet minute weighs little. Where its requests are not known, the mean of the minutes' shares. One
    value without labels; None where no source has its errors."""
    share = reading_query(settings, "error_ratio", service)
    if share is None:
        return None
    known = f"({share}) >= 0"  # a minute without requests has no share (0/0)
    requests = demand_query(settings, policy, service)
    failed, came = f"(({known}) * ({requests}))[{over}:1m]", f"({requests})[{over}:1m]"
    return f"sum_over_time({failed}) / sum_over_time({came}) or avg_over_time(({known})[{over}:1m])"


def _knowing(
    sources: Iterable[PrometheusSource | ReadingSource], service: str
) -> PrometheusSource | ReadingSource | None:
    """The source of this very service, else one of all services."""
    known = [source for source in sources if source.service in (None, service)]
    return min(known, key=lambda source: source.service is None, default=None)


def _of_service(source: PrometheusSource | ReadingSource, query: str, service: str) -> str:
    """Only the series of one service. A query's own selectors cannot be changed, so it is joined with its name."""
    if source.service is not None:
        return query
    named = next((theirs for theirs, ours in source.rename.items() if ours == service), service)
    label = source.service_label
    return f'({query}) and on ({label}) label_replace(vector(1), "{label}", "{named}", "", "")'
