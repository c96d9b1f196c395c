"""How long a whole event takes: 1,000 paths, three days in 15-s ticks, six services, hourly syncs and three desks.

    python benchmarks/rehearsal/speed.py calm|storm|hard [--workers N]

calm: floors carry nearly every path. storm: a tenth of the paths are refused and come again. hard: floors are far too
low and the shared limit is half, so that refused requests pile up. Played as `surgeplan rehearse` plays it, in as many
processes; the first figure is what the syncs know beforehand, while the processes start.
"""

from __future__ import annotations

import argparse
import os
import resource
import time
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from campaign.settings import Settings
from campaign.spreading import spread
from campaign.traffic import LiveSettings
from metrics.dictionary import read_dictionary
from playbooks.growth.policy import read_rules
from playbooks.rehearsal import replays
from playbooks.rehearsal.inputs import Inputs
from playbooks.rehearsal.policy import shipped_policy
from playbooks.rehearsal.replays import rehearse_in_parts, support_in_parts
from playbooks.rehearsal.sampling import Uncertain
from playbooks.rehearsal.support import Support, SupportDesk
from playbooks.simulation.desks import missed_at_balance
from playbooks.simulation.fleet import Demand, Fleet, Nodes
from playbooks.simulation.funnel import Funnel
from playbooks.simulation.limits import RateLimit
from playbooks.staffing.level_table import level_table
from playbooks.staffing.requirement import Rules
from surgeplan.war_room.making import Known, war_room_of

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
HALF_HOURS = MINUTES // 30
STARTS_AT = datetime(2026, 11, 10, tzinfo=UTC)
LEARNED = LiveSettings(half_life_seconds=1200, scale_ratio=1.0, campaigns=3)
OPENINGS = (1200, 2640, 4000)
FLOOR_AT_SD = {"calm": 3.5, "storm": 0.5, "hard": 0.5}
FLOOR_RATIO = {"calm": 1.0, "storm": 1.0, "hard": 0.4}


def shape() -> NDArray[np.float64]:
    """Days with three openings of which half is gone after half an hour."""
    at = np.arange(MINUTES)
    openings = [3 * np.exp(-np.maximum(at - opening, 0) / 40) * (at >= opening) for opening in OPENINGS]
    return np.asarray(0.5 + 0.4 * np.sin(2 * np.pi * at / 1440) + np.sum(openings, axis=0))


def event(kind: str) -> Inputs:
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
    capacity = rng.triangular(90.0, 100.0, 110.0, (SERVICES, PATHS))
    even = np.ones(PATHS)
    return Inputs(
        services=tuple(f"service-{service}" for service in range(SERVICES)),
        starts_at_utc=STARTS_AT,
        demand=Demand(rates),
        fleets=tuple(fleets),
        limits=(RateLimit("pay", {4: 1.0, 5: 0.2}, 9000.0 if kind == "calm" else 4500.0),),
        error_ratios=(0.001,) * SERVICES,
        orders_per_request=(None,) * SERVICES,
        costs_per_replica_hour=(None,) * SERVICES,
        uncertain=Uncertain(capacity, even, even / 2),
        funnel=FUNNEL,
        support=support(),
    )


def support() -> Support:
    rng, always = np.random.default_rng(2), np.ones(HALF_HOURS, bool)
    desks = [
        SupportDesk(
            name=f"desk-{number}",
            contacts=rng.poisson(80, (PATHS, HALF_HOURS)).astype(float),
            is_open=always,
            judged=always,
            seats=np.full(HALF_HOURS, 20.0),
            at_work_ratio=0.75,
            rules=rules,
            target_ratio=0.8,
            within_seconds=rules.within_seconds,
            missed=missed_at_balance(level_table(rules, 200.0), rules),
        )
        for number, rules in enumerate(DESKS)
    ]
    orders, even = np.full((PATHS, HALF_HOURS), 1000.0), np.full(PATHS, 0.5)
    return Support(STARTS_AT, tuple(desks), orders, shipped_policy().lost_orders, even, np.ones(HALF_HOURS), 0.1)


def known() -> Known:
    """What the war room goes by where a workspace says nothing."""
    nowhere = Path("/nowhere")
    settings = Settings.model_validate({"time_zone": "Asia/Shanghai", "services": [{"name": "service-0"}]})
    rules = read_rules(nowhere, read_dictionary(nowhere, settings))
    return Known(rules.live, rules.response, LEARNED, (1,) * SERVICES, np.full(SERVICES, 0.1))


def timed(kind: str, workers: int) -> str:
    """A row of the table."""
    planned, marks = event(kind), [time.perf_counter()]

    def mark() -> None:
        marks.append(time.perf_counter())

    with spread(workers, loads=replays.__name__) as everywhere:
        room = war_room_of(planned, known())
        mark()
        played = rehearse_in_parts(replace(planned, war_room=room), everywhere)
        mark()
        support_in_parts(planned, played, everywhere)
        mark()
    ended = time.perf_counter()
    seconds = [f"{after - before:.1f} s" for before, after in pairwise(marks)] + [f"**{ended - marks[0]:.1f} s**"]
    lost_percent = 100 * played.lost_requests.sum() / played.offered_requests.sum()
    acted = 0 if played.done is None else 100 * played.done.acting.mean()
    told = [f"{lost_percent:.2g} %", f"{acted:.0f} %", f"{peak_gib(workers):.2f} GiB"]
    return f"| {' | '.join([kind, *seconds, *told])} |"


def peak_gib(workers: int) -> float:
    """Of this process, and of as many others as the largest of them."""
    own, others = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return float(own + (workers * others if workers > 1 else 0)) / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=sorted(FLOOR_RATIO))
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    wanted = parser.parse_args()
    print(f"load of the machine before: {os.getloadavg()[0]:.1f}")
    print(timed(wanted.kind, wanted.workers))


if __name__ == "__main__":
    main()
