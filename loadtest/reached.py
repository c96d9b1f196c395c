"""What a run reached: requests per second of every service, the mix, and its steepest ten seconds."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from loadtest.observations import DONE, SENT, Observations
from loadtest.results import ServiceResult
from loadtest.scenario import Scenario

MINUTE = 60
Floats = NDArray[np.float64]


def services_reached(scenario: Scenario, seen: Observations) -> dict[str, ServiceResult]:
    """Each service's highest minute, computed from replies and the requests that each stage makes of it."""
    names = sorted({*scenario.wanted_requests_per_second, *(n for stage in scenario.stages for n in stage.requests)})
    return {
        name: ServiceResult(
            requests_per_second=highest_mean(_asked(scenario, seen, name), MINUTE),
            wanted_requests_per_second=scenario.wanted_requests_per_second.get(name),
        )
        for name in names
    }


def mix_sent(scenario: Scenario, seen: Observations) -> dict[str, float]:
    """Each stage's share of the requests sent; empty where nothing was."""
    sent = [float(_of(scenario, seen, i, SENT).sum()) for i in range(len(scenario.stages))]
    total = sum(sent)
    return {s.stage: n / total for s, n in zip(scenario.stages, sent, strict=True)} if total else {}


def steepest_ten_seconds(scenario: Scenario, seen: Observations) -> int:
    """The most requests sent in ten seconds in a row, all stages together."""
    total = sum(_of(scenario, seen, i, SENT) for i in range(len(scenario.stages)))
    return round(10 * highest_mean(np.asarray(total, np.float64), 10)) if np.size(total) >= 10 else int(np.sum(total))


def highest_mean(per_second: Floats, seconds: int) -> float:
    """The highest mean over `seconds` in a row; over all of them where there are fewer."""
    span = min(seconds, len(per_second))
    sums = np.concatenate([[0.0], np.cumsum(per_second)])
    return float((sums[span:] - sums[:-span]).max() / span) if span else 0.0


def _asked(scenario: Scenario, seen: Observations, service: str) -> Floats:
    per_call = [stage.requests.get(service, 0.0) for stage in scenario.stages]
    return np.asarray(sum(each * _of(scenario, seen, i, DONE) for i, each in enumerate(per_call)), np.float64)


def _of(scenario: Scenario, seen: Observations, stage: int, field: int) -> Floats:
    """One count of one stage, shape [second of the run]; what came after its end is left out."""
    seconds = scenario.duration_seconds
    return seen.counts(stage, seconds + 1)[:seconds, field].astype(np.float64)
