"""Erlang A beside a simulation that shares no formula with it, at 25 loads from 0.5 to 1 000 Erlangs.

nice .venv/bin/python benchmarks/staffing/against_simulation.py

Phone desk: 5 minutes of handling, patience 2 minutes, 80 % in 20 s; 3 % fewer agents than Erlangs, so that people wait.
The half-width is that of the 95 % interval over 30 batches of the simulated contacts (Student's t).
"""

from __future__ import annotations

import numpy as np
from scipy.stats import t

from playbooks.staffing.requirement import Rules, performance
from playbooks.staffing.simulation_check import arrivals, simulate

PHONE = Rules((300.0,), 120, "served_within", 0.8, 20)
LOADS = np.geomspace(0.5, 1000, 25).round(2)
CONTACTS, BATCHES, WARM_SECONDS = 150_000, 30, 3600


def simulated(load: float, agents: int) -> tuple[float, float]:
    """Simulated service level and the half-width of its interval."""
    rng, rate = np.random.default_rng(round(load * 100)), load / 300
    contacts = np.full(max(40, round(CONTACTS / rate / 1800)), rate * 1800)
    outcome = simulate(arrivals(contacts, 1800, rng), [agents], 1800, PHONE, rng)
    good = (outcome.served & (outcome.waited_seconds <= PHONE.within_seconds))[outcome.arrived_seconds > WARM_SECONDS]
    batches = np.array([part.mean() for part in np.array_split(good, BATCHES)])
    return float(good.mean()), float(t.ppf(0.975, BATCHES - 1) * batches.std(ddof=1) / np.sqrt(BATCHES))


def main() -> None:
    print("| Erlangs | agents | Erlang A | simulated | ± 95 % | difference ÷ half-width |")
    print("|---:|---:|---:|---:|---:|---:|")
    shares = []
    for load in LOADS:
        agents = max(1, round(load * 0.97))
        exact = float(performance(PHONE, np.array([load]), np.array([agents])).served_within_ratio[0])
        found, half = simulated(float(load), agents)
        shares.append(abs(found - exact) / half)
        print(f"| {load:g} | {agents} | {exact:.4f} | {found:.4f} | {half:.4f} | {(found - exact) / half:+.2f} |")
    inside = sum(share <= 1 for share in shares)
    print(f"\n{inside} of {len(LOADS)} within the 95 % interval, the furthest at {max(shares):.2f} half-widths.")


if __name__ == "__main__":
    main()
