"""From requests on services to visits through the funnel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from campaign.language import Text, say
from campaign.settings import Service, Settings
from campaign.settings import Stage as FunnelStage
from loadtest.scenario import Objective, ScenarioStage

ASSUMED_P99_MS = 1000.0
ASSUMED_ERROR_RATIO = 0.01

Floats = NDArray[np.float64]


def reach_ratios(stages: Sequence[ScenarioStage]) -> list[float]:
    """Share of visits that get to each stage; the first is 1."""
    reached, ratios = 1.0, []
    for stage in stages:
        ratios.append(reached)
        reached *= stage.continues_ratio
    return ratios


def requests_per_visit(stages: Sequence[ScenarioStage]) -> dict[str, float]:
    """Requests that one visit makes of each service, over all stages it is expected to reach."""
    totals: dict[str, float] = {}
    for stage, reach in zip(stages, reach_ratios(stages), strict=True):
        for service, requests in stage.requests.items():
            totals[service] = totals.get(service, 0.0) + reach * requests
    return {service: total for service, total in totals.items() if total > 0}


def visits_per_second(stages: Sequence[ScenarioStage], rates: Mapping[str, Floats]) -> Floats:
    """The fewest visits per second under which no service of the funnel gets less than its curve, shape [second].

    `rates` are requests per second of each service; services that the funnel never asks are left out.
    """
    per_visit = requests_per_visit(stages)
    needed = [rates[service] / requests for service, requests in per_visit.items() if service in rates]
    return np.asarray(np.max(needed, axis=0), dtype=np.float64)


def funnel_stages(settings: Settings) -> tuple[tuple[ScenarioStage, ...], list[Text]]:
    """The workspace's funnel as stages of a scenario, and what had to be assumed."""
    said: list[Text] = []
    stages = tuple(_of_funnel(stage, settings, said) for stage in settings.funnel)
    return stages, said


def service_stages(settings: Settings, services: Sequence[str]) -> tuple[tuple[ScenarioStage, ...], list[Text]]:
    """One stage for each service where the workspace has no funnel: each service on its own curve."""
    said: list[Text] = [say("no funnel in surgeplan.yaml: every service gets its own curve on GET /")]
    stages = tuple(
        ScenarioStage(
            stage=name,
            endpoint="GET /",
            continues_ratio=0.0,
            objective=_objective(settings.service(name) if name in settings.service_names else None, name, said),
            requests={name: 1.0},
        )
        for name in services
    )
    return stages, said


def _of_funnel(stage: FunnelStage, settings: Settings, said: list[Text]) -> ScenarioStage:
    return ScenarioStage(
        stage=stage.stage,
        endpoint=_endpoint(stage, said),
        continues_ratio=stage.continues_ratio,
        think_seconds=stage.think_seconds,
        objective=_objective(_judged_by(stage, settings), stage.stage, said),
        requests=dict(stage.requests),
    )


def _endpoint(stage: FunnelStage, said: list[Text]) -> str:
    if not stage.endpoint:
        said.append(say("stage {stage} names no endpoint: assumed GET /{stage}", stage=stage.stage))
        return f"GET /{stage.stage}"
    method, _gap, path = stage.endpoint.strip().rpartition(" ")
    return f"{(method or 'GET').upper()} {path if path.startswith('/') else '/' + path}"


def _judged_by(stage: FunnelStage, settings: Settings) -> Service | None:
    if stage.stage in settings.service_names:
        return settings.service(stage.stage)
    if not stage.requests:
        return None
    return settings.service(max(stage.requests, key=lambda name: stage.requests[name]))


def _objective(service: Service | None, stage: str, said: list[Text]) -> Objective:
    p99_ms = service.slo.p99_ms if service else None
    error_ratio = service.slo.error_ratio if service else None
    if p99_ms is None:
        said.append(say("stage {stage} has no p99 objective: assumed {ms} ms", stage=stage, ms=f"{ASSUMED_P99_MS:g}"))
    if error_ratio is None:
        said.append(
            say("stage {stage} has no error objective: assumed {ratio}", stage=stage, ratio=f"{ASSUMED_ERROR_RATIO:g}")
        )
    return Objective(p99_ms=p99_ms or ASSUMED_P99_MS, error_ratio=_or(error_ratio, ASSUMED_ERROR_RATIO))


def _or(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
