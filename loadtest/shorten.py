"""A shorter or smaller version of a scenario, for a demonstration or a first try."""

from __future__ import annotations

import numpy as np

from loadtest.build import invalidated
from loadtest.curves import steepest_window
from loadtest.notes import Note
from loadtest.reached import MINUTE, highest_mean
from loadtest.scenario import Scenario, Stretch
from loadtest.schedule import segments_of, stream_rates


def shortened(scenario: Scenario, seconds: int | None, scale_ratio: float | None) -> Scenario:
    """The steepest `seconds` of the scenario around its peak, every rate times `scale_ratio`.

    The record says so: its scale is the product, and what that invalidates is spelled out.
    """
    rates = np.array([stream_rates(s, scenario.duration_seconds) for s in scenario.streams])
    length = min(seconds or scenario.duration_seconds, scenario.duration_seconds)
    total = rates.sum(axis=0)
    first = steepest_window(total, int(np.argmax(total)), length)
    scale = scale_ratio or 1.0
    kept = rates[:, first : first + length] * scale
    streams = tuple(
        stream.model_copy(update={"segments": segments_of(row)})
        for stream, row in zip(scenario.streams, kept, strict=True)
    )
    whole = scenario.scale_ratio * scale
    kept_share = highest_mean(kept.sum(axis=0), MINUTE) / max(highest_mean(total, MINUTE), 1e-12)
    compression = max(s.compression for s in scenario.stretches)
    return scenario.model_copy(
        update={
            "streams": streams,
            "duration_seconds": length,
            "stretches": _moved(scenario.stretches, first, length),
            "scale_ratio": whole,
            "wanted_requests_per_second": {
                s: rate * kept_share for s, rate in scenario.wanted_requests_per_second.items()
            },
            "drain_seconds": min(scenario.drain_seconds, float(length)),
            "window_seconds": 10 if length >= 300 else 2,
            "invalidates": tuple(Note.of(text) for text in invalidated(whole, compression, scenario.profile)),
        }
    )


def _moved(stretches: tuple[Stretch, ...], first: int, length: int) -> tuple[Stretch, ...]:
    kept = [s for s in stretches if s.from_seconds < first + length]
    begun = [s for s in kept if s.from_seconds <= first]
    later = [s for s in kept if s.from_seconds > first]
    return tuple(s.model_copy(update={"from_seconds": max(s.from_seconds - first, 0)}) for s in [begun[-1], *later])
