"""What one worker saw, counted by second and gathered into histograms, handed over once a second."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

from hdrh.histogram import HdrHistogram

from loadtest.observations import (
    ALL_STAGES,
    DONE,
    FAILED,
    FIELDS,
    INTENDED,
    LAG,
    OK,
    REFUSED,
    RESPONSE,
    SENT,
    SERVICE,
    SLOW,
)

HIGHEST_MICROSECONDS = 600_000_000
SIGNIFICANT_FIGURES = 3


def new_histogram() -> HdrHistogram:
    """Microseconds from 1 to ten minutes, to three significant figures."""
    return HdrHistogram(1, HIGHEST_MICROSECONDS, SIGNIFICANT_FIGURES)


class Tally:
    """Counts and histograms since the last hand-over; times in seconds after the run's zero."""

    def __init__(self, window_seconds: int) -> None:
        self.window_seconds = window_seconds
        self.cells: dict[tuple[int, int], list[int]] = {}
        self.histograms: dict[tuple[int, str, int], HdrHistogram] = {}
        self.errors: Counter[tuple[int, str]] = Counter()
        self.unsent: Counter[str] = Counter()
        self.lag_max_ms = 0.0

    def arrived(self, intended: float, at: float) -> None:
        """A visitor of the schedule was started at `at`, meant to at `intended`."""
        self._cell(int(intended), ALL_STAGES)[INTENDED] += 1
        self._cell(int(at), ALL_STAGES)[SENT] += 1

    def sent(self, stage: int, intended: float, at: float) -> None:
        """A request went out at `at` that was meant to at `intended`."""
        self._cell(int(intended), stage)[INTENDED] += 1
        self._cell(int(at), stage)[SENT] += 1
        lag = max(at - intended, 0.0)
        self._record(ALL_STAGES, LAG, intended, lag)
        self.lag_max_ms = max(self.lag_max_ms, lag * 1000)

    def replied(self, stage: int, intended: float, at: float, service_seconds: float, slow_seconds: float) -> None:
        """Its reply took `service_seconds` from `at`; over `slow_seconds` from `intended` it breaks its objective."""
        response = max(at - intended, 0.0) + service_seconds
        self._record(stage, RESPONSE, intended, response)
        self._record(stage, SERVICE, intended, service_seconds)
        if response > slow_seconds:
            self._cell(int(intended), stage)[SLOW] += 1

    def ended(self, stage: int, intended: float, at: float, error: str | None) -> None:
        """How it ended at `at`: well, or with an error's name."""
        self._cell(int(intended), stage)[FAILED if error else OK] += 1
        self._cell(int(at), stage)[DONE] += 1
        if error:
            self.errors[stage, error[:200]] += 1

    def refused(self, stage: int, intended: float, at: float) -> None:
        """A limiter turned it away at `at`, as agreed: its time says nothing about those let in."""
        self._cell(int(intended), stage)[REFUSED] += 1
        self._cell(int(at), stage)[DONE] += 1

    def take(self) -> Iterator[dict[str, Any]]:
        """Everything since the last call, a record for each line; encoding a histogram takes half a millisecond."""
        cells, self.cells = self.cells, {}
        errors, self.errors = self.errors, Counter()
        unsent, self.unsent = self.unsent, Counter()
        histograms, self.histograms = self.histograms, {}
        if cells:
            yield {"cells": [[second, stage, *counts] for (second, stage), counts in cells.items()]}
        if errors:
            yield {"errors": [[stage, text, count] for (stage, text), count in errors.items()]}
        if unsent:
            yield {"unsent": dict(unsent)}
        for (stage, kind, window), histogram in histograms.items():
            yield {"histogram": [stage, kind, window, histogram.encode().decode("ascii")]}

    def _cell(self, second: int, stage: int) -> list[int]:
        key = (max(second, 0), stage)
        cell = self.cells.get(key)
        if cell is None:
            cell = self.cells[key] = [0] * len(FIELDS)
        return cell

    def _record(self, stage: int, kind: str, intended: float, seconds: float) -> None:
        key = (stage, kind, int(max(intended, 0.0)) // self.window_seconds)
        histogram = self.histograms.get(key)
        if histogram is None:
            histogram = self.histograms[key] = new_histogram()
        histogram.record_value(min(max(int(seconds * 1e6), 1), HIGHEST_MICROSECONDS))
