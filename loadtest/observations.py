"""What the workers wrote during a run, merged: counts by second and stage, exact histograms, signals.

The file is read line by line; a line cut short by a crash loses nothing but itself.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from hdrh.histogram import HdrHistogram
from numpy.typing import NDArray

INTENDED, SENT, OK, FAILED, SLOW, DONE, REFUSED = range(7)
FIELDS = ("intended", "sent", "ok", "failed", "slow", "done", "refused")
RESPONSE, SERVICE, LAG = "response", "service", "lag"
ALL_STAGES = -1
QUANTILES = (50.0, 90.0, 95.0, 99.0, 99.9)


@dataclass(frozen=True)
class Signal:
    """How one worker was in one second: shares of a core, memory, visits in flight, the largest lag."""

    worker: int
    second: int
    run_ratio: float
    wait_ratio: float | None
    memory_mib: float
    in_flight: int
    lag_max_ms: float


@dataclass
class Observations:
    """Everything seen in one run.

    cells: (second, stage) -> counts in the order of FIELDS; stage -1 counts visitors of the schedule. A request
        counts in the second it was meant for, except SENT and DONE: the seconds in which it left and was replied to.
        REFUSED are those that a limiter under test turned away as agreed; they are neither OK nor FAILED.
    histograms: (stage, kind, window) -> microseconds.
    ends: worker -> how it ended (`done` when it played its whole share).
    """

    workers: int = 0
    begins_at_epoch: float | None = None
    cells: dict[tuple[int, int], NDArray[np.int64]] = field(default_factory=dict)
    histograms: dict[tuple[int, str, int], HdrHistogram] = field(default_factory=dict)
    errors: Counter[tuple[int, str]] = field(default_factory=Counter)
    unsent: Counter[str] = field(default_factory=Counter)
    signals: list[Signal] = field(default_factory=list)
    ends: dict[int, str] = field(default_factory=dict)
    ended_at_seconds: dict[int, float] = field(default_factory=dict)
    clock_offsets_seconds: dict[int, float] = field(default_factory=dict)
    clock_doubts_seconds: dict[int, float] = field(default_factory=dict)

    def counts(self, stage: int, seconds: int) -> NDArray[np.int64]:
        """Counts of one stage, shape [second, field]; what came after `seconds` is in the last one."""
        found = np.zeros((seconds, len(FIELDS)), np.int64)
        for (second, of), cell in self.cells.items():
            if of == stage:
                found[min(second, seconds - 1)] += cell
        return found

    def histogram(self, stage: int, kind: str) -> HdrHistogram | None:
        """All windows of one stage together."""
        parts = [h for (s, k, _w), h in sorted(self.histograms.items()) if (s, k) == (stage, kind)]
        return merged(parts)

    def before(self, second: int, window_seconds: int) -> Observations:
        """Only what was meant to happen before `second` of the run; windows that reach beyond it are left out."""
        cells = {key: cell for key, cell in self.cells.items() if key[0] < second}
        histograms = {k: h for k, h in self.histograms.items() if (k[2] + 1) * window_seconds <= second}
        signals = [signal for signal in self.signals if signal.second < second]
        return replace(self, cells=cells, histograms=histograms, signals=signals)

    def window_histograms(self, stage: int, kind: str) -> dict[int, HdrHistogram]:
        return {w: h for (s, k, w), h in sorted(self.histograms.items()) if (s, k) == (stage, kind)}


def merged(parts: Iterable[HdrHistogram]) -> HdrHistogram | None:
    whole: HdrHistogram | None = None
    for part in parts:
        if whole is None:
            whole = HdrHistogram(part.lowest_trackable_value, part.highest_trackable_value, part.significant_figures)
        whole.add(part)
    return whole


@dataclass
class Follower:
    """Reads a file of observations as it grows; each line is merged once."""

    path: Path
    seen: Observations = field(default_factory=Observations)
    offset: int = 0

    def catch_up(self) -> Observations:
        """Everything written so far; a line that is not finished yet waits for the next time."""
        if not self.path.is_file():
            return self.seen
        with open(self.path, "rb") as file:
            file.seek(self.offset)
            whole, end, _rest = file.read().rpartition(b"\n")
        self.offset += len(whole) + len(end)
        for line in whole.splitlines():
            record = _parsed(line)
            if record is not None:
                _merge(self.seen, record)
        return self.seen


def read_observations(path: Path) -> Observations:
    """Merge the lines of all workers; an empty record where nothing was written."""
    return Follower(path).catch_up()


def is_observations(path: Path) -> bool:
    """Whether a file begins as a run's own record does."""
    try:
        with open(path, "rb") as file:
            first = _parsed(file.readline())
    except OSError:
        return False
    return first is not None and ("begins_at_epoch" in first or "worker" in first)


def _parsed(line: bytes) -> dict[str, Any] | None:
    """None where a crash, or words of another program, left something else."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


def _merge(seen: Observations, record: dict[str, Any]) -> None:
    worker = int(record.get("worker", 0))
    if "begins_at_epoch" in record:
        seen.begins_at_epoch, seen.workers = record["begins_at_epoch"], record["workers"]
    for second, stage, *counts in record.get("cells", ()):
        seen.cells[second, stage] = seen.cells.get((second, stage), np.zeros(len(FIELDS), np.int64)) + np.array(counts)
    for stage, text, count in record.get("errors", ()):
        seen.errors[stage, text] += count
    seen.unsent.update(record.get("unsent", {}))
    if "histogram" in record:
        stage, kind, window, blob = record["histogram"]
        found = HdrHistogram.decode(blob)
        known = seen.histograms.setdefault((stage, kind, window), found)
        if known is not found:
            known.add(found)
    if "signal" in record:
        seen.signals.append(Signal(worker, *record["signal"]))
    if "clock_offset_seconds" in record:
        seen.clock_offsets_seconds[worker] = record["clock_offset_seconds"]
        seen.clock_doubts_seconds[worker] = record.get("clock_doubt_seconds", 0.0)
    if "end" in record:
        seen.ends[worker] = record["end"]
        seen.ended_at_seconds[worker] = record.get("at", 0.0)


def quantiles_ms(histogram: HdrHistogram | None) -> dict[str, float]:
    """p50 to p99.9 and the largest, in milliseconds; empty where nothing was recorded."""
    if histogram is None or histogram.get_total_count() == 0:
        return {}
    found = {f"p{q:g}".replace(".", ""): histogram.get_value_at_percentile(q) / 1000 for q in QUANTILES}
    return found | {"max": histogram.get_max_value() / 1000}
