"""The profile `breakpoint`: which stage broke its objective first, and at how much of the peak."""

from __future__ import annotations

import numpy as np

from loadtest.observations import ALL_STAGES, FAILED, FIELDS, LAG, OK, SLOW, Observations, merged, quantiles_ms
from loadtest.policy import Profiles, Validity
from loadtest.profiles import peak_multiple
from loadtest.results import BreakpointResult
from loadtest.scenario import Scenario
from loadtest.verdict import lag_limit_ms, ratio_interval


def breaks_first(
    scenario: Scenario, seen: Observations, policy: Validity, profiles: Profiles
) -> BreakpointResult | None:
    """The first window in which a stage broke an objective beyond doubt; None where none did, or in other profiles."""
    if scenario.profile != "breakpoint":
        return None
    for first in range(0, scenario.duration_seconds, scenario.window_seconds):
        for index, stage in enumerate(scenario.stages):
            if _broken(scenario, seen, index, first, policy):
                multiple = peak_multiple(first, scenario.duration_seconds, profiles)
                late = _late(scenario, seen, first, policy)
                return BreakpointResult(stage=stage.stage, second=first, peak_multiple=multiple, generator_late=late)
    return None


def _broken(scenario: Scenario, seen: Observations, index: int, first: int, policy: Validity) -> bool:
    counts = np.sum(
        [seen.cells[s, index] for s in range(first, first + scenario.window_seconds) if (s, index) in seen.cells]
        or [np.zeros(len(FIELDS), np.int64)],
        axis=0,
    )
    replied = int(counts[OK] + counts[FAILED])
    limits = ((SLOW, policy.slow_ratio), (FAILED, scenario.stages[index].objective.error_ratio))
    return replied > 0 and any(
        ratio_interval(min(int(counts[field]), replied), replied, policy.confidence_ratio).low > limit
        for field, limit in limits
    )


def _late(scenario: Scenario, seen: Observations, second: int, policy: Validity) -> bool:
    window = second // scenario.window_seconds
    near = [seen.histograms[key] for w in (window - 1, window) if (key := (ALL_STAGES, LAG, w)) in seen.histograms]
    return quantiles_ms(merged(near)).get("p99", 0.0) > lag_limit_ms(scenario, policy)
