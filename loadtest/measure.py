"""Measures what one replica carries: real runs of steps, then the knee and what it was found with."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from campaign.capacity import Capacity, CapacityRange, capacity_file
from campaign.console import Progress
from campaign.errors import Problem, UserError
from campaign.files import sha256, write_json
from campaign.language import say
from campaign.settings import Service
from campaign.workspace import Workspace
from loadtest.execution import OBSERVATIONS, Launch, practice_target, run_locust, startup_problem
from loadtest.funnel import ASSUMED_P99_MS, reach_ratios
from loadtest.hosts import checked_target, require_listening, require_marked
from loadtest.journeys import LOCUSTFILE
from loadtest.knee import Knee, Step, find_knee, knee_point
from loadtest.measurement import Measurement, MeasureOutcome, StepRecord, UslRecord
from loadtest.observations import read_observations
from loadtest.policy import shipped_validity
from loadtest.queueing import knee_per_second
from loadtest.replicas import capacity_of, measured_before, steps_name
from loadtest.results import PracticeTarget
from loadtest.scaling_law import fit_usl, saturated, saturated_throughput
from loadtest.scenario import SCENARIO, Scenario
from loadtest.steps import (
    FOCUS_TIMES,
    LADDER_SECONDS,
    Slot,
    beyond_rates,
    climbed_region,
    focus_rates,
    ladder,
    region_rates,
    slots_of,
    step_scenario,
    steps_seen,
    throughput_seen,
)
from loadtest.steps_elsewhere import StepPoint, log_p99_knee

Runner = Callable[[Sequence[Slot], bool], tuple[list[Step], float]]


@dataclass(frozen=True)
class MeasureWanted:
    """How to measure: where, how long each step, how far up."""

    host: str | None = None
    practice: PracticeTarget | None = None
    confirmed: str | None = None
    processes: int = 1
    step_seconds: int = 30
    highest_per_second: float = 2000.0
    image: str | None = None
    version: str | None = None
    replicas: int = 1
    seed: int = 0


def require_service(workspace: Workspace, name: str) -> Service:
    """Raises UserError where the workspace has no such service."""
    if name not in workspace.settings.service_names:
        names = ", ".join(workspace.settings.service_names)
        raise UserError(Problem(say("there is no service {name}", name=name), say("known: {names}", names=names)))
    return workspace.settings.service(name)


def mix_of(scenario: Scenario, service: str) -> dict[str, float]:
    """Each stage's share of the requests that reach `service` under the campaign's funnel; shares sum to one."""
    asked = {
        stage.stage: reach * stage.requests.get(service, 0.0)
        for stage, reach in zip(scenario.stages, reach_ratios(scenario.stages), strict=True)
    }
    if not any(asked.values()):
        asked = {s.stage: s.requests.get(service, 0.0) for s in scenario.stages}
    total = sum(asked.values())
    if not total:
        raise UserError(
            Problem(
                say("no stage of the scenario asks {service}", service=service),
                say("known: {names}", names=", ".join(sorted({n for s in scenario.stages for n in s.requests}))),
            )
        )
    return {stage: share / total for stage, share in asked.items() if share > 0}


def publish_capacity(
    workspace: Workspace, service_name: str, scenario: Scenario, wanted: MeasureWanted, now: datetime, told: Progress
) -> tuple[Measurement, Capacity | None]:
    """Measure one replica of a service (or several, for how they scale) and write `out/capacity/<service>.json` where
    the knee was found. Ctrl-C leaves the steps finished so far.

    Raises:
        UserError: unknown service, nothing to send to, or the objective is broken at the lowest rate.
    """
    service = require_service(workspace, service_name)
    mix = mix_of(scenario, service_name)
    if wanted.practice is None:
        return _measure_at(workspace, service, scenario, mix, wanted, now, told, str(wanted.host))
    with practice_target(wanted.practice.model_copy(update={"replicas": wanted.replicas})) as url:
        return _measure_at(workspace, service, scenario, mix, wanted, now, told, url)


def _measure_at(
    workspace: Workspace, service: Service, scenario: Scenario, mix: Mapping[str, float], wanted: MeasureWanted,
    now: datetime, told: Progress, url: str,
) -> tuple[Measurement, Capacity | None]:  # fmt: skip
    target = checked_target(url, scenario.allowed_hosts, wanted.confirmed)
    require_listening(target)
    require_marked(target, scenario.marker)
    objective_ms = service.slo.p99_ms or ASSUMED_P99_MS
    base = _judged_by(scenario, objective_ms, wanted.seed)
    folder = workspace.folder / "out" / "capacity" / service.name
    journeys = workspace.out(scenario.campaign) / "loadtest"
    launch = Launch(
        journeys, folder / SCENARIO, folder / "run", target.url, f"{scenario.marker}-capacity", wanted.processes,
        wanted.confirmed, target.loopback or scenario.writes_allowed,
    )  # fmt: skip

    finished: list[Step] = []

    def run(slots: Sequence[Slot], stop_when_slow: bool) -> tuple[list[Step], float]:
        scenario = step_scenario(base, mix, slots, stop_when_slow)
        steps, throughput, interrupted = _run_steps(launch, scenario, slots, stop_when_slow, told)
        finished.extend(steps)
        if interrupted:
            raise KeyboardInterrupt
        return steps, throughput

    rng = np.random.default_rng(wanted.seed)
    interrupted = False
    try:
        steps, limits = search(run, objective_ms, wanted, rng)
    except KeyboardInterrupt:
        steps, limits, interrupted = finished, None, True
    knee = find_knee(steps, objective_ms, rng) if limits else None
    slowest_lag = max((s.lag_p99_ms for s in steps if s.p99_ms <= objective_ms), default=0.0)
    policy = shipped_validity()
    late = slowest_lag > max(policy.lag_p99_ms, policy.lag_objective_ratio * objective_ms)
    measurement = Measurement(
        service=service.name,
        campaign=scenario.campaign,
        outcome=_outcome(interrupted, late, knee),
        replicas=wanted.replicas,
        objective_p99_ms=objective_ms,
        objective_assumed=service.slo.p99_ms is None,
        mix=dict(mix),
        knee=_per_replica(knee, wanted.replicas) if knee else None,
        log_p99_knee_requests_per_second=_log_p99_knee(steps, objective_ms, wanted.replicas) if knee else None,
        practice_truth_requests_per_second=_truth(wanted.practice, objective_ms, wanted.replicas),
        steps=tuple(_step_record(s) for s in sorted(steps, key=lambda s: s.offered_per_second)),
        saturated_requests_per_second=saturated_throughput(steps, rng),
        usl=_usl(steps),
        seed=wanted.seed,
        measured_at_utc=now,
        host=target.url,
        image=wanted.image,
        version=wanted.version,
        inputs={LOCUSTFILE: sha256(journeys / LOCUSTFILE)},
    )
    write_json(folder / steps_name(wanted.replicas), measurement.model_dump(mode="json"))
    if measurement.outcome != "measured":
        return measurement, None
    capacity = capacity_of(service, measurement, measured_before(folder))
    write_json(capacity_file(workspace.folder, service.name), capacity.model_dump(mode="json"))
    return measurement, capacity


def _outcome(interrupted: bool, late: bool, knee: Knee | None) -> MeasureOutcome:
    if interrupted:
        return "interrupted"
    if late:
        return "generator-too-slow"
    return "measured" if knee else "knee-not-reached"


def _per_replica(knee: Knee, replicas: int) -> CapacityRange:
    return CapacityRange(low=knee.low / replicas, mid=knee.mid / replicas, high=knee.high / replicas)


def _log_p99_knee(steps: Sequence[Step], objective_ms: float, replicas: int) -> float | None:
    return log_p99_knee([StepPoint(s.offered_per_second, s.p99_ms, replicas) for s in steps], objective_ms)


def search(
    run: Runner, objective_ms: float, wanted: MeasureWanted, rng: np.random.Generator
) -> tuple[list[Step], tuple[float, float] | None]:
    """Double until the objective breaks, measure that region in random order, then twice close around what was found;
    with a step well beyond until one was saturated.

    Returns:
        The measured steps, and the region; without a region the steps are those of the doubling.
    """
    lowest = min(10.0, wanted.highest_per_second / 16)
    rungs = slots_of(ladder(lowest, wanted.highest_per_second), LADDER_SECONDS, None)
    climbed, throughput = run(rungs, True)
    limits = climbed_region(climbed, rungs, objective_ms)
    if limits is None:
        return climbed, None
    seconds = wanted.step_seconds + warmup_seconds(wanted.step_seconds)
    steps: list[Step] = []
    rates = region_rates(*limits, throughput)
    for _time in range(1 + FOCUS_TIMES):
        more, _throughput = run(slots_of(_shuffled(rates, rng), seconds, throughput), False)
        steps += more
        knee = knee_point(steps, objective_ms)
        rates = (focus_rates(knee) if knee else rates) + beyond_rates(steps, wanted.highest_per_second)
    return steps, limits


def _shuffled(rates: Sequence[float], rng: np.random.Generator) -> list[float]:
    return [rates[i] for i in rng.permutation(len(rates))]


def warmup_seconds(step_seconds: int) -> int:
    """Cut off at the start of each step: a third of its length, at most ten seconds."""
    return min(max(step_seconds // 3, 1), 10)


def _run_steps(
    launch: Launch, scenario: Scenario, slots: Sequence[Slot], climbing: bool, told: Progress
) -> tuple[list[Step], float, bool]:
    """The finished steps, the most replies per second, and whether Ctrl-C ended it."""
    seconds = slots[-1].last
    write_json(launch.scenario, scenario.model_dump(mode="json"))
    doing = say("Doubling the load") if climbing else say("Measuring steps")
    ended = run_locust(launch, seconds + 60, lambda gone: told(doing, int(min(gone, seconds)), seconds))
    seen = read_observations(launch.record / OBSERVATIONS)
    if not seen.cells:
        if ended.interrupted:
            return [], 0.0, True
        raise UserError(startup_problem(launch.record))
    shortest = min(slot.last - slot.first for slot in slots)
    warmup = 1 if climbing else warmup_seconds(shortest * 3 // 4)
    return steps_seen(scenario, slots, seen, warmup), throughput_seen(scenario, seen), ended.interrupted


def _judged_by(scenario: Scenario, objective_ms: float, seed: int) -> Scenario:
    """The scenario with every stage under the service's own objective."""
    stages = tuple(
        stage.model_copy(update={"objective": stage.objective.model_copy(update={"p99_ms": objective_ms})})
        for stage in scenario.stages
    )
    return scenario.model_copy(update={"stages": stages, "seed": seed, "scale_ratio": 1.0})


def _truth(target: PracticeTarget | None, objective_ms: float, replicas: int) -> float | None:
    """The practice target's own knee for each replica, where it has a closed form."""
    if target is None or target.distribution != "exponential":
        return None
    return knee_per_second(target.workers, target.service_ms / 1000, objective_ms / 1000, dealt_to=replicas)


def _step_record(step: Step) -> StepRecord:
    return StepRecord(
        offered_per_second=step.offered_per_second,
        achieved_per_second=step.achieved_per_second,
        p99_ms=step.p99_ms,
        mean_ms=step.mean_ms,
        generator_lag_p99_ms=step.lag_p99_ms,
        saturated=saturated(step),
    )


def _usl(steps: Sequence[Step]) -> UslRecord | None:
    usl = fit_usl(steps)
    if usl is None:
        return None
    return UslRecord(
        requests_per_second_of_one=usl.requests_per_second_of_one,
        contention=usl.contention,
        coherency=usl.coherency,
        peak_requests_per_second=usl.peak_requests_per_second,
    )
