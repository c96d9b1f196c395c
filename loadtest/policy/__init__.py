"""What counts as a valid run, and the shapes of profiles, as data."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from campaign.documents import FileRecord, read_yaml, validate
from campaign.plan import Positive, Ratio

FOLDER = Path(__file__).parent


class Validity(FileRecord):
    """`validity.yaml`."""

    schema_version: Literal[1] = 1
    lag_p99_ms: Positive
    lag_objective_ratio: Ratio
    cpu_run_ratio: Ratio
    cpu_wait_ratio: Ratio
    offered_ten_seconds_ratio: Ratio
    offered_second_ratio: Ratio
    slow_ratio: Ratio
    confidence_ratio: Ratio
    stretch_requests: Annotated[int, Field(gt=0)]
    clock_offset_ms: Positive
    exercised_ratio: Ratio


class Profiles(FileRecord):
    """`profiles.yaml`: lengths, and rates as shares of the curve's highest minute."""

    schema_version: Literal[1] = 1
    ramp_minutes: Positive
    ramp_from_ratio: Ratio
    ramp_hold_ratio: Ratio
    soak_minutes: Positive
    soak_peak_ratio: Positive
    breakpoint_minutes: Positive
    breakpoint_from_ratio: Ratio
    breakpoint_to_ratio: Annotated[float, Field(gt=1)]
    spike_ratio: Positive
    spike_seconds: Annotated[int, Field(gt=0)]
    limits_minutes: Positive
    limits_ratio: Annotated[float, Field(gt=1)]
    limits_tolerance_ratio: Ratio
    limits_settle_seconds: Annotated[int, Field(ge=0)]


class Safety(FileRecord):
    """`safety.yaml`."""

    schema_version: Literal[1] = 1
    rate_max_per_second: Positive
    minutes_max: Positive


@cache
def shipped_safety() -> Safety:
    return validate(read_yaml(FOLDER / "safety.yaml", "safety.yaml"), Safety)


@cache
def shipped_validity() -> Validity:
    return validate(read_yaml(FOLDER / "validity.yaml", "validity.yaml"), Validity)


@cache
def shipped_profiles() -> Profiles:
    return validate(read_yaml(FOLDER / "profiles.yaml", "profiles.yaml"), Profiles)
