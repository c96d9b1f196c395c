"""The manifest beside a submitted file: which column is which metric, under which definition, up to when."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime

from campaign.documents import FileRecord, read_json
from campaign.settings import TimeZone
from metrics.definitions import Grain

SUFFIX = ".manifest.json"


class BoundColumn(FileRecord):
    """A column's meaning: `metric` is `name@id`; `unit` is the definition's (a currency where that says money)."""

    metric: str
    unit: str


class Manifest(FileRecord):
    """`<file>.manifest.json`.

    by: columns that split the values, such as channel. watermark: up to when the source is complete.
    sha256: of the file, where the sender gives it.
    """

    schema_version: Literal[1] = 1
    time_column: str = "starts_at"
    time_zone: TimeZone
    grain: Grain
    by: tuple[str, ...] = ()
    columns: dict[str, BoundColumn]
    watermark: AwareDatetime | None = None
    sha256: str | None = None


def manifest_of(file: Path) -> Manifest:
    """The manifest beside a file.

    Raises:
        UserError: there is none, or it is not one.
    """
    beside = file.with_name(file.name + SUFFIX)
    return read_json(beside, str(beside), Manifest)
