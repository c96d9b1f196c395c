"""What counts as a valid run, as data."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from campaign.documents import FileRecord, read_yaml, validate
from campaign.plan import Positive, Ratio

FILE = Path(__file__).parent / "validity.yaml"


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


@cache
def shipped_validity() -> Validity:
    return validate(read_yaml(FILE, FILE.name), Validity)
