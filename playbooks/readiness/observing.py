"""Asks Prometheus or Kubernetes, read-only, and keeps the answer in `evidence/<id>/readings.json`."""

from __future__ import annotations

import json
import math
import subprocess
import urllib.parse
from datetime import UTC, datetime, timedelta
from typing import Any

from campaign.documents import read_json
from campaign.errors import Problem, UserError
from campaign.files import write_json
from campaign.language import Text, say
from campaign.workspace import Workspace
from metrics.sources.retries import Passing
from metrics.sources.web import ask_json, secret
from playbooks.readiness.policy import CHECKLIST, read_checklist_policy
from playbooks.readiness.readings import (
    READINGS,
    CacheHits,
    HitRatios,
    KubernetesReplicas,
    PrometheusReplicas,
    Readings,
    Sample,
)

HELD, STEP_SECONDS = timedelta(minutes=10), 30
TIMEOUT_SECONDS = 20.0


def pull_readings(workspace: Workspace, campaign: str, now: datetime) -> Readings:
    """Read what `readings:` in checklist.yaml names, as of `now`, and add it to what is kept.

    Raises:
        UserError: nothing is named there, or a system does not answer.
    """
    policy = read_checklist_policy(workspace.folder).readings
    if policy.replicas is None and policy.cache_hits is None:
        todo = say("name Prometheus or Kubernetes there, or sign the items with a note")
        raise UserError(Problem(say("names nothing to read"), todo, file=CHECKLIST, key="readings"))
    name = f"evidence/{campaign}/{READINGS}"
    file = workspace.folder / name
    kept = read_json(file, name, Readings) if file.is_file() else Readings()
    samples = read_replicas(policy.replicas, workspace.settings.service_names, now) if policy.replicas else ()
    made = Readings(
        read_from=policy.replicas.kind if policy.replicas else kept.read_from,
        samples=kept.with_samples(samples),
        cache_hits=read_hits(policy.cache_hits, now) if policy.cache_hits else kept.cache_hits,
    )
    write_json(file, made.model_dump(mode="json"))
    return made


def read_replicas(
    source: PrometheusReplicas | KubernetesReplicas, services: tuple[str, ...], now: datetime
) -> tuple[Sample, ...]:
    """Prometheus: the last ten minutes every 30 seconds; Kubernetes: this moment."""
    if isinstance(source, KubernetesReplicas):
        return (_kubernetes_sample(source, services, now),)
    ready = _range(source, source.ready, now)
    floors = _range(source, source.floor, now) if source.floor else {}
    return tuple(Sample(at_utc=at, ready=ready[at], floor=floors.get(at, {})) for at in sorted(ready))


def _range(source: PrometheusReplicas, query: str, now: datetime) -> dict[datetime, dict[str, float]]:
    """Values by instant and service."""
    given = {
        "query": query,
        "start": str(int((now - HELD).timestamp())),
        "end": str(int(now.timestamp())),
        "step": str(STEP_SECONDS),
    }
    found: dict[datetime, dict[str, float]] = {}
    for series in _ask(source.url, "query_range", given, source.token_env):
        service = series["metric"].get(source.service_label)
        for at, value in series["values"]:
            if service and not math.isnan(float(value)):
                found.setdefault(datetime.fromtimestamp(float(at), UTC), {})[service] = float(value)
    if not found:
        _refuse(source.url, say("{query} gave nothing with label {label}", query=query, label=source.service_label))
    return found


def read_hits(source: CacheHits, now: datetime) -> HitRatios:
    """The hit ratio of every cache at `now`."""
    given = {"query": source.query, "time": str(int(now.timestamp()))}
    ratios = {
        series["metric"].get(source.service_label) or "-": float(series["value"][1])
        for series in _ask(source.url, "query", given, source.token_env)
        if not math.isnan(float(series["value"][1]))
    }
    if not ratios:
        _refuse(
            source.url, say("{query} gave nothing with label {label}", query=source.query, label=source.service_label)
        )
    return HitRatios(at_utc=now, ratios=ratios, at_least_ratio=source.at_least_ratio)


def _ask(url: str, what: str, given: dict[str, str], token_env: str | None) -> list[dict[str, Any]]:
    address = f"{url.rstrip('/')}/api/v1/{what}?{urllib.parse.urlencode(given)}"
    token = secret(token_env) if token_env else None
    try:
        result: list[dict[str, Any]] = ask_json(address, token=token, timeout_seconds=TIMEOUT_SECONDS)["data"]["result"]
    except Passing as error:
        raise _unanswered(url, error.reason) from error
    except (KeyError, TypeError) as error:
        raise _unanswered(url, "no data.result") from error
    return result


def _unanswered(place: str, reason: Text | str) -> UserError:
    todo = say("try again, or sign the item with a note")
    return UserError(Problem(say("does not answer: {reason}", reason=reason), todo, file=place))


def _refuse(place: str, what: Any) -> None:
    raise UserError(Problem(what, say("try the query in Prometheus first"), file=place))


def _kubernetes_sample(source: KubernetesReplicas, services: tuple[str, ...], now: datetime) -> Sample:
    items = _kubectl(source)
    names = {service: source.deployments.get(service, service) for service in services}
    ready: dict[str, float] = {}
    floor: dict[str, float] = {}
    for service, name in names.items():
        for item in items:
            if item["kind"] == "Deployment" and item["metadata"]["name"] == name:
                ready[service] = float(item.get("status", {}).get("readyReplicas") or 0)
            if item["kind"] == "HorizontalPodAutoscaler" and item["spec"]["scaleTargetRef"]["name"] == name:
                floor[service] = float(item["spec"].get("minReplicas") or 1)
    return Sample(at_utc=now, ready=ready, floor=floor)


def _kubectl(source: KubernetesReplicas) -> list[dict[str, Any]]:
    command = ["kubectl", "get", "deployments,horizontalpodautoscalers", "--namespace", source.namespace, "-o", "json"]
    command += ["--context", source.context] if source.context else []
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_SECONDS, check=True)
        items: list[dict[str, Any]] = json.loads(done.stdout)["items"]
    except subprocess.CalledProcessError as error:
        raise _unanswered("kubectl", str(error.stderr).strip().partition("\n")[0]) from error
    except (OSError, subprocess.TimeoutExpired, ValueError, KeyError) as error:
        raise _unanswered("kubectl", str(error)) from error
    return items
