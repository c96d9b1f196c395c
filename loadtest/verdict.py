"""GO, NO-GO, INVALID or INCONCLUSIVE: whether the run proves anything, then each endpoint against its objective."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta

from campaign.language import Text, say
from loadtest.login import TO_LOGIN
from loadtest.observations import (
    ALL_STAGES,
    DONE,
    FAILED,
    INTENDED,
    LAG,
    OK,
    REFUSED,
    RESPONSE,
    SENT,
    SERVICE,
    SLOW,
    Observations,
    quantiles_ms,
)
from loadtest.policy import Validity
from loadtest.results import EndpointResult, GeneratorResult, Interval, Latency, Outcome
from loadtest.scenario import Scenario, ScenarioStage

Counts = NDArray[np.int64]
StageOutcome = Literal["GO", "NO-GO", "INCONCLUSIVE"]
LOGGED_OUT = ("401", "403", TO_LOGIN)


@dataclass(frozen=True)
class Cause:
    """One reason for an outcome."""

    code: str
    outcome: Outcome
    what: Text


@dataclass(frozen=True)
class Judgement:
    outcome: Outcome
    causes: tuple[Cause, ...]
    endpoints: tuple[EndpointResult, ...]
    generator: GeneratorResult


def judge(scenario: Scenario, scheduled: Counts, seen: Observations, policy: Validity) -> Judgement:
    """Judge a run.

    Args:
        scheduled: visitors that the schedule starts in each second, shape [second].
    """
    judged = _judged_part(scenario, seen)
    scheduled = scheduled[: scenario.judged_seconds]
    generator = _generator(scenario, scheduled, judged, policy)
    causes = list(_validity(scenario, scheduled, judged, generator, policy))
    endpoints, broken = judge_endpoints(scenario, judged, policy)
    causes += broken
    outcome = worst(causes)
    if outcome == "INVALID":
        endpoints = tuple(_nothing_proved(endpoint) for endpoint in endpoints)
    return Judgement(outcome, tuple(causes), endpoints, generator)


def _nothing_proved(endpoint: EndpointResult) -> EndpointResult:
    """What an invalid run says of an endpoint that broke its objective: it may have been the generator."""
    return endpoint.model_copy(update={"outcome": "INCONCLUSIVE"}) if endpoint.outcome == "NO-GO" else endpoint


def with_causes(judgement: Judgement, more: Sequence[Cause]) -> Judgement:
    """The same judgement with more that speaks against the run."""
    causes = (*judgement.causes, *more)
    return replace(judgement, outcome=worst(causes), causes=causes)


def _judged_part(scenario: Scenario, seen: Observations) -> Observations:
    """What counts for the verdict; a worker that was stopped after that part has done its share of it."""
    until = scenario.judged_seconds
    if until is None:
        return seen
    ends = {w: "done" if seen.ended_at_seconds.get(w, 0.0) >= until else end for w, end in seen.ends.items()}
    return replace(seen.before(until, scenario.window_seconds), ends=ends)


def judge_endpoints(
    scenario: Scenario, seen: Observations, policy: Validity
) -> tuple[tuple[EndpointResult, ...], list[Cause]]:
    """Each stage against its objective, and what speaks against it."""
    endpoints, causes = [], []
    for index, stage in enumerate(scenario.stages):
        endpoint, found = _endpoint(scenario, index, stage, seen, policy)
        endpoints.append(endpoint)
        causes += found
    return tuple(endpoints), causes


def worst(causes: Sequence[Cause]) -> Outcome:
    """An invalid run proves nothing; then a broken objective; then doubt."""
    outcomes: tuple[Outcome, ...] = ("INVALID", "NO-GO", "INCONCLUSIVE")
    for outcome in outcomes:
        if any(cause.outcome == outcome for cause in causes):
            return outcome
    return "GO"


def lag_limit_ms(scenario: Scenario, policy: Validity) -> float:
    """A strict objective is not judged with a lag that matters to it less than its own share."""
    tightest = min(stage.objective.p99_ms for stage in scenario.stages)
    return max(policy.lag_p99_ms, policy.lag_objective_ratio * tightest)


def _generator(scenario: Scenario, scheduled: Counts, seen: Observations, policy: Validity) -> GeneratorResult:
    arrivals = seen.counts(ALL_STAGES, max(len(scheduled), 1))
    lag = quantiles_ms(seen.histogram(ALL_STAGES, LAG))
    runs = [s for s in seen.signals if s.second < scenario.duration_seconds]
    limit = lag_limit_ms(scenario, policy)
    return GeneratorResult(
        workers=max(seen.workers, 1),
        scheduled=int(scheduled.sum()),
        arrived=int(arrivals[:, INTENDED].sum()),
        lag_p50_ms=lag.get("p50"),
        lag_p99_ms=lag.get("p99"),
        lag_max_ms=lag.get("max"),
        cpu_run_ratio=_busiest([(s.worker, s.second, s.run_ratio) for s in runs]),
        cpu_wait_ratio=_busiest([(s.worker, s.second, s.wait_ratio) for s in runs if s.wait_ratio is not None]),
        memory_mib=max((s.memory_mib for s in runs), default=None),
        in_flight_max=max((s.in_flight for s in runs), default=None),
        clock_offset_max_ms=max((1000 * abs(o) for o in seen.clock_offsets_seconds.values()), default=None),
        unsent=dict(sorted(seen.unsent.items())),
        invalid_seconds=tuple(sorted({s.second for s in runs if s.lag_max_ms > 10 * limit})),
    )


def _busiest(readings: Sequence[tuple[int, int, float]]) -> float | None:
    """The highest mean of any worker over ten seconds in a row (over all its seconds where it has fewer)."""
    means = []
    for worker in {w for w, _s, _v in readings}:
        values = np.array([v for w, _s, v in sorted(readings) if w == worker])
        span = min(10, len(values))
        means.append(float(np.convolve(values, np.ones(span) / span, "valid").max()))
    return max(means, default=None)


def _validity(
    scenario: Scenario, scheduled: Counts, seen: Observations, generator: GeneratorResult, policy: Validity
) -> Iterator[Cause]:
    if not seen.cells:
        yield Cause("nothing-sent", "INVALID", say("nothing was sent"))
        return
    yield from _unfinished(seen, generator)
    yield from _clocks(seen, policy)
    yield from _unauthorised(scenario, seen)
    limit = lag_limit_ms(scenario, policy)
    if generator.lag_p99_ms is not None and generator.lag_p99_ms > limit:
        yield Cause("generator-lag", "INVALID", say(
            "the generator was late: p99 of its lag is {lag} ms, more than {limit} ms",
            lag=f"{generator.lag_p99_ms:.1f}", limit=f"{limit:g}"))  # fmt: skip
    if (generator.cpu_run_ratio or 0) > policy.cpu_run_ratio:
        yield Cause("generator-cpu", "INVALID", say(
            "a worker used {share} of a core, more than {limit}: use more workers",
            share=f"{generator.cpu_run_ratio:.2f}", limit=f"{policy.cpu_run_ratio:g}"))  # fmt: skip
    if (generator.cpu_wait_ratio or 0) > policy.cpu_wait_ratio:
        yield Cause("generator-starved", "INVALID", say(
            "a worker waited for a core {share} of the time, more than {limit}: this machine does too much else",
            share=f"{generator.cpu_wait_ratio:.2f}", limit=f"{policy.cpu_wait_ratio:g}"))  # fmt: skip
    yield from _offered(scheduled, seen, policy)


def _unfinished(seen: Observations, generator: GeneratorResult) -> Iterator[Cause]:
    lost = [w for w in range(generator.workers) if w not in seen.ends]
    if lost:
        yield Cause("worker-lost", "INVALID", say("{n} of {all} workers did not report their end; the run was cut off",
                                                  n=len(lost), all=generator.workers))  # fmt: skip
    for reason in sorted({end for end in seen.ends.values() if end != "done"}):
        yield Cause("stopped", "INVALID", say("the run was stopped: {reason}", reason=reason))
    if seen.unsent["in-flight"]:
        yield Cause("in-flight", "INVALID", say("{n} visitors were not started: too many in flight",
                                                n=seen.unsent["in-flight"]))  # fmt: skip
    if seen.unsent["broken"]:
        where = next((text for (_s, text), _n in seen.errors.most_common() if ".py:" in text), "")
        yield Cause("journey-broken", "INVALID", say("{n} visits ended in an error of the locustfile: {where}",
                                                     n=seen.unsent["broken"], where=where))  # fmt: skip


def _clocks(seen: Observations, policy: Validity) -> Iterator[Cause]:
    """Workers start by their own clocks; what the round trip leaves open is not held against them."""
    for worker, offset in sorted(seen.clock_offsets_seconds.items()):
        beyond_ms = 1000 * (abs(offset) - seen.clock_doubts_seconds.get(worker, 0.0))
        if beyond_ms > policy.clock_offset_ms:
            yield Cause("clock", "INVALID", say(
                "the clock of worker {worker} is {ms} ms off the master's: synchronise their clocks",
                worker=worker, ms=f"{1000 * offset:.0f}"))  # fmt: skip


def _unauthorised(scenario: Scenario, seen: Observations) -> Iterator[Cause]:
    """Replies of 401, 403 and login pages beyond the error objective: the test's own login, not the system's fault."""
    for index, stage in enumerate(scenario.stages):
        refused = sum(n for (of, text), n in seen.errors.items() if of == index and text.startswith(LOGGED_OUT))
        replied = sum(int(cell[OK] + cell[FAILED]) for (_s, of), cell in seen.cells.items() if of == index)
        if refused > max(stage.objective.error_ratio * replied, 10):
            yield Cause("unauthorised", "INVALID", say(
                "{stage}: {n} of {all} replies were 401, 403 or a login page: the login has expired, or is none",
                stage=stage.stage, n=refused, all=replied))  # fmt: skip


def _offered(scheduled: Counts, seen: Observations, policy: Validity) -> Iterator[Cause]:
    """Compare started visitors with the schedule; one or two that cross an edge are not an error."""
    sent = seen.counts(ALL_STAGES, len(scheduled))[:, SENT]
    for seconds, ratio, slack in ((10, policy.offered_ten_seconds_ratio, 2), (1, policy.offered_second_ratio, 3)):
        edges = np.arange(0, len(scheduled), seconds)
        wanted, found = np.add.reduceat(scheduled, edges), np.add.reduceat(sent, edges)
        off = np.abs(found - wanted) > np.maximum(ratio * wanted, slack)
        if off.any():
            at = int(np.argmax(np.abs(found - wanted)))
            yield Cause("offered-load", "INVALID", say(
                "offered load was off: {found} instead of {wanted} visitors in the {seconds} s from second {at}",
                found=int(found[at]), wanted=int(wanted[at]), seconds=seconds, at=int(edges[at])))  # fmt: skip
            return


def _endpoint(
    scenario: Scenario, index: int, stage: ScenarioStage, seen: Observations, policy: Validity
) -> tuple[EndpointResult, list[Cause]]:
    seconds = max([scenario.duration_seconds, *(s + 1 for s, of in seen.cells if of == index)])
    counts = seen.counts(index, seconds)
    stretches = _stretches(counts, scenario.window_seconds, policy.stretch_requests)
    named = Counter({text: n for (of, text), n in seen.errors.items() if of == index})
    causes = [*_slow_causes(stage, stretches, policy), *_error_causes(stage, stretches, policy, named)]
    response, service = (quantiles_ms(seen.histogram(index, kind)) for kind in (RESPONSE, SERVICE))
    total = counts.sum(axis=0)
    replied = int(total[OK] + total[FAILED])
    outcome = worst(causes)
    return EndpointResult(
        stage=stage.stage,
        endpoint=stage.endpoint,
        intended=int(total[INTENDED]),
        sent=int(total[SENT]),
        ok=int(total[OK]),
        failed=int(total[FAILED]),
        slow=int(total[SLOW]),
        refused=int(total[REFUSED]),
        offered_per_second_peak=float(counts[:, INTENDED].max()),
        achieved_per_second_peak=float(counts[:, DONE].max()),
        response_ms=Latency(**response) if response else None,
        service_ms=Latency(**service) if service else None,
        p99_objective_ms=stage.objective.p99_ms,
        error_objective_ratio=stage.objective.error_ratio,
        slow_ratio=ratio_interval(int(total[SLOW]), replied, policy.confidence_ratio) if replied else None,
        error_ratio=ratio_interval(int(total[FAILED]), replied, policy.confidence_ratio) if replied else None,
        outcome="GO" if outcome == "INVALID" else outcome,
        errors={text: n for (of, text), n in sorted(seen.errors.items()) if of == index},
    ), causes


def _stretches(counts: Counts, window_seconds: int, requests: int) -> list[tuple[int, int, Counts]]:
    """Neighbouring windows put together until each stretch holds enough requests: (first, last second, counts)."""
    found: list[tuple[int, int, Counts]] = []
    first, gathered = 0, np.zeros(counts.shape[1], np.int64)
    for start in range(0, len(counts), window_seconds):
        gathered = gathered + counts[start : start + window_seconds].sum(axis=0)
        end = min(start + window_seconds, len(counts))
        if gathered[OK] + gathered[FAILED] >= requests:
            found.append((first, end, gathered))
            first, gathered = end, np.zeros(counts.shape[1], np.int64)
    if gathered.any():
        if found:
            begin, _end, before = found.pop()
            found.append((begin, len(counts), before + gathered))
        else:
            found.append((first, len(counts), gathered))
    return found


def _slow_causes(
    stage: ScenarioStage, stretches: Sequence[tuple[int, int, Counts]], policy: Validity
) -> Iterator[Cause]:
    name, limit = stage.stage, f"{stage.objective.p99_ms:g}"
    broken = _first_broken(stretches, SLOW, policy.slow_ratio, policy.confidence_ratio)
    if broken:
        first, last, share = broken
        yield Cause("slow", "NO-GO", say(
            "{stage}: {share} % of replies took over {limit} ms in seconds {first} to {last}; {allowed} % are allowed",
            stage=name, share=f"{100 * share:.3g}", limit=limit, first=first, last=last,
            allowed=f"{100 * policy.slow_ratio:g}"))  # fmt: skip
        return
    slow, replied = _totals(stretches, SLOW)
    if not replied:
        yield Cause("no-replies", "INCONCLUSIVE", say("{stage}: no request was made", stage=name))
        return
    interval = ratio_interval(slow, replied, policy.confidence_ratio)
    if interval.high > policy.slow_ratio:
        yield Cause("too-close", "INCONCLUSIVE", say(
            "{stage}: {slow} of {replied} replies took over {limit} ms: too few, or too close, to say p99 holds",
            stage=name, slow=slow, replied=replied, limit=limit))  # fmt: skip


def _error_causes(
    stage: ScenarioStage, stretches: Sequence[tuple[int, int, Counts]], policy: Validity, named: Counter[str]
) -> Iterator[Cause]:
    allowed = stage.objective.error_ratio
    broken = _first_broken(stretches, FAILED, allowed, policy.confidence_ratio)
    if broken:
        first, last, share = broken
        yield Cause("errors", "NO-GO", say(
            "{stage}: {share} % of requests failed in seconds {first} to {last}, most with {error}; "
            "{allowed} % are allowed",
            stage=stage.stage, error=_most(named), share=f"{100 * share:.3g}", first=first, last=last,
            allowed=f"{100 * allowed:g}"))  # fmt: skip
        return
    failed, replied = _totals(stretches, FAILED)
    if failed and ratio_interval(failed, replied, policy.confidence_ratio).high > allowed:
        yield Cause("errors-close", "INCONCLUSIVE", say(
            "{stage}: {failed} of {replied} requests failed: too few, or too close, to say that {allowed} % holds",
            stage=stage.stage, failed=failed, replied=replied, allowed=f"{100 * allowed:g}"))  # fmt: skip


def _most(named: Counter[str]) -> str:
    return next((text for text, _n in named.most_common(1)), "-")


def _first_broken(
    stretches: Sequence[tuple[int, int, Counts]], field: int, allowed: float, confidence: float
) -> tuple[int, int, float] | None:
    """The worst stretch (or the whole run) above `allowed` beyond doubt, doubt being shared out among them."""
    if len(stretches) > 1:
        whole = np.sum([counts for _first, _last, counts in stretches], axis=0)
        stretches = [*stretches, (stretches[0][0], stretches[-1][1], whole)]
    doubt = (1 - confidence) / max(len(stretches), 1)
    broken = []
    for first, last, counts in stretches:
        replied = int(counts[OK] + counts[FAILED])
        if replied and ratio_interval(int(counts[field]), replied, 1 - doubt).low > allowed:
            broken.append((first, last, counts[field] / replied))
    return max(broken, key=lambda b: b[2], default=None)


def _totals(stretches: Sequence[tuple[int, int, Counts]], field: int) -> tuple[int, int]:
    return (
        int(sum(counts[field] for _f, _l, counts in stretches)),
        int(sum(counts[OK] + counts[FAILED] for _f, _l, counts in stretches)),
    )


def ratio_interval(hits: int, of: int, confidence: float) -> Interval:
    """Exact interval of a share; each bound holds for itself with `confidence` (Clopper and Pearson 1934)."""
    low = float(beta.ppf(1 - confidence, hits, of - hits + 1)) if hits else 0.0
    high = float(beta.ppf(confidence, hits + 1, of - hits)) if hits < of else 1.0
    return Interval(low=low, mid=hits / of, high=high)
