"""How long planning takes: the step cover, and the replay."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from playbooks.autoscaling.steps import cheapest_cover
from playbooks.simulation.replay import Demand, Fleet, replay


def seconds(work: Callable[[], object]) -> float:
    """Processor seconds of one call: the machine may be shared."""
    began = time.process_time()
    work()
    return time.process_time() - began


def times() -> dict[str, float]:
    """Seconds by what was done."""
    draws = np.random.default_rng(0)
    rough, smooth = draws.integers(0, 1000, 1440), np.sort(draws.integers(0, 200, 1440))
    rates = (400 + 300 * draws.random((1, 1000, 1440))).astype(np.float32)
    return {
        "step cover, 1 440 different minutes, 8 steps": seconds(lambda: cheapest_cover(rough, 8)),
        "step cover, 1 440 different minutes, 24 steps": seconds(lambda: cheapest_cover(rough, 24)),
        "step cover, 1 440 minutes in order, 8 steps": seconds(lambda: cheapest_cover(smooth, 8)),
        "replay, 1 000 paths × 1 day × 1 service, 15-s ticks": seconds(
            lambda: replay(Demand(rates), [Fleet(0, 100.0, np.full(1440, 2))])
        ),
    }
