"""How demand answers an event in time: pulses after sends, spikes at moments, plateaus while a slot runs.

Every kernel is averaged exactly over a bucket, so a minute and an hour of the same event agree with each other.
Times are seconds; `start` and `end` of buckets are relative to the event. All functions are vectorised over buckets.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PUSH_RISE_SECONDS = 90.0
SPIKE_RISE_SECONDS = 12.0
SURGE_RISE_SECONDS = 240.0
RAMP_SECONDS = 420.0
SLOT_EDGE_SECONDS = 600.0
SENDING_SECONDS_MIN = 60.0


def pulse(start: Floats, end: Floats, sending_seconds: float, decay_seconds: float) -> Floats:
    """Share per second of the people reached by a send who come within each bucket (integrates to one).

    The send goes out evenly over `sending_seconds`; people come after an Erlang-like rise and an exponential decay.
    """
    width = max(sending_seconds, SENDING_SECONDS_MIN)

    def arrived(x: Floats) -> Floats:
        later = _integrated(x, decay_seconds, PUSH_RISE_SECONDS)
        return (later - _integrated(x - width, decay_seconds, PUSH_RISE_SECONDS)) / width

    return np.maximum(arrived(end) - arrived(start), 0.0) / (end - start)


def spike(start: Floats, end: Floats, decay_seconds: float, rise_seconds: float = SPIKE_RISE_SECONDS) -> Floats:
    """A sharp rise at zero and an exponential decay; about one at its top."""
    grown = _come(end, decay_seconds, rise_seconds) - _come(start, decay_seconds, rise_seconds)
    return decay_seconds * np.maximum(grown, 0.0) / (end - start)


def ramp(start: Floats, end: Floats, seconds: float = RAMP_SECONDS) -> Floats:
    """People gathering before an instant: grows exponentially up to zero, one at its top, nothing after."""

    def gathered(x: Floats) -> Floats:
        return seconds * np.exp(np.minimum(x, 0.0) / seconds)

    return (gathered(end) - gathered(start)) / (end - start)


def plateau(start: Floats, end: Floats, length_seconds: float, edge_seconds: float = SLOT_EDGE_SECONDS) -> Floats:
    """One while an event of that length runs, with shoulders; buckets are relative to its beginning."""

    def present(x: Floats) -> Floats:
        return _mounting(x, edge_seconds) - _mounting(x - length_seconds, edge_seconds)

    return np.maximum(present(end) - present(start), 0.0) / (end - start)


def _come(x: Floats, decay: float, rise: float) -> Floats:
    """Share that has come by x: exponential rise and decay in sequence (hypoexponential distribution function)."""
    x = np.maximum(x, 0.0)
    decay = decay if abs(decay - rise) > 1e-3 * rise else decay + 2e-3 * rise
    share: Floats = 1.0 - (decay * np.exp(-x / decay) - rise * np.exp(-x / rise)) / (decay - rise)
    return share


def _integrated(x: Floats, decay: float, rise: float) -> Floats:
    """Integral of `_come` from zero to x."""
    x = np.maximum(x, 0.0)
    decay = decay if abs(decay - rise) > 1e-3 * rise else decay + 2e-3 * rise
    tails = decay**2 * -np.expm1(-x / decay) - rise**2 * -np.expm1(-x / rise)
    integral: Floats = x - tails / (decay - rise)
    return integral


def _mounting(x: Floats, edge: float) -> Floats:
    """Integral from zero to x of 1 - exp(-x / edge)."""
    x = np.maximum(x, 0.0)
    integral: Floats = x + edge * np.expm1(-x / edge)
    return integral
