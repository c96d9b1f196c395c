"""`out/<id>/loadtest/scenario.json`: what a run sends, second by second, fixed before anything is sent."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import AwareDatetime, Field

from campaign.documents import FileRecord
from campaign.plan import Identifier, NonNegative, Positive, Ratio
from loadtest.notes import Note

SCENARIO = "scenario.json"
Profile = Literal["replay", "ramp", "soak", "breakpoint", "spike", "limits"]
PROFILES: tuple[Profile, ...] = get_args(Profile)
Seconds = Annotated[int, Field(gt=0)]
StartSecond = Annotated[int, Field(ge=0)]


class Objective(FileRecord):
    """What an endpoint has to hold in every stretch of the run."""

    p99_ms: Positive
    error_ratio: Ratio


class ScenarioStage(FileRecord):
    """One stage of a visit: one method of the locustfile.

    `endpoint` is `METHOD /path`, `{name}` in it is filled from the feeder of that name;
    `requests` is what a call of this stage asks of each service behind it.
    """

    stage: Identifier
    endpoint: str
    continues_ratio: Ratio = 1.0
    think_seconds: NonNegative = 0.0
    objective: Objective
    requests: dict[str, NonNegative] = {}

    @property
    def method(self) -> str:
        return self.endpoint.partition(" ")[0]

    @property
    def path(self) -> str:
        return self.endpoint.partition(" ")[2]


class Segment(FileRecord):
    """`seconds` seconds of the run from `from_seconds` on, at one rate."""

    from_seconds: StartSecond
    seconds: Seconds
    arrivals_per_second: NonNegative


class Burst(FileRecord):
    """Arrivals on top of the segments, in less than a second or across its edges: a flash written in by hand."""

    from_seconds: NonNegative
    seconds: Positive
    arrivals_per_second: Positive


class Stream(FileRecord):
    """Arrivals that begin at one stage; with `goes_on` they walk on through the funnel."""

    stream: Identifier
    stage: Identifier
    goes_on: bool
    segments: tuple[Segment, ...]
    bursts: tuple[Burst, ...] = ()


class Stretch(FileRecord):
    """A part of the campaign's time as the run plays it: `compression` campaign seconds in each second of the run."""

    starts_at_utc: AwareDatetime
    ends_at_utc: AwareDatetime
    from_seconds: StartSecond
    compression: Annotated[int, Field(ge=1, le=60)] = 1


class AdmissionWanted(FileRecord):
    """What a limiter in front of `service` is to let in, and the status codes of what it turns away."""

    service: str
    admitted_requests_per_second: Positive
    refusal_codes: Annotated[tuple[int, ...], Field(min_length=1)] = (429,)


class Scenario(FileRecord):
    """Everything that a run sends. Same scenario and seed: the same arrivals and the same choices of every visitor.

    judged_seconds: only so many seconds of the run are judged; the rest looks for what breaks first.
    wanted_requests_per_second: each service's highest minute of the chosen curve as this run plays it, scale included.
    """

    schema_version: Literal[1] = 1
    campaign: Identifier
    curve: str
    profile: Profile = "replay"
    judged_seconds: Seconds | None = None
    admission: AdmissionWanted | None = None
    scale_ratio: Positive = 1.0
    starts_at_utc: AwareDatetime
    ends_at_utc: AwareDatetime
    duration_seconds: Seconds
    seed: int
    arrivals: Literal["poisson", "even"] = "poisson"
    stretches: tuple[Stretch, ...]
    stages: Annotated[tuple[ScenarioStage, ...], Field(min_length=1)]
    streams: Annotated[tuple[Stream, ...], Field(min_length=1)]
    forecast_requests_per_second_peak: dict[str, float] = {}
    wanted_requests_per_second: dict[str, float] = {}
    window_seconds: Seconds = 10
    timeout_seconds: Positive = 30.0
    drain_seconds: NonNegative = 30.0
    in_flight_max: Annotated[int, Field(gt=0)] = 20_000
    abort_error_ratio: Ratio = 0.5
    abort_slow_ratio: Ratio = 1.0
    abort_seconds: Seconds = 10
    marker: Identifier
    allowed_hosts: tuple[str, ...] = ()
    writes_allowed: bool = False
    inputs: dict[str, str] = {}
    assumptions: tuple[Note, ...] = ()
    invalidates: tuple[Note, ...] = ()

    @property
    def refusal_codes(self) -> tuple[int, ...]:
        return self.admission.refusal_codes if self.admission else ()

    def stage_index(self, stage: str) -> int:
        return next(i for i, known in enumerate(self.stages) if known.stage == stage)

    def compression_at(self, second: float) -> int:
        """Campaign seconds that pass in one second of the run, at that second."""
        return next((s.compression for s in reversed(self.stretches) if s.from_seconds <= second), 1)
