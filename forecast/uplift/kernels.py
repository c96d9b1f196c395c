"""How demand answers an event in time: pulses after sends, spikes at moments, plateaus while a slot runs.

Every kernel is averaged exactly over a bucket, so a minute and an hour of the same event agree with each other.
Times are seconds; `start` and `end` of buckets are relative to the event. All functions are vectorised over buckets.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

PUSH_RISE_SECONDS = 90.0
SPIKE_RISE_SECONDS = 12.0
SURGE_RISE_SECONDS = 240.0
RAMP_SECONDS = 420.0
ABOUT = ((-240.0, 1 / 9), (-120.0, 2 / 9), (0.0, 3 / 9), (120.0, 2 / 9), (240.0, 1 / 9))
SOFT_SECONDS = 900.0
SOFT_NODES = 12
SLOT_EDGE_SECONDS = 600.0
OVER_DECAYS = 40.0
"""After so many decays nothing is left that a float could tell."""
SENDING_SECONDS_MIN = 60.0
ADSTOCK_SECONDS = 12 * 3600.0
"""Half-life of what an online ad does: a quarter is left a day later, inside the range Robyn gives for digital."""


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
    found = np.zeros(start.shape)
    near = (end > 0.0) & (start < OVER_DECAYS * max(decay_seconds, rise_seconds))
    a, b = start[near], end[near]
    grown = _come(b, decay_seconds, rise_seconds) - _come(a, decay_seconds, rise_seconds)
    found[near] = decay_seconds * np.maximum(grown, 0.0) / (b - a)
    return found


def ramp(start: Floats, end: Floats, seconds: float = RAMP_SECONDS) -> Floats:
    """People gathering before an instant: grows exponentially up to zero, one at its top, nothing after."""

    def gathered(x: Floats) -> Floats:
        return seconds * np.exp(np.minimum(x, 0.0) / seconds)

    return (gathered(end) - gathered(start)) / (end - start)


def about(kernel: Callable[[Floats, Floats], Floats], start: Floats, end: Floats) -> Floats:
    """A kernel whose instant is known to some minutes only, such as the end of a half: no tooth at the minute."""
    shifts, weights = np.array(ABOUT).T
    found: Floats = weights @ kernel(start - shifts[:, None], end - shifts[:, None])
    return found


def soft(start: Floats, end: Floats, ahead_seconds: float = SOFT_SECONDS) -> Floats:
    """Mounts from zero to one around zero, half of it before: an edge that nobody announces to the minute."""

    def mounted(x: Floats) -> Floats:
        return ahead_seconds * np.logaddexp(0.0, x / ahead_seconds)

    return (mounted(end) - mounted(start)) / (end - start)


def averaged(value: Callable[[Floats], Floats], start: Floats, end: Floats) -> Floats:
    """Mean over each bucket of a shape that has no closed integral, from twelve even points."""
    steps = (np.arange(SOFT_NODES) + 0.5) / SOFT_NODES
    points = [value(start + step * (end - start)) for step in steps]
    return np.asarray(np.mean(points, axis=0))


def sigmoid(x: Floats, seconds: float = SOFT_SECONDS) -> Floats:
    """One far after zero, zero far before it."""
    return np.asarray(0.5 * (1.0 + np.tanh(0.5 * x / seconds)))


def plateau(start: Floats, end: Floats, length_seconds: float, edge_seconds: float = SLOT_EDGE_SECONDS) -> Floats:
    """One while an event of that length runs, with shoulders; buckets are relative to its beginning."""

    def present(x: Floats) -> Floats:
        return _mounting(x, edge_seconds) - _mounting(x - length_seconds, edge_seconds)

    return np.maximum(present(end) - present(start), 0.0) / (end - start)


def adstock(start: Floats, end: Floats, length_seconds: float, half_life_seconds: float = ADSTOCK_SECONDS) -> Floats:
    """What money spent evenly over that length has in people's minds: mounts toward one, halves again and again after.

    Geometric adstock in continuous time (Broadbent 1979).
    """
    rate = np.log(2.0) / half_life_seconds
    reached = -np.expm1(-rate * length_seconds)

    def stocked(x: Floats) -> Floats:
        inside = np.clip(x, 0.0, length_seconds)
        later = -np.expm1(-rate * np.maximum(x - length_seconds, 0.0)) * reached / rate
        return np.asarray(inside + np.expm1(-rate * inside) / rate + later)

    return (stocked(end) - stocked(start)) / (end - start)


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
