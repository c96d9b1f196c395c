"""How good is the knee? The practice target's queue in simulation, its closed form as the truth, 50 runs a setting.

    python benchmarks/loadtest/knee_coverage.py [--runs 50] [--step-seconds 15] [--first-seed 0]

No network and no generator: this is the estimator alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor

import numpy as np
from hdrh.histogram import HdrHistogram

from loadtest.knee import Step, buckets_of, find_knee
from loadtest.measure import MeasureWanted, search, warmup_seconds
from loadtest.practice import Desk
from loadtest.queueing import knee_per_second
from loadtest.steps import Slot
from loadtest.steps_elsewhere import StepPoint, log_p99_knee

SETTINGS = ((1, 4.0, 40.0), (2, 10.0, 80.0), (4, 20.0, 120.0), (8, 20.0, 120.0), (16, 30.0, 160.0))


def simulated_steps(
    desk_of, slots: Sequence[Slot], rng: np.random.Generator, warmup: int, climbing: bool, objective_seconds: float
) -> tuple[list[Step], float]:
    """Each slot's response times under Poisson arrivals, the queue running on through all slots."""
    desk, steps, throughput = desk_of(int(rng.integers(2**31))), [], 0.0
    desk.open(0.0)
    for slot in slots:
        length = slot.last - slot.first
        at = np.sort(rng.uniform(0, length, rng.poisson(slot.rate_per_second * length))) + slot.first
        response = np.array([desk.served_at(float(t)) - t for t in at])
        steps.append(_step(slot, at, response, warmup))
        done = np.bincount((at + response - slot.first).astype(int), minlength=length)[:length]
        throughput = max(throughput, float(np.convolve(done, [0.5, 0.5], "valid").max()))
        if climbing and (response > objective_seconds).mean() > 0.5:
            return steps[:-1], throughput
    return steps, throughput


def _step(slot: Slot, at: np.ndarray, response: np.ndarray, warmup: int) -> Step:
    histograms = []
    for second in range(slot.first + warmup, slot.last):
        histogram = HdrHistogram(1, 600_000_000, 3)
        for value in response[(at >= second) & (at < second + 1)]:
            histogram.record_value(max(int(value * 1e6), 1))
        histograms.append(histogram)
    counts, bucket_ms = buckets_of(histograms)
    edges = np.arange(slot.first + warmup, slot.last + 1)
    came, done = np.histogram(at, edges)[0], np.histogram(at + response, edges)[0]
    mean = float((counts.sum(axis=0) * bucket_ms).sum() / max(counts.sum(), 1))
    return Step(slot.rate_per_second, mean, 0.0, counts, bucket_ms, came.astype(float), done.astype(float))


def measured(workers: int, service_ms: float, objective_ms: float, step_seconds: int, seed: int):
    """One whole measurement in simulation."""
    rng = np.random.default_rng(seed)
    target = rng.spawn(1)[0]

    def run(slots: Sequence[Slot], climbing: bool) -> tuple[list[Step], float]:
        warmup = 1 if climbing else warmup_seconds(step_seconds)
        return simulated_steps(
            lambda s: Desk(workers, service_ms / 1000, True, seed=s),
            slots,
            target,
            warmup,
            climbing,
            objective_ms / 1000,
        )

    steps, limits = search(run, objective_ms, MeasureWanted(step_seconds=step_seconds, highest_per_second=4000), rng)
    points = [StepPoint(step.offered_per_second, step.p99_ms) for step in steps]
    return find_knee(steps, objective_ms, rng) if limits else None, log_p99_knee(points, objective_ms)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--step-seconds", type=int, default=15)
    parser.add_argument("--first-seed", type=int, default=0, help="other runs than those that the method was made with")
    parser.add_argument("--setting", type=int, choices=range(len(SETTINGS)), help="only this one of the settings")
    given = parser.parse_args()
    print("workers  service ms  objective ms   truth  share of capacity  median  worst error  covered  width"
          "  log p99: median, worst")  # fmt: skip
    for workers, service_ms, objective_ms in SETTINGS if given.setting is None else SETTINGS[given.setting :][:1]:
        truth = knee_per_second(workers, service_ms / 1000, objective_ms / 1000)
        runs = [
            (workers, service_ms, objective_ms, given.step_seconds, given.first_seed + run) for run in range(given.runs)
        ]
        with ProcessPoolExecutor() as pool:
            both = list(pool.map(measured, *zip(*runs, strict=True)))
        found = [knee for knee, _by_p99 in both if knee is not None]
        by_p99 = np.array([rate / truth - 1 for _knee, rate in both if rate is not None])
        errors = np.array([knee.mid / truth - 1 for knee in found])
        covered = sum(knee.low <= truth <= knee.high for knee in found)
        width = np.median([(knee.high - knee.low) / truth for knee in found])
        share = truth / (workers / service_ms * 1000)
        print(
            f"{workers:7d}{service_ms:12g}{objective_ms:14g}{truth:8.0f}{share:19.2f}{np.median(errors):8.1%}"
            f"{np.abs(errors).max():13.1%}{covered:6d}/{given.runs}{width:7.1%}"
            f"{np.median(by_p99):10.1%}{np.abs(by_p99).max():8.1%}"
        )


if __name__ == "__main__":
    main()
