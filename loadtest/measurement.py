"""`out/capacity/<service>/steps.json`: how a capacity was found, and what it says."""

from __future__ import annotations

from typing import Literal

from pydantic import AwareDatetime

from campaign.capacity import CapacityRange
from campaign.documents import FileRecord
from campaign.language import Text, say

MeasureOutcome = Literal["measured", "knee-not-reached", "generator-too-slow", "interrupted"]


class StepRecord(FileRecord):
    """One step of `steps.json`."""

    offered_per_second: float
    achieved_per_second: float
    p99_ms: float
    mean_ms: float
    generator_lag_p99_ms: float
    saturated: bool


class UslRecord(FileRecord):
    requests_per_second_of_one: float
    contention: float
    coherency: float
    peak_requests_per_second: float


class Measurement(FileRecord):
    """`out/capacity/<service>/steps.json` (`steps-2-replicas.json`): how a capacity was found.

    Steps and what saturated ones carried are of all replicas together, `knee` is of each.
    log_p99_knee_requests_per_second: the same knee from p99 of whole steps alone, a check beside it.
    """

    schema_version: Literal[1] = 1
    service: str
    campaign: str
    outcome: MeasureOutcome
    replicas: int = 1
    objective_p99_ms: float
    objective_assumed: bool
    mix: dict[str, float]
    knee: CapacityRange | None = None
    log_p99_knee_requests_per_second: float | None = None
    practice_truth_requests_per_second: float | None = None
    steps: tuple[StepRecord, ...]
    saturated_requests_per_second: CapacityRange | None = None
    usl: UslRecord | None = None
    seed: int
    measured_at_utc: AwareDatetime
    host: str
    image: str | None = None
    version: str | None = None
    inputs: dict[str, str] = {}


def outcome_in_words(measurement: Measurement) -> Text:
    words = {
        "measured": say(
            "one replica carries {low} requests per second with p99 within {ms} ms (estimate {mid}, at most {high})",
            ms=f"{measurement.objective_p99_ms:g}", **_figures(measurement)),
        "knee-not-reached": say("p99 stayed within {ms} ms up to {rate} requests per second: raise --max-rate",
                                ms=f"{measurement.objective_p99_ms:g}",
                                rate=f"{max((s.offered_per_second for s in measurement.steps), default=0):.0f}"),
        "interrupted": say("interrupted: {count} steps are kept", count=len(measurement.steps)),
        "generator-too-slow": say("the generator was late at rates that the replica carried: this proves nothing"),
    }  # fmt: skip
    return words[measurement.outcome]


def _figures(measurement: Measurement) -> dict[str, str]:
    knee = measurement.knee
    if knee is None:
        return {"low": "-", "mid": "-", "high": "-"}
    return {"low": f"{knee.low:.0f}", "mid": f"{knee.mid:.0f}", "high": f"{knee.high:.0f}"}
