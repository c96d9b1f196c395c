"""How long a whole event takes: 1,000 paths, three days in 15-s ticks, six services and three desks, in one process.

    python benchmarks/rehearsal/speed.py calm|storm|hard

calm: floors carry nearly every path. storm: a tenth of the paths are refused and come again. hard: floors are far too
low and the shared limit is half, so that refused requests pile up.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
from numpy.typing import NDArray

from playbooks.simulation.desks import Desk, missed_at_balance, play_desk
from playbooks.simulation.event import Event, play
from playbooks.simulation.fleet import Demand, Fleet, Nodes
from playbooks.simulation.funnel import Funnel
from playbooks.simulation.limits import RateLimit
from playbooks.simulation.retries import RetryPolicy
from playbooks.staffing.level_table import level_table
from playbooks.staffing.requirement import Rules

PATHS, MINUTES, SERVICES = 1000, 3 * 1440, 6
PHONE = Rules((300.0,), 120, "served_within", 0.8, 20, redial_ratio=0.5)
DESKS = (PHONE, Rules((480.0, 565.0, 576.0, 662.0), 120, "served_within", 0.8, 60, redial_ratio=0.5), PHONE)
FUNNEL = Funnel(
    stages=tuple(f"stage-{stage}" for stage in range(SERVICES)),
    requests=np.eye(SERVICES) * 3,
    reach=0.7 ** np.arange(SERVICES),
    orders=0.7 ** np.arange(SERVICES, 0, -1),
    think_seconds=np.full(SERVICES, 15.0),
)
OPENINGS = (1200, 2640, 4000)
FLOOR_AT_SD = {"calm": 3.5, "storm": 0.5, "hard": 0.5}
FLOOR_RATIO = {"calm": 1.0, "storm": 1.0, "hard": 0.4}


def shape() -> NDArray[np.float64]:
    """Days with three openings of which half is gone after half an hour."""
    at = np.arange(MINUTES)
    openings = [3 * np.exp(-np.maximum(at - opening, 0) / 40) * (at >= opening) for opening in OPENINGS]
    return np.asarray(0.5 + 0.4 * np.sin(2 * np.pi * at / 1440) + np.sum(openings, axis=0))


def event(kind: str) -> Event:
    rng = np.random.default_rng(1)
    middle = 1000 * shape()
    size = rng.lognormal(0, 0.3, (PATHS, 1)).astype(np.float32)
    rates = np.empty((SERVICES, PATHS, MINUTES), np.float32)
    for service in range(SERVICES):
        rates[service] = middle.astype(np.float32) * size * rng.lognormal(0, 0.03, (PATHS, MINUTES)).astype(np.float32)
    needed = FLOOR_RATIO[kind] * middle * np.exp(0.3 * FLOOR_AT_SD[kind]) / 100
    floor = np.ceil([needed[i : i + 10].max() for i in range(MINUTES)]).astype(np.int64)
    ceiling = 400 if kind == "calm" else int(floor.max() * 1.05)
    fleets = [Fleet(s, 100.0, floor, ceiling=ceiling, nodes=Nodes(), floor_late_seconds=30) for s in range(SERVICES)]
    limit = RateLimit("pay", {4: 1.0, 5: 0.2}, 9000.0 if kind == "calm" else 4500.0)
    capacity = rng.triangular(90.0, 100.0, 110.0, (SERVICES, PATHS))
    return Event(Demand(rates), fleets, [limit], RetryPolicy(), capacity=capacity, funnel=FUNNEL)


def desks() -> None:
    rng = np.random.default_rng(2)
    for rules in DESKS:
        missed = missed_at_balance(level_table(rules, 200.0), rules)
        contacts = rng.poisson(80, (PATHS, MINUTES // 30)).astype(float)
        play_desk(Desk(contacts, np.full(MINUTES // 30, 20.0), 1800.0, rules, missed))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=sorted(FLOOR_RATIO))
    kind = parser.parse_args().kind
    whole = event(kind)
    began = time.perf_counter()
    played = play(whole)
    between = time.perf_counter()
    desks()
    ended = time.perf_counter()
    lost_percent = 100 * played.lost_requests.sum() / played.offered_requests.sum()
    peak_gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"| {kind} | {between - began:.1f} s | {ended - between:.1f} s | {lost_percent:.2g} % | {peak_gib:.2f} GiB |")


if __name__ == "__main__":
    main()
