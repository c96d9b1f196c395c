"""When every visitor arrives, to the microsecond, before anything is sent.

An open model: arrivals do not wait for replies. A rate curve is turned into arrival times by inverting its integral,
at the points of a unit-rate Poisson process (Cinlar 1975, "Introduction to Stochastic Processes", 4.7) or at evenly
spaced ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from loadtest.scenario import Burst, Scenario, Segment, Stream

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Schedule:
    """Arrivals in time order.

    at_seconds: float [arrival], seconds after the run's zero.
    stream: int [arrival], index into the scenario's streams.
    number: int [arrival], the visitor's number; it seeds the visitor's choices.
    """

    at_seconds: Floats
    stream: NDArray[np.int64]
    number: NDArray[np.int64]

    def shard(self, worker: int, workers: int) -> Schedule:
        """Every `workers`-th arrival, beginning with the `worker`-th: the shards of all workers are the whole."""
        part = slice(worker, None, workers)
        return Schedule(self.at_seconds[part], self.stream[part], self.number[part])

    def __len__(self) -> int:
        return len(self.at_seconds)


def build_schedule(scenario: Scenario) -> Schedule:
    """The arrivals of all streams, merged."""
    drawn = [_arrivals(scenario, i) for i in range(len(scenario.streams))]
    at_seconds = np.concatenate(drawn)
    stream = np.concatenate([np.full(len(times), i, np.int64) for i, times in enumerate(drawn)])
    order = np.argsort(at_seconds, kind="stable")
    return Schedule(at_seconds[order], stream[order], np.arange(len(order), dtype=np.int64))


def _arrivals(scenario: Scenario, stream: int) -> Floats:
    rates = stream_rates(scenario.streams[stream], scenario.duration_seconds)
    rng = None if scenario.arrivals == "even" else np.random.default_rng([scenario.seed, stream])
    drawn = [even_arrivals(rates) if rng is None else poisson_arrivals(rates, rng)]
    for burst in scenario.streams[stream].bursts:
        within = burst_arrivals(burst, rng)
        drawn.append(within[within < scenario.duration_seconds])
    return np.concatenate(drawn)


def stream_rates(stream: Stream, duration_seconds: int) -> Floats:
    """Arrivals per second of every second of the run, shape [second]."""
    rates = np.zeros(duration_seconds)
    for segment in stream.segments:
        rates[segment.from_seconds : segment.from_seconds + segment.seconds] = segment.arrivals_per_second
    return rates


def segments_of(rates: Floats) -> tuple[Segment, ...]:
    """Rates per second as segments: runs of equal rates are one segment."""
    if not len(rates):
        return ()
    starts = np.concatenate([[0], np.flatnonzero(np.diff(rates)) + 1])
    lengths = np.diff(np.concatenate([starts, [len(rates)]]))
    return tuple(
        Segment(from_seconds=int(start), seconds=int(length), arrivals_per_second=float(rates[start]))
        for start, length in zip(starts, lengths, strict=True)
    )


def poisson_arrivals(rates: Floats, rng: np.random.Generator) -> Floats:
    """Arrival times of a Poisson process whose rate in second i is `rates[i]`."""
    expected = float(rates.sum())
    points = np.cumsum(rng.exponential(size=int(expected + 6 * np.sqrt(expected) + 20)))
    return _inverted(rates, points[points < expected])


def even_arrivals(rates: Floats) -> Floats:
    """Arrival times with equal shares of the curve between them: no randomness, for calibration."""
    return _inverted(rates, np.arange(0.5, float(rates.sum()), 1.0))


def burst_arrivals(burst: Burst, rng: np.random.Generator | None) -> Floats:
    """Arrival times of a burst: Poisson, or evenly spaced where there is no `rng`; in no order."""
    expected = burst.arrivals_per_second * burst.seconds
    shares = (np.arange(round(expected)) + 0.5) / expected if rng is None else rng.uniform(size=rng.poisson(expected))
    return np.asarray(burst.from_seconds + burst.seconds * shares, dtype=np.float64)


def _inverted(rates: Floats, points: Floats) -> Floats:
    cumulative = np.concatenate([[0.0], np.cumsum(rates)])
    points = points[points < cumulative[-1]]
    second = np.searchsorted(cumulative, points, side="right") - 1
    return np.asarray(second + (points - cumulative[second]) / rates[second], dtype=np.float64)


def counts_per_second(at_seconds: Floats, duration_seconds: int) -> NDArray[np.int64]:
    """Arrivals in each second, shape [second]."""
    return np.bincount(at_seconds.astype(int), minlength=duration_seconds)[:duration_seconds].astype(np.int64)
