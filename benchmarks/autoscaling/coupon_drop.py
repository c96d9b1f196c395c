"""A coupon drop: ×8 within 60 seconds at 20:00, decaying over 20 minutes; the level of the whole day is uncertain.

The forecast is calibrated by construction: truths and sample paths come from the same distribution, but for the cases
that say otherwise. Everything planned here is planned by the product's own functions under its shipped policy.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from campaign.capacity import Capacity, CapacityRange
from campaign.settings import Service
from playbooks.autoscaling.backtest import Candidate, Way, alone_label, fleets_of, way_label
from playbooks.autoscaling.floors import Risk, Window, plan_floors
from playbooks.autoscaling.known import ServiceFacts
from playbooks.autoscaling.minutes import MinuteTraffic
from playbooks.autoscaling.policy import AutoscalingPolicy
from playbooks.simulation.fixed import clairvoyant_replica_hours, in_ticks, under_fixed_replicas
from playbooks.simulation.fleet import TICKS_PER_MINUTE, Demand, Fleet
from playbooks.simulation.replay import Replayed, replay
from playbooks.simulation.startup import lead_minutes

DAY_MINUTES = 1440
DROP_MINUTE = 20 * 60
CAPACITY = 100.0
SERVICE = "shop"
WARM = (0.0, 0.0)


@dataclass(frozen=True)
class Row:
    """One policy in one case; means over replays."""

    case: str
    policy: str
    overloaded_minutes: float
    clean_ratio: float
    above_ratio: float
    oracle_ratio: float
    worse_days: int | None = None


@dataclass(frozen=True)
class Case:
    """What is true on the day: `moved_minutes` late, `factor` larger than forecast, nodes cold or warm."""

    name: str
    moved_minutes: int = 0
    factor: float = 1.0
    nodes_wait: bool = True
    level_error: float = 0.2


CASES = (
    Case("calibrated, nodes warm", nodes_wait=False),
    Case("calibrated, nodes wait 2–4 min"),
    Case("5 min early, nodes wait", moved_minutes=-5),
    Case("10 min late, nodes wait", moved_minutes=10),
    Case("truth 1.5 × the forecast, nodes wait", factor=1.5),
    Case("level error 30 %, nodes wait", level_error=0.3),
)


def shape_in_ticks(moved_minutes: int = 0) -> NDArray[np.float64]:
    """[tick] requests per second of a day whose level is one."""
    seconds = np.arange(DAY_MINUTES * TICKS_PER_MINUTE) * 15.0
    daily = 700 + 400 * np.sin((seconds / 86400 - 0.4) * 2 * np.pi)
    since = seconds - (DROP_MINUTE + moved_minutes) * 60
    surge = np.where(since < 60, 7 * np.clip(since, 0, None) / 60, 7 * np.exp(-(since - 60) / 1200))
    return np.asarray(daily * (1 + np.where(since > 0, surge, 0)))


def in_minutes(ticks: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """[minute] means, and each minute's quarters over its mean [minute, 4]."""
    quarters = ticks.reshape(-1, TICKS_PER_MINUTE)
    means = quarters.mean(axis=1)
    return means, quarters / means[:, None]


def levels(count: int, error: float, seed: int) -> NDArray[np.float64]:
    """[path] log-normal levels with mean one."""
    draws = np.random.default_rng(seed).standard_normal(count)
    return np.exp(error * draws - error**2 / 2)


def traffic(error: float, paths: int, seed: int, quarters_known: bool = True) -> MinuteTraffic:
    """The forecast's sample paths."""
    means, quarters = in_minutes(shape_in_ticks())
    rates = (means[None, None] * levels(paths, error, seed)[None, :, None]).astype(np.float32)
    known = np.full((1, DAY_MINUTES), quarters_known)
    return MinuteTraffic(rates, (SERVICE,), np.datetime64("2026-11-10T00:00:00", "s"), quarters[None], known)


def facts(policy: AutoscalingPolicy) -> ServiceFacts:
    """A service of 100 requests per second and replica that starts within two minutes."""
    service = Service(name=SERVICE)
    known = CapacityRange(low=CAPACITY, mid=CAPACITY, high=CAPACITY)
    capacity = Capacity(service=SERVICE, source="measured", capacity_requests_per_second_per_replica=known)
    start = policy.startup_seconds_p99
    lead = lead_minutes(start, policy.node_wait_seconds[1], policy.executor_seconds)
    return ServiceFacts(service, capacity, 2, None, start, lead, 1, ())


def planned_floor(policy: AutoscalingPolicy, error: float, quantile_ratio: float = 0.99) -> NDArray[np.int64]:
    """[minute] the shipped planner's floor for the day."""
    known = {SERVICE: facts(policy)}
    risk = Risk(quantile_ratio, policy.quiet_quantile_ratio, (DROP_MINUTE,))
    made = plan_floors(traffic(error, 1000, seed=1), Window(0, DAY_MINUTES), known, (), {SERVICE: risk}, policy)
    return made[SERVICE].by_minute()


def play(case: Case, truths: int, policy: AutoscalingPolicy, seed: int = 2) -> list[Row]:
    """All policies on the same truths."""
    shape = shape_in_ticks(case.moved_minutes)
    means, quarters = in_minutes(shape)
    rates = means[None] * levels(truths, case.level_error, seed)[:, None] * case.factor
    demand = Demand(rates[None].astype(np.float32), quarters[None])
    ticks = in_ticks(rates, quarters)
    oracle = clairvoyant_replica_hours(ticks, CAPACITY)
    named = dict(policies(case, policy))
    played = replay(demand, list(named.values()))
    rows = [
        Row(
            case.name,
            name,
            float(played.overloaded_minutes[i].mean()),
            float((played.overloaded_minutes[i] == 0).mean()),
            float(played.above_capacity_requests[i].sum() / played.offered_requests[i].sum()),
            float(played.replica_hours[i].mean() / oracle.mean()),
            worse_days(list(named.values()), played, i),
        )
        for i, name in enumerate(named)
    ]
    return [*rows, static_peak(case, ticks, oracle)]


def worse_days(fleets: Sequence[Fleet], played: Replayed, row: int) -> int | None:
    """Days on which a plan has more overloaded minutes than the HPA alone at its target; None for no plan."""
    if np.ptp(fleets[row].floor) == 0:
        return None
    same = [i for i, f in enumerate(fleets) if np.ptp(f.floor) == 0 and f.metric == fleets[row].metric]
    alone = next(i for i in same if fleets[i].target_ratio == fleets[row].target_ratio)
    return int((played.overloaded_minutes[row] > played.overloaded_minutes[alone]).sum())


def static_peak(case: Case, ticks: NDArray[np.float64], oracle: NDArray[np.float64]) -> Row:
    """As many replicas as the forecast's p99 peak needs, all day."""
    forecast = shape_in_ticks().max() * levels(1000, case.level_error, 1)
    replicas = float(np.ceil(np.quantile(forecast, 0.99) / CAPACITY))
    minutes, above = under_fixed_replicas(ticks, replicas * CAPACITY)
    clean = float((minutes == 0).mean())
    return Row(
        case.name, "static p99 peak", float(minutes.mean()), clean, float(above.mean()), replicas * 24 / oracle.mean()
    )


def policies(case: Case, policy: AutoscalingPolicy) -> list[tuple[str, Fleet]]:
    """Name and fleet of everything that is compared: the HPA alone, and plans of 8 and 12 steps with it on top."""
    own = policy if case.nodes_wait else policy.model_copy(update={"node_wait_seconds": WARM})
    fleets: list[tuple[str, Fleet]] = []
    for steps in (8, 12):
        floor = planned_floor(policy.model_copy(update={"steps_per_day": steps}), case.level_error)
        way = Way("surges", policy.hpa_target_on_plan_ratio, floor, 1_000_000)
        known = fleets_of(0, Candidate(CAPACITY, 2, policy.startup_seconds_p99, (way,)), own)
        if not fleets:
            today, same = known["hpa-alone"], known[alone_label(way.hpa_target_ratio, own)]
            fleets += [
                (f"HPA alone, CPU {today.target_ratio:.0%}", today),
                (f"HPA alone, CPU {same.target_ratio:.0%}", same),
                ("HPA alone, requests per second 65%", replace(today, metric="rate")),
            ]
        fleets.append((f"plan, {steps} steps, HPA CPU {way.hpa_target_ratio:.0%} on top", known[way_label(0)]))
    return fleets
