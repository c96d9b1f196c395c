"""Contacts that come again because nobody answered: the fixed point of load and abandonment.

Those who give up come again in the share `redial_ratio`, whether or not they did before. Sources: Gans, Koole and
Mandelbaum 2003 (section on retrials); Aguir, Karaesmen, Aksin and Chauvet 2004.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
ROUNDS = 40
CLOSE_RATIO = 1e-7


def load_with_redials(
    given_up: Callable[[Floats], Floats], load: Floats, carried_at_most: Floats, redial_ratio: float
) -> Floats:
    """Load A' once the share `redial_ratio` below 1 comes again: A' = A + r P(A') A', P the share that `given_up` says.

    Whatever is beyond `carried_at_most` is lost for certain, which gives a load below A' to begin from. What is lost is
    a convex function of the load, so the secant method climbs from there to the only solution.
    """
    before = load + redial_ratio / (1 - redial_ratio) * np.maximum(load - carried_at_most, 0.0)
    short = _missing(given_up, before, load, redial_ratio)
    here = before + np.maximum(short, 0.0)
    for _ in range(ROUNDS):
        left = _missing(given_up, here, load, redial_ratio)
        if np.all(left <= CLOSE_RATIO * load):
            break
        gain = np.divide(short - left, here - before, out=np.ones_like(here), where=here > before)
        step = left / np.clip(gain, 1 - redial_ratio, 1.0)
        before, short, here = here, left, np.minimum(here + step, load / (1 - redial_ratio))
    return here


def _missing(given_up: Callable[[Floats], Floats], here: Floats, load: Floats, redial_ratio: float) -> Floats:
    """How much of what comes at a load of `here` is not in it yet."""
    found: Floats = load + redial_ratio * given_up(here) * here - here
    return found


def contacts_with_redials(contacts: Floats, given_up_ratio: Floats, redial_ratio: float) -> Floats:
    """All attempts, where `given_up_ratio` of all attempts (NaN: none) is given up and so many of those come again."""
    found: Floats = contacts / (1 - redial_ratio * np.nan_to_num(given_up_ratio))
    return found
