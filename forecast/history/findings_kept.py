"""Findings kept under .cache/history by everything that they were found from, so that they are searched for once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from campaign.errors import UserError
from campaign.files import write_text
from campaign.settings import Settings
from forecast.epochs import epoch, moment_of
from forecast.history.buckets import Series
from forecast.history.findings import Finding, Known
from forecast.history.readings import FOLDER

ENDING = ".findings"
KEPT_MOST = 8
LEAST_BUCKETS = 100_000
"""Fewer are searched faster than it is worth keeping what was found."""


def findings_key(readings: Sequence[str], series: Mapping[str, Series], known: Known, settings: Settings) -> str:
    """Hash of what findings depend on. readings: keys of the files' readings, which hold this package's code too."""
    parts = [*readings, known.zone.key, known.settings.model_dump_json(), repr(sorted(known.tests))]
    parts += [service.model_dump_json(include={"name", "was", "follows"}) for service in settings.services]
    parts += [f"{name} {len(own)}" for name, own in series.items()]
    parts += [f"{plan.starts_at.isoformat()} {plan.ends_at.isoformat()} {plan.services}" for plan in known.plans]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def kept_or_found(folder: Path, key: str, find: Callable[[], tuple[Finding, ...]]) -> tuple[Finding, ...]:
    """What is kept under the key, else what `find` finds, which is kept if the folder can be written to."""
    path = folder / FOLDER / f"{key}{ENDING}"
    try:
        return tuple(_spoken(row) for row in json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        found = find()
    try:
        write_text(path, json.dumps([_written(finding) for finding in found]))
        older = sorted(path.parent.glob(f"*{ENDING}"), key=lambda file: file.stat().st_mtime_ns)[:-KEPT_MOST]
        for file in older:
            file.unlink(missing_ok=True)
    except (UserError, OSError):
        pass
    return found


def _written(finding: Finding) -> list[object]:
    times = epoch(finding.starts_at_utc), epoch(finding.ends_at_utc)
    return [finding.kind, finding.service, *times, finding.ratio_to_usual, finding.source]


def _spoken(row: list[object]) -> Finding:
    kind, service, first, last, ratio, source = row
    return Finding(kind, service, moment_of(first), moment_of(last), ratio, source)  # type: ignore[arg-type]
