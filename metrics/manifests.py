"""What a submitted file's columns mean: a manifest beside it, or bound once for all files of a source."""

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


class Binding(FileRecord):
    """Which column is which metric, when each row is, and what splits it. by: such as channel.

    dates: `instants` with an offset, or `local`: dates alone, which begin in `time_zone`.
    """

    time_column: str = "starts_at"
    dates: Literal["instants", "local"] = "instants"
    time_zone: TimeZone
    grain: Grain
    by: tuple[str, ...] = ()
    columns: dict[str, BoundColumn]


class Manifest(Binding):
    """`<file>.manifest.json`. watermark: up to when the source is complete. sha256: of the file, where given."""

    schema_version: Literal[1] = 1
    watermark: AwareDatetime | None = None
    sha256: str | None = None


class BoundSource(Binding):
    """Files that share one binding: `files` is a pattern below the workspace, such as bi/daily*.csv."""

    name: str
    files: str


def manifest_of(file: Path, sources: tuple[BoundSource, ...] = (), folder: Path = Path()) -> Manifest:
    """The manifest beside a file, else the binding of the source that its name belongs to.

    Raises:
        UserError: there is neither, or the manifest is not one.
    """
    beside = file.with_name(file.name + SUFFIX)
    if not beside.is_file():
        for source in sources:
            if file.resolve() in {found.resolve() for found in folder.glob(source.files)}:
                return Manifest.model_validate(source.model_dump(exclude={"name", "files"}))
    return read_json(beside, str(beside), Manifest)
