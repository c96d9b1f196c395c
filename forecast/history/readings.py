"""What a file of traffic was read as; kept under .cache/history, so that an unchanged file is not read twice.

A reading is found by the SHA-256 of the file's bytes, of what the settings say of history, and of this package's own
code: whatever changes, the file is read again. Files with problems are never kept.

A kept file is a line of JSON padded to whole pages, then 64-bit numbers: every service's rates, then the runs of equal
buckets (start, length, count). Rates are mapped into memory, so that only what is asked for is read from disk.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from campaign.errors import UserError
from campaign.files import sha256, writing
from campaign.language import Text
from campaign.settings import Settings
from forecast.history.buckets import Seconds, Series, is_even

FOLDER = Path(".cache") / "history"
ENDING = ".reading"
LEAST_BYTES = 1 << 20
"""Smaller files are read faster than they are worth keeping twice."""
PAGE_BYTES = 4096


@dataclass(frozen=True)
class Stretch:
    """[starts_at, ends_at) of one service, in seconds of UTC."""

    service: str
    starts_at: int
    ends_at: int


@dataclass(frozen=True)
class FileReading:
    """One file's series by the names that it uses, its load tests, and what people should know about it."""

    file: str
    series: dict[str, Series]
    tests: tuple[Stretch, ...] = ()
    notes: tuple[Text, ...] = ()


@cache
def own_code() -> str:
    """Hash of the code that reads history: another version of it may read otherwise."""
    digest = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def reading_key(path: Path, name: str, settings: Settings) -> str:
    """Hash of everything that a file's reading depends on."""
    parts = [own_code(), sha256(path), name, settings.time_zone, str(settings.history.naive_times)]
    parts += [service.model_dump_json(include={"name", "was"}) for service in settings.services]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def remember(folder: Path, key: str, reading: FileReading) -> None:
    """Keep a reading; a folder that cannot be written to keeps nothing."""
    runs = {name: runs_of(series) for name, series in reading.series.items()}
    header = json.dumps(
        {
            "file": reading.file,
            "services": {name: [len(series), len(runs[name])] for name, series in reading.series.items()},
            "tests": [[test.service, test.starts_at, test.ends_at] for test in reading.tests],
            "notes": [_written(note) for note in reading.notes],
        }
    ).encode()
    padding = -(len(header) + 1) % PAGE_BYTES
    try:
        rates = [np.ascontiguousarray(series.rates, dtype=np.float64) for series in reading.series.values()]
        with writing(folder / FOLDER / f"{key}{ENDING}") as temporary, open(temporary, "wb") as file:
            file.write(header + b" " * padding + b"\n")
            for numbers in (*rates, *runs.values()):
                numbers.tofile(file)
    except (UserError, OSError):
        return


def recall(folder: Path, key: str) -> FileReading | None:
    """The reading kept under a key; None where there is none, or none that is whole."""
    path = folder / FOLDER / f"{key}{ENDING}"
    try:
        with open(path, "rb") as file:
            header = file.readline()
        told = json.loads(header)
        counts: dict[str, list[int]] = told["services"]
        buckets, runs = (sum(count[i] for count in counts.values()) for i in (0, 1))
        if path.stat().st_size != len(header) + 8 * (buckets + 3 * runs):
            return None
        rates = np.asarray(np.memmap(path, np.float64, "r", len(header), (buckets,))) if buckets else np.zeros(0)
        rows = np.asarray(np.memmap(path, np.int64, "r", len(header) + 8 * buckets, (runs, 3))) if runs else None
    except (OSError, ValueError, KeyError, TypeError):
        return None
    tests = tuple(Stretch(service, first, last) for service, first, last in told["tests"])
    return FileReading(
        told["file"], _series(counts, rates, rows), tests, tuple(_spoken(note) for note in told["notes"])
    )


def forget_others(folder: Path, keys: Collection[str]) -> None:
    """Delete kept readings of files that are gone or have changed."""
    for path in (folder / FOLDER).glob(f"*{ENDING}"):
        if path.stem not in keys:
            path.unlink(missing_ok=True)


def _series(counts: dict[str, list[int]], rates: NDArray[np.float64], rows: Seconds | None) -> dict[str, Series]:
    found: dict[str, Series] = {}
    shared: dict[bytes, tuple[Seconds, Seconds]] = {}
    bucket = run = 0
    for name, (buckets, runs) in counts.items():
        own = rows[run : run + runs] if rows is not None else np.zeros((0, 3), np.int64)
        # Services of one system have the same buckets: one array of starts serves them all.
        if own.tobytes() not in shared:
            shared[own.tobytes()] = expanded(own)
        starts, lengths = shared[own.tobytes()]
        found[name] = Series(starts, lengths, rates[bucket : bucket + buckets])
        bucket, run = bucket + buckets, run + runs
    return found


def runs_of(series: Series) -> Seconds:
    """Rows of (first start, length, count) of buckets of one length that follow each other without a hole."""
    if not len(series):
        return np.zeros((0, 3), np.int64)
    follows = series.starts[1:] == series.ends[:-1]
    if not is_even(series.lengths):
        follows &= series.lengths[1:] == series.lengths[:-1]
    firsts = np.concatenate([[0], np.flatnonzero(~follows) + 1])
    counts = np.diff(np.append(firsts, len(series)))
    return np.stack([series.starts[firsts], series.lengths[firsts], counts], axis=1).astype(np.int64)


def expanded(runs: Seconds) -> tuple[Seconds, Seconds]:
    """Starts and lengths of the buckets that the runs stand for."""
    firsts, each, counts = runs.T
    total = int(counts.sum())
    nth = np.arange(total, dtype=np.int64)
    if len(runs) == 1:
        return firsts[0] + each[0] * nth, np.broadcast_to(each[0], total)
    nth -= np.repeat(np.cumsum(counts) - counts, counts)
    starts = np.repeat(firsts, counts) + np.repeat(each, counts) * nth
    if len(each) and (each == each[0]).all():
        return starts, np.broadcast_to(each[0], total)
    return starts, np.repeat(each, counts)


def _written(text: Text) -> dict[str, Any]:
    values = {k: _written(v) if isinstance(v, Text) else v for k, v in text.values.items()}
    return {"message": text.message, "values": values}


def _spoken(written: dict[str, Any]) -> Text:
    values = {k: _spoken(v) if isinstance(v, dict) else v for k, v in written["values"].items()}
    return Text(written["message"], values)
