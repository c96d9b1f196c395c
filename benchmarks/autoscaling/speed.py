"""How long planning takes: the step cover, and the replay."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from campaign.settings import Limit
from playbooks.autoscaling.floors import covers_within
from playbooks.autoscaling.requirement import widened
from playbooks.autoscaling.steps import cheapest_cover
from playbooks.simulation.fleet import Demand, Fleet
from playbooks.simulation.replay import replay


def seconds(work: Callable[[], object]) -> float:
    """Processor seconds of one call: the machine may be shared."""
    began = time.process_time()
    work()
    return time.process_time() - began


def ten_services() -> dict[str, NDArray[np.int64]]:
    """Floors of ten services whose drops lie within two hours of each other."""
    rng, minutes, need = np.random.default_rng(10), np.arange(1440), {}
    for i in range(10):
        drop, height, decay = 1200 + rng.integers(-60, 60), rng.integers(20, 80), rng.integers(15, 60)
        surge = np.where(minutes >= drop, height * np.exp(-(minutes - drop) / decay), 0)
        replicas = np.ceil(5 + 8 * np.sin((minutes - 500) / 1440 * 2 * np.pi) ** 2 + surge).astype(np.int64)
        need[f"s{i}"] = widened(replicas, 10, 12)
    return need


def times() -> dict[str, float]:
    """Seconds by what was done."""
    draws = np.random.default_rng(0)
    rough, smooth = draws.integers(0, 1000, 1440), np.sort(draws.integers(0, 200, 1440))
    rates = (400 + 300 * draws.random((1, 1000, 1440))).astype(np.float32)
    services = ten_services()
    quota = Limit(
        name="quota",
        kind="per_replica",
        total=float(np.sum(list(services.values()), axis=0).max()),
        used_by=dict.fromkeys(services, 1.0),
    )
    return {
        "ten services within one shared quota, 8 steps each": seconds(lambda: covers_within(services, [quota], 8)),
        "step cover, 1 440 different minutes, 8 steps": seconds(lambda: cheapest_cover(rough, 8)),
        "step cover, 1 440 different minutes, 24 steps": seconds(lambda: cheapest_cover(rough, 24)),
        "step cover, 1 440 minutes in order, 8 steps": seconds(lambda: cheapest_cover(smooth, 8)),
        "replay, 1 000 paths × 1 day × 1 service, 15-s ticks": seconds(
            lambda: replay(Demand(rates), [Fleet(0, 100.0, np.full(1440, 2))])
        ),
    }
