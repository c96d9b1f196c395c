"""Every plan is replayed before it is shown: beside the HPA alone, a static peak, and one who knew it all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from playbooks.autoscaling.plan import BackTest, Outcome
from playbooks.autoscaling.policy import AutoscalingPolicy
from playbooks.autoscaling.requirement import replicas_for
from playbooks.simulation.fixed import clairvoyant_replica_hours, in_ticks, under_fixed_replicas
from playbooks.simulation.replay import TICK_SECONDS, Demand, Fleet, Nodes, Replayed, replay

REPLAYED = ("hpa-alone", "hpa-alone-at-plan-target", "plan")


@dataclass(frozen=True)
class Candidate:
    """What is replayed for one service: its usual floor, its planned floor [minute], and how its replicas behave."""

    capacity_requests_per_second_per_replica: float
    floor: int
    planned: NDArray[np.int64]
    most: int
    startup_seconds: float
    multiple: int = 1


@dataclass(frozen=True)
class Picture:
    """One service on one path, each [tick]: what came, and what each policy could carry."""

    demand_requests_per_second: NDArray[np.float64]
    capacity_requests_per_second: dict[str, NDArray[np.float64]]


def back_tests(
    demand: Demand, candidates: Mapping[str, Candidate], policy: AutoscalingPolicy, shift_minutes: Sequence[int]
) -> tuple[dict[str, BackTest], dict[str, Picture]]:
    """Replay `demand` [service, path, minute], services in the order of `candidates`, shifted path by path."""
    demand = replace(demand, requests_per_second=shifted(demand.requests_per_second, shift_minutes))
    fleets = [fleet for i, c in enumerate(candidates.values()) for fleet in fleets_of(i, c, policy)]
    watch = _middle_path(demand.requests_per_second)
    played = replay(demand, fleets, watch)
    tests, pictures = {}, {}
    for i, (name, candidate) in enumerate(candidates.items()):
        quarters = None if demand.quarters is None else demand.quarters[i]
        rates = in_ticks(demand.requests_per_second[i], quarters)
        rows = {label: i * len(REPLAYED) + j for j, label in enumerate(REPLAYED)}
        oracle_hours = clairvoyant_replica_hours(rates, candidate.capacity_requests_per_second_per_replica)
        outcomes = {label: _outcome(played, row, oracle_hours) for label, row in rows.items()}
        outcomes["static-peak"] = _static(rates, candidate, oracle_hours)
        outcomes["oracle"] = Outcome(
            overloaded_minutes=0, event_overload_ratio=0, above_capacity_ratio=0,
            replica_hours=float(oracle_hours.mean()), oracle_ratio=1.0,
        )  # fmt: skip
        tests[name] = BackTest(
            paths=demand.requests_per_second.shape[1],
            tick_seconds=TICK_SECONDS,
            shift_minutes=tuple(shift_minutes),
            nodes_wait=policy.nodes_wait,
            policies=outcomes,
        )
        capacity = candidate.capacity_requests_per_second_per_replica
        ready = {label: played.watched_ready[row] * capacity for label, row in rows.items()}
        pictures[name] = Picture(played.watched_demand[rows["plan"]], ready)
    return tests, pictures


def fleets_of(service: int, candidate: Candidate, policy: AutoscalingPolicy) -> list[Fleet]:
    """The rows of one service, in the order of `REPLAYED`."""
    slowest = candidate.startup_seconds
    nodes = Nodes(policy.node_wait_seconds, policy.node_headroom_ratio) if policy.nodes_wait else None
    alone = Fleet(
        service=service,
        capacity_requests_per_second_per_replica=candidate.capacity_requests_per_second_per_replica,
        floor=np.full(len(candidate.planned), candidate.floor),
        ceiling=candidate.most,
        target_ratio=policy.hpa_target_ratio,
        metric=policy.hpa_metric,
        start_seconds=(slowest / 2, slowest),
        nodes=nodes,
    )
    same_target = replace(alone, target_ratio=policy.hpa_target_on_plan_ratio)
    return [
        alone,
        same_target,
        replace(same_target, floor=candidate.planned, floor_late_seconds=policy.executor_seconds),
    ]


def shifted(rates: NDArray[np.float32], shift_minutes: Sequence[int]) -> NDArray[np.float32]:
    """[service, path, minute] with path i `shift_minutes[i % n]` minutes late; the ends are held."""
    minutes = np.arange(rates.shape[2])
    moved = np.empty_like(rates)
    for k, shift in enumerate(shift_minutes):
        at = np.clip(minutes - shift, 0, len(minutes) - 1)
        moved[:, k :: len(shift_minutes)] = rates[:, k :: len(shift_minutes)][:, :, at]
    return moved


def _middle_path(rates: NDArray[np.float32]) -> int:
    peaks = rates.sum(axis=0).max(axis=1)
    return int(np.argsort(peaks, kind="stable")[len(peaks) // 2])


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
