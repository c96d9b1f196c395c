"""From contacts per interval to the load that agents really feel: contacts in hand outlast the interval they came in.

Modified offered load (Jennings, Mandelbaum, Massey and Whitt 1996; Green, Kolesar and Whitt 2007): the mean number in
hand with endless agents follows m' = λ(t) - μ m, solved exactly minute by minute; an interval needs its largest m.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

Floats = NDArray[np.float64]
CHUNK_PATHS = 50


def offered_load(contacts: Floats, interval_seconds: int, handle_seconds: float) -> Floats:
    """The largest load within each interval, Erlangs, [path, interval], for contacts of the same shape.

    An interval without contacts has no load: what is left over is finished by those who began it.
    """
    chunks = [
        _largest_in_interval(contacts[i : i + CHUNK_PATHS], interval_seconds, handle_seconds)
        for i in range(0, len(contacts), CHUNK_PATHS)
    ]
    return np.where(contacts > 0, np.concatenate(chunks), 0.0)


def _largest_in_interval(contacts: Floats, interval_seconds: int, handle_seconds: float) -> Floats:
    largest: Floats = in_hand(contacts, interval_seconds, handle_seconds).max(axis=-1)
    return largest


def in_hand(contacts: Floats, interval_seconds: int, handle_seconds: float) -> Floats:
    """m(t) at the end of each minute, [path, interval, minute]; starts in balance with the first interval's rate."""
    minutes = interval_seconds // 60
    steady = np.repeat(contacts * (handle_seconds / interval_seconds), minutes, axis=1)
    decay = np.exp(-60 / handle_seconds)
    level, _ = lfilter([1 - decay], [1, -decay], steady, axis=1, zi=steady[:, :1] * decay)
    shaped: Floats = level.reshape(*contacts.shape, minutes)
    return shaped
