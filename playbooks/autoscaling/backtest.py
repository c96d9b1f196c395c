"""Every plan is replayed before it is shown: beside the HPA alone, a static peak, and one who knew it all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from playbooks.autoscaling.plan import BackTest, Outcome, Spread
from playbooks.autoscaling.policy import AutoscalingPolicy
from playbooks.autoscaling.requirement import replicas_for
from playbooks.simulation.fixed import clairvoyant_replica_hours, in_ticks, under_fixed_replicas
from playbooks.simulation.fleet import TICK_SECONDS, Demand, Fleet, Nodes
from playbooks.simulation.replay import Replayed, replay


@dataclass(frozen=True)
class Way:
    """One way to plan a service: its floor [minute], the HPA's target on top and its maxReplicas."""

    spread: Spread
    hpa_target_ratio: float
    planned: NDArray[np.int64]
    most: int


@dataclass(frozen=True)
class Candidate:
    """What is replayed for one service: its usual floor, how its replicas behave, and the ways, cheapest first."""

    capacity_requests_per_second_per_replica: float
    floor: int
    startup_seconds: float
    ways: tuple[Way, ...]
    multiple: int = 1


@dataclass(frozen=True)
class Picture:
    """One service on one path, each [tick]: what came, and what each policy could carry."""

    demand_requests_per_second: NDArray[np.float64]
    capacity_requests_per_second: dict[str, NDArray[np.float64]]


@dataclass(frozen=True)
class Tested:
    """The way that was chosen by replay, its back-test beside the others', and a picture."""

    way: Way
    back_test: BackTest
    picture: Picture


def back_tests(
    demand: Demand, candidates: Mapping[str, Candidate], policy: AutoscalingPolicy, shift_minutes: Sequence[int]
) -> dict[str, Tested]:
    """Replay `demand` [service, path, minute], services in the order of `candidates`, shifted path by path."""
    demand = replace(demand, requests_per_second=shifted(demand.requests_per_second, shift_minutes))
    rows: list[tuple[int, str]] = []
    fleets: list[Fleet] = []
    for i, candidate in enumerate(candidates.values()):
        named = fleets_of(i, candidate, policy)
        rows += [(i, label) for label in named]
        fleets += named.values()
    played = replay(demand, fleets, _middle_path(demand.requests_per_second, len(shift_minutes)))
    return {
        name: _tested(i, candidate, demand, played, rows, policy, shift_minutes)
        for i, (name, candidate) in enumerate(candidates.items())
    }


def _tested(
    service: int,
    candidate: Candidate,
    demand: Demand,
    played: Replayed,
    rows: Sequence[tuple[int, str]],
    policy: AutoscalingPolicy,
    shift_minutes: Sequence[int],
) -> Tested:
    capacity = candidate.capacity_requests_per_second_per_replica
    rates = in_ticks(demand.requests_per_second[service], None if demand.quarters is None else demand.quarters[service])
    oracle_hours = clairvoyant_replica_hours(rates, capacity)
    mine = {label: row for row, (owner, label) in enumerate(rows) if owner == service}
    outcomes = {label: _outcome(played, row, oracle_hours) for label, row in mine.items()}
    chosen = chosen_way([outcomes[way_label(k)] for k in range(len(candidate.ways))], outcomes["hpa-alone"], policy)
    way = candidate.ways[chosen]
    kept = {"plan": way_label(chosen), "hpa-alone": "hpa-alone", WARM: WARM}
    kept["hpa-alone-at-plan-target"] = alone_label(way.hpa_target_ratio, policy)
    test = BackTest(
        paths=demand.requests_per_second.shape[1],
        tick_seconds=TICK_SECONDS,
        shift_minutes=tuple(shift_minutes),
        nodes_wait=policy.nodes_wait,
        policies={label: outcomes[row] for label, row in kept.items() if row in outcomes}
        | {"static-peak": _static(rates, candidate, oracle_hours), "oracle": _oracle(oracle_hours)},
    )
    ready = {label: played.watched_ready[mine[kept[label]]] * capacity for label in ("plan", "hpa-alone")}
    return Tested(way, test, Picture(played.watched_demand[mine["hpa-alone"]], ready))


def chosen_way(ways: Sequence[Outcome], alone: Outcome, policy: AutoscalingPolicy) -> int:
    """The first (cheapest) way that is safe and no worse than the HPA alone; else that with the fewest bad minutes."""
    for k, outcome in enumerate(ways):
        safe = outcome.event_overload_ratio <= policy.event_overload_ratio
        no_worse = outcome.overloaded_minutes <= alone.overloaded_minutes
        refused = outcome.above_capacity_ratio <= max(alone.above_capacity_ratio, policy.above_capacity_ratio)
        if safe and no_worse and refused:
            return k
    return min(range(len(ways)), key=lambda k: (ways[k].overloaded_minutes, k))


WARM = "hpa-alone-warm-nodes"


def way_label(k: int) -> str:
    return f"way-{k}"


def alone_label(target_ratio: float, policy: AutoscalingPolicy) -> str:
    return "hpa-alone" if target_ratio == policy.hpa_target_ratio else f"hpa-alone-{target_ratio}"


def fleets_of(service: int, candidate: Candidate, policy: AutoscalingPolicy) -> dict[str, Fleet]:
    """The rows of one service: the HPA alone, with warm nodes, at the ways' targets, and the ways."""
    slowest = candidate.startup_seconds
    nodes = Nodes(policy.node_wait_seconds, policy.node_headroom_ratio) if policy.nodes_wait else None
    first = candidate.ways[0]
    alone = Fleet(
        service=service,
        capacity_requests_per_second_per_replica=candidate.capacity_requests_per_second_per_replica,
        floor=np.full(len(first.planned), candidate.floor),
        ceiling=max(way.most for way in candidate.ways),  # a plan's tighter maxReplicas is not today's
        target_ratio=policy.hpa_target_ratio,
        metric=policy.hpa_metric,
        start_seconds=(slowest / 2, slowest),
        nodes=nodes,
    )
    fleets = {"hpa-alone": alone}
    if nodes is not None:
        fleets[WARM] = replace(alone, nodes=None)
    for k, way in enumerate(candidate.ways):
        at_target = replace(alone, target_ratio=way.hpa_target_ratio, ceiling=way.most)
        fleets.setdefault(alone_label(way.hpa_target_ratio, policy), at_target)
        fleets[way_label(k)] = replace(at_target, floor=way.planned, floor_late_seconds=policy.executor_seconds)
    return fleets


def shifted(rates: NDArray[np.float32], shift_minutes: Sequence[int]) -> NDArray[np.float32]:
    """[service, path, minute] with path i `shift_minutes[i % n]` minutes late; the ends are held."""
    minutes = np.arange(rates.shape[2])
    moved = np.empty_like(rates)
    for k, shift in enumerate(shift_minutes):
        at = np.clip(minutes - shift, 0, len(minutes) - 1)
        moved[:, k :: len(shift_minutes)] = rates[:, k :: len(shift_minutes)][:, :, at]
    return moved


def _middle_path(rates: NDArray[np.float32], shifts: int) -> int:
    """The path with the middle peak among those that come as planned."""
    peaks = rates.sum(axis=0).max(axis=1)[::shifts]
    return shifts * int(np.argsort(peaks, kind="stable")[len(peaks) // 2])


def _outcome(played: Replayed, row: int, oracle_hours: NDArray[np.float64]) -> Outcome:
    minutes, hours = played.overloaded_minutes[row], played.replica_hours[row]
    return Outcome(
        overloaded_minutes=float(minutes.mean()),
        event_overload_ratio=float((minutes > 0).mean()),
        above_capacity_ratio=float(
            played.above_capacity_requests[row].sum() / max(played.offered_requests[row].sum(), 1e-12)
        ),
        replica_hours=float(hours.mean()),
        oracle_ratio=float(hours.mean() / oracle_hours.mean()),
    )


def _oracle(hours: NDArray[np.float64]) -> Outcome:
    return Outcome(
        overloaded_minutes=0,
        event_overload_ratio=0,
        above_capacity_ratio=0,
        replica_hours=float(hours.mean()),
        oracle_ratio=1.0,
    )


def _static(rates: NDArray[np.float64], candidate: Candidate, oracle_hours: NDArray[np.float64]) -> Outcome:
    capacity = candidate.capacity_requests_per_second_per_replica
    peak = np.quantile(rates.max(axis=1), 0.99, keepdims=True, method="higher")
    replicas = max(int(replicas_for(peak, capacity, candidate.multiple)[0]), 1)
    minutes, above = under_fixed_replicas(rates, replicas * capacity)
    hours = replicas * rates.shape[1] * TICK_SECONDS / 3600
    return Outcome(
        overloaded_minutes=float(minutes.mean()),
        event_overload_ratio=float((minutes > 0).mean()),
        above_capacity_ratio=float(above.mean()),
        replica_hours=hours,
        oracle_ratio=float(hours / oracle_hours.mean()),
    )
