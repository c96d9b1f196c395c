"""Which rates to offer one replica, in which order: doubling to find the region, then steps through it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from loadtest.knee import Floats, Step, buckets_of
from loadtest.observations import ALL_STAGES, DONE, INTENDED, LAG, RESPONSE, Observations, merged, quantiles_ms
from loadtest.scaling_law import saturated
from loadtest.scenario import Scenario, Stream
from loadtest.schedule import segments_of

LADDER_SECONDS, REGION_STEPS, FOCUS_STEPS, FOCUS_TIMES = 3, 6, 5, 2
# A rung of three seconds at a low rate has few requests: one or two slow ones there are chance.
BROKEN_RATIO, BROKEN_REQUESTS = 0.05, 5
BEYOND_RATIO = 1.25


@dataclass(frozen=True)
class Slot:
    """One step's place in a run: [first, last) seconds at one rate."""

    rate_per_second: float
    first: int
    last: int


def ladder(lowest: float, highest: float) -> list[float]:
    """Rates that double from `lowest` until `highest` is passed."""
    rates = [lowest]
    while rates[-1] < highest:
        rates.append(min(2 * rates[-1], highest))
    return rates


def bracket(rungs: Sequence[tuple[float, bool]]) -> tuple[float, float] | None:
    """Of (rate, whether it broke the objective): the rate before the first that did, and that one; None without one."""
    ordered = sorted(rungs)
    first = next((i for i, (_rate, broken) in enumerate(ordered) if broken), None)
    if first is None:
        return None
    high = ordered[first][0]
    return (ordered[first - 1][0] if first else high / 4), high


def climbed_region(climbed: Sequence[Step], rungs: Sequence[Slot], objective_ms: float) -> tuple[float, float] | None:
    """Where the knee must be after doubling; None where no rung broke the objective.

    Rungs are short, so p95 decides instead of p99, and the region begins below the last rung that held. A run that
    stopped itself did so in the rung after the last finished one.
    """
    points = [(step.offered_per_second, _broken(step, objective_ms)) for step in climbed]
    if len(climbed) < len(rungs):
        points.append((rungs[len(climbed)].rate_per_second, True))
    found = bracket(points)
    return (found[0] / 1.5, found[1]) if found else None


def _broken(step: Step, objective_ms: float) -> bool:
    slow, requests = step.slow_and_all(objective_ms).sum(axis=0)
    return bool(slow >= BROKEN_REQUESTS and slow > BROKEN_RATIO * requests)


def region_rates(low: float, high: float, throughput: float) -> list[float]:
    """Steps through [low, high], but not far beyond the most replies per second that were seen."""
    return [float(r) for r in np.linspace(low, max(min(high, 1.1 * throughput), 1.2 * low), REGION_STEPS)]


def focus_rates(knee: float) -> list[float]:
    """Steps close around an estimate of the knee, some of them past it."""
    return [float(r) for r in knee * np.linspace(0.82, 1.14, FOCUS_STEPS)]


def beyond_rates(steps: Sequence[Step], highest: float) -> list[float]:
    """One step well beyond the most replies per second, until one was saturated; never above `highest`.

    A target may break its objective long before it is saturated, and doubling stops too soon after it to tell.
    """
    if any(saturated(step) for step in steps):
        return []
    return [min(BEYOND_RATIO * max(step.achieved_per_second for step in steps), highest)]


def slots_of(rates: Sequence[float], seconds: int, throughput: float | None) -> list[Slot]:
    """Place steps one after the other, with a pause in which the backlog of an overloading one is worked off."""
    slots, at = [], 0
    for rate in rates:
        slots.append(Slot(rate, at, at + seconds))
        backlog = max(rate / throughput - 1, 0) * seconds if throughput else 0
        at += seconds + 1 + int(np.ceil(1.5 * backlog))
    return slots


def step_scenario(base: Scenario, mix: Mapping[str, float], slots: Sequence[Slot], stop_when_slow: bool) -> Scenario:
    """A scenario that plays the slots; `mix` is each stage's share of the requests."""
    duration = slots[-1].last + 1
    rates = np.zeros(duration)
    for slot in slots:
        rates[slot.first : slot.last] = slot.rate_per_second
    stages = tuple(stage for stage in base.stages if mix.get(stage.stage, 0) > 0)
    streams = tuple(
        Stream(stream=s.stage, stage=s.stage, goes_on=False, segments=segments_of(rates * mix[s.stage])) for s in stages
    )
    return base.model_copy(
        update={
            "curve": "steps", "profile": "replay", "judged_seconds": None, "admission": None,
            "stages": stages, "streams": streams, "duration_seconds": duration, "window_seconds": 1,
            "drain_seconds": 5.0, "timeout_seconds": 10.0, "abort_seconds": 2 if stop_when_slow else 10,
            "abort_error_ratio": 0.5 if stop_when_slow else 1.0, "abort_slow_ratio": 0.5 if stop_when_slow else 1.0,
            "arrivals": "poisson", "forecast_requests_per_second_peak": {}, "invalidates": (),
        }
    )  # fmt: skip


def steps_seen(scenario: Scenario, slots: Sequence[Slot], seen: Observations, warmup_seconds: int) -> list[Step]:
    """What each slot showed after its warm-up; slots that the run never finished are left out."""
    last_second = max((second for second, _stage in seen.cells), default=-1)
    found = []
    for slot in slots:
        if slot.last - 1 > last_second:
            continue
        found.append(_step(scenario, slot, seen, slot.first + min(warmup_seconds, slot.last - slot.first - 1)))
    return found


def _step(scenario: Scenario, slot: Slot, seen: Observations, first: int) -> Step:
    seconds = range(first, slot.last)
    stages = range(len(scenario.stages))
    histograms = [
        merged(h for h in (seen.histograms.get((s, RESPONSE, second)) for s in stages) if h is not None)
        for second in seconds
    ]
    counts, bucket_ms = buckets_of(histograms)
    total = counts.sum(axis=0)
    lag = merged(h for h in (seen.histograms.get((ALL_STAGES, LAG, s)) for s in seconds) if h is not None)
    return Step(
        offered_per_second=slot.rate_per_second,
        mean_ms=float((total * bucket_ms).sum() / max(total.sum(), 1)),
        lag_p99_ms=quantiles_ms(lag).get("p99", 0.0),
        counts=counts,
        bucket_ms=bucket_ms,
        intended=_of_all_stages(scenario, seen, INTENDED)[seconds],
        done=_of_all_stages(scenario, seen, DONE)[seconds],
    )


def throughput_seen(scenario: Scenario, seen: Observations) -> float:
    """The most replies per second, over two seconds in a row."""
    return float(np.convolve(_of_all_stages(scenario, seen, DONE), [0.5, 0.5], "valid").max())


def _of_all_stages(scenario: Scenario, seen: Observations, field: int) -> Floats:
    """One count by second of the run, all stages together."""
    counts = [seen.counts(i, scenario.duration_seconds + 1)[:, field] for i in range(len(scenario.stages))]
    return np.asarray(np.sum(counts, axis=0), np.float64)
