"""The Universal Scalability Law (Gunther 2007): N carry one N / (1 + contention (N - 1) + coherency N (N - 1)).

Over the requests inside one target it says where that target saturates; over replicas, what more of them are worth.
Neither is fitted without a saturated step: below that replies come as fast as requests do, whatever could be carried.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.optimize import least_squares, nnls

from campaign.capacity import CapacityRange, Estimate, ExpectedEfficiency, ReplicaScaling
from loadtest.knee import DRAWS, Floats, Step

MISSING_RATIO = 0.03
IN_FLIGHT_SIGMAS = 5  # requests inside at the first and at the last instant differ by chance; a backlog is more
FEWEST_SIZES = 3
BEYOND = (2, 4)
INTERVAL = (0.025, 0.5, 0.975)
SIGMAS_OF_INTERVAL = 3.92
BETWEEN_RUNS = 0.01  # standard deviation, of the figure: what its seconds cannot tell; benchmarks/loadtest/replicas.py


@dataclass(frozen=True)
class Usl:
    """The law for one target; N is the mean number of requests inside, X * R by Little's law."""

    requests_per_second_of_one: float
    contention: float
    coherency: float

    @property
    def peak_requests_per_second(self) -> float:
        n = np.arange(1, 10_001, dtype=float)
        return float(throughput(n, (self.requests_per_second_of_one, self.contention, self.coherency)).max())


def throughput(n: Floats, parameters: Sequence[float] | Floats) -> Floats:
    """What the law says N carry; parameters are (one, contention, coherency)."""
    one, contention, coherency = parameters
    return np.asarray(one * n / (1 + contention * (n - 1) + coherency * n * (n - 1)), dtype=np.float64)


def saturated(step: Step) -> bool:
    """More came than was replied to; what came is counted, a Poisson draw may be off the rate that was wanted.

    A step's edges cut through requests: what is missing must also be more than the chance of how many are inside
    (Little's law: X * R), or a few seconds at a low rate would look saturated.
    """
    came, missing = float(step.intended.sum()), float((step.intended - step.done).sum())
    inside = max(step.achieved_per_second * step.mean_ms / 1000, 1.0)
    return missing > max(MISSING_RATIO * came, IN_FLIGHT_SIGMAS * sqrt(inside))


def fit_usl(steps: Sequence[Step]) -> Usl | None:
    """The law fitted to all steps; None without a saturated step, where it would be confidently wrong."""
    if not any(saturated(step) for step in steps) or len(steps) < 4:
        return None
    x = np.array([step.achieved_per_second for step in steps])
    n = np.maximum(x * np.array([step.mean_ms for step in steps]) / 1000, 1e-3)
    start = (float((x / np.maximum(n, 1)).max()), 0.1, 1e-4)

    def misfit(parameters: Floats) -> Floats:
        return np.asarray((throughput(n, parameters) - x) / x.max(), dtype=np.float64)

    fitted = least_squares(
        misfit, start, loss="soft_l1", bounds=([1e-6, 0, 0], [np.inf, 1, 1]), x_scale=[start[0], 0.1, 1e-3]
    )
    return Usl(*(float(value) for value in fitted.x))


def saturated_throughput(steps: Sequence[Step], rng: np.random.Generator) -> CapacityRange | None:
    """Replies per second of the saturated steps, with a bootstrap over their seconds; None where no step was."""
    seconds = [step.done for step in steps if saturated(step)]
    if not seconds:
        return None
    done = np.concatenate(seconds)
    mid = float(done.mean())
    low, _median, high = np.quantile(rng.choice(done, (DRAWS, len(done))).mean(axis=1), INTERVAL)
    return CapacityRange(low=min(float(low), mid), mid=mid, high=max(float(high), mid)) if mid else None


def scaling_of_replicas(carried: Mapping[int, CapacityRange], rng: np.random.Generator) -> ReplicaScaling | None:
    """The law over replicas, from what so many of them carried together when saturated.

    Its interval comes from redrawing each figure within its own, which is never taken as narrower than what two runs of
    the same step differ by. None with fewer than three numbers of replicas: the
    law has three parameters.
    """
    if len(carried) < FEWEST_SIZES:
        return None
    n = np.array(sorted(carried), dtype=np.float64)
    mid = np.array([carried[int(size)].mid for size in n])
    error = np.array([(carried[int(size)].high - carried[int(size)].low) / SIGMAS_OF_INTERVAL for size in n])
    error = np.maximum(error, BETWEEN_RUNS * mid)
    whole = _fit(n, mid, error)
    drawn = [_fit(n, np.maximum(rng.normal(mid, error), 0.1 * mid), error) for _ in range(DRAWS)]
    at = [int(factor * n[-1]) for factor in BEYOND]
    return ReplicaScaling(
        requests_per_second_of_one=CapacityRange(**_around([d[0] for d in drawn], whole[0])),
        contention=Estimate(**_around([d[1] for d in drawn], whole[1])),
        coherency=Estimate(**_around([d[2] for d in drawn], whole[2])),
        expected=tuple(
            ExpectedEfficiency(
                replicas=size,
                efficiency_ratio=Estimate(**_around([_efficiency(size, d) for d in drawn], _efficiency(size, whole))),
            )
            for size in at
        ),
    )


def _fit(n: Floats, x: Floats, error: Floats) -> tuple[float, float, float]:
    """N / X is linear in 1 / one, contention / one and coherency / one: least squares without negative ones."""
    weights = x / np.maximum(error / x, 1e-4) / n
    rows = np.stack([np.ones_like(n), n - 1, n * (n - 1)], axis=1)
    inverse, contention, coherency = nnls(rows * weights[:, None], n / x * weights)[0]
    return float(1 / inverse), float(contention / inverse), float(coherency / inverse)


def _efficiency(replicas: int, parameters: Sequence[float]) -> float:
    """What each of so many carries, as a share of what one alone does."""
    one = parameters[0]
    return float(throughput(np.array([float(replicas)]), parameters)[0]) / (one * replicas)


def _around(draws: Sequence[float], whole: float) -> dict[str, float]:
    low, _median, high = np.quantile(np.asarray(draws), INTERVAL)
    return {"low": min(float(low), whole), "mid": whole, "high": max(float(high), whole)}
