"""`out/<id>/loadtest/results.json`: what a run showed, and whether it showed anything."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from campaign.documents import FileRecord
from campaign.errors import ExitCode
from loadtest.notes import Note
from loadtest.scenario import Profile

Outcome = Literal["GO", "NO-GO", "INVALID", "INCONCLUSIVE"]
EXIT_CODES: dict[Outcome, ExitCode] = {
    "GO": ExitCode.YES,
    "NO-GO": ExitCode.NO,
    "INVALID": ExitCode.INVALID,
    "INCONCLUSIVE": ExitCode.INCONCLUSIVE,
}


class Latency(FileRecord):
    """Milliseconds at quantiles."""

    p50: float
    p90: float
    p95: float
    p99: float
    p999: float
    max: float


class Interval(FileRecord):
    """An estimate with its confidence interval."""

    low: float
    mid: float
    high: float


class EndpointResult(FileRecord):
    """One stage of the run. `response_ms` counts from the intended start, `service_ms` from the moment of sending."""

    stage: str
    endpoint: str
    intended: int
    sent: int
    ok: int
    failed: int
    slow: int
    refused: int = 0
    offered_per_second_peak: float
    achieved_per_second_peak: float
    response_ms: Latency | None = None
    service_ms: Latency | None = None
    p99_objective_ms: float
    error_objective_ratio: float
    slow_ratio: Interval | None = None
    error_ratio: Interval | None = None
    outcome: Literal["GO", "NO-GO", "INCONCLUSIVE"]
    errors: dict[str, int] = {}


class ServiceResult(FileRecord):
    """What one service was asked: its highest mean over a minute of the run (the whole run where it is shorter).

    read_from: `funnel` where it is computed from replies and the requests that each stage makes of it.
    exercised: whether it reached its share of `wanted_requests_per_second`; None where nobody measured it.
    """

    requests_per_second: float
    wanted_requests_per_second: float | None = None
    read_from: Literal["funnel", "prometheus"] = "funnel"
    exercised: bool | None = None


class AdmissionResult(FileRecord):
    """What a limiter let in, in requests on the service it protects, from when its bucket was empty to the end."""

    service: str
    planned_requests_per_second: float
    offered_requests_per_second: float
    admitted_requests_per_second: float
    refused: int
    refusal_codes: tuple[int, ...]


class BreakpointResult(FileRecord):
    """Where a stage first broke its objective beyond doubt, as a multiple of the forecast's peak.

    generator_late: the generator was late there too, so that it may be the generator that broke.
    """

    stage: str
    second: int
    peak_multiple: float
    generator_late: bool


class GeneratorResult(FileRecord):
    """Was it the generator? Shares are of one core, the highest of any worker over ten seconds."""

    kind: Literal["surgeplan", "unknown"] = "surgeplan"
    workers: int
    scheduled: int
    arrived: int
    lag_p50_ms: float | None = None
    lag_p99_ms: float | None = None
    lag_max_ms: float | None = None
    cpu_run_ratio: float | None = None
    cpu_wait_ratio: float | None = None
    memory_mib: float | None = None
    in_flight_max: int | None = None
    clock_offset_max_ms: float | None = None
    unsent: dict[str, int] = {}
    invalid_seconds: tuple[int, ...] = ()


class PracticeTarget(FileRecord):
    """The built-in target: each replica carries workers / service time; `admits_per_second` is its limiter's rate.

    stall_seconds: it begins nothing for so long, ten seconds after its start. For the rest see loadtest.practice.Desk.
    """

    workers: int
    service_ms: float
    replicas: int = 1
    distribution: Literal["constant", "exponential"] = "constant"
    admits_per_second: float | None = None
    stall_seconds: float | None = None
    cold_start_seconds: float | None = None
    memory_requests: int | None = None


class Reason(FileRecord):
    """Why the outcome is what it is; `code` is for scripts."""

    code: str
    what: str


class Change(FileRecord):
    """p99 of one stage, here and in the run before."""

    stage: str
    p99_ms_before: float
    p99_ms: float


class Results(FileRecord):
    """The record of one run. `counts_for_campaign` is false for practice targets and scaled curves: they prove nothing
    about the campaign, whatever the outcome says about the run.

    steepest_ten_seconds: the most requests sent in ten seconds in a row. mix: each stage's share of the requests sent.
    """

    schema_version: Literal[1] = 1
    campaign: str
    outcome: Outcome
    reasons: tuple[Reason, ...] = ()
    counts_for_campaign: bool
    finished: bool
    host: str
    practice: PracticeTarget | None = None
    image_digest: str | None = None
    target_version: str | None = None
    run_id: str
    curve: str
    profile: Profile = "replay"
    scale_ratio: float
    seed: int
    duration_seconds: int
    started_at_utc: AwareDatetime | None = None
    ended_at_utc: AwareDatetime | None = None
    endpoints: tuple[EndpointResult, ...] = ()
    services: dict[str, ServiceResult] = {}
    mix: dict[str, float] = {}
    steepest_ten_seconds: int = 0
    admission: AdmissionResult | None = None
    breaks_first: BreakpointResult | None = None
    generator: GeneratorResult
    previous_run_id: str | None = None
    changes: tuple[Change, ...] = ()
    invalidates: tuple[Note, ...] = ()
    versions: dict[str, str] = {}
    inputs: dict[str, str] = {}


def compared(results: Results, earlier: Results | None) -> Results:
    """The same record with what changed since an earlier run of the same curve at the same scale."""
    if earlier is None or (earlier.curve, earlier.scale_ratio) != (results.curve, results.scale_ratio):
        return results
    before = {e.stage: e.response_ms.p99 for e in earlier.endpoints if e.response_ms}
    changes = tuple(
        Change(stage=e.stage, p99_ms_before=before[e.stage], p99_ms=e.response_ms.p99)
        for e in results.endpoints
        if e.response_ms and e.stage in before
    )
    return results.model_copy(update={"previous_run_id": earlier.run_id, "changes": changes})
