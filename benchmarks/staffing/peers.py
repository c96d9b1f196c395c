"""Our Erlang C beside pyworkforce's in the same run: the same agents, and how long they take.

.venv/bin/pip install --no-deps --target /tmp/peers pyworkforce==0.5.1 joblib cloudpickle loky ortools \
    absl-py protobuf immutabledict
PYTHONPATH=/tmp/peers:. nice .venv/bin/python benchmarks/staffing/peers.py
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from pyworkforce.queuing import ErlangC

from playbooks.staffing import erlang
from playbooks.staffing.requirement import Rules, required_seats

CASES = ((96, 500), (96, 5000), (1000, 500), (1000, 5000))
HANDLE_MINUTES, WITHIN_MINUTES, TARGET = 5, 20 / 60, 0.8


def theirs(loads: np.ndarray) -> np.ndarray:
    return np.array([_their_agents(load) for load in loads])


def _their_agents(load: float) -> int:
    contacts = load * 30 / HANDLE_MINUTES
    queue = ErlangC(transactions=contacts, asa=WITHIN_MINUTES, aht=HANDLE_MINUTES, interval=30, shrinkage=0)
    return int(queue.required_positions(service_level=TARGET, max_occupancy=1.0)["raw_positions"])


def ours(loads: np.ndarray) -> np.ndarray:
    return erlang.agents_without_abandonment(loads, HANDLE_MINUTES * 60, TARGET, WITHIN_MINUTES * 60)


def with_patience(loads: np.ndarray) -> np.ndarray:
    return required_seats(Rules((HANDLE_MINUTES * 60.0,), 120, "served_within", TARGET, 20), loads).seats


def seconds(run: Callable[[np.ndarray], np.ndarray], loads: np.ndarray, repeats: int) -> tuple[float, np.ndarray]:
    """The fastest of several runs, and what it found."""
    best = np.inf
    for _ in range(repeats):
        began = time.perf_counter()
        found = run(loads)
        best = min(best, time.perf_counter() - began)
    return best, found


def main() -> None:
    print("| intervals, loads | pyworkforce Erlang C | ours | ratio | different agents | ours with patience |")
    print("|---|---:|---:|---:|---:|---:|")
    for count, largest in CASES:
        loads = np.exp(np.random.default_rng(1).uniform(0, np.log(largest), count))
        their_seconds, their_agents = seconds(theirs, loads, 3)
        our_seconds, our_agents = seconds(ours, loads, 9)
        patient_seconds, _ = seconds(with_patience, loads, 3)
        print(
            f"| {count}, 1–{largest} Erlangs | {1000 * their_seconds:.1f} ms | {1000 * our_seconds:.2f} ms "
            f"| {their_seconds / our_seconds:.0f} × | {int((their_agents != our_agents).sum())} "
            f"| {1000 * patient_seconds:.0f} ms |"
        )


if __name__ == "__main__":
    main()
