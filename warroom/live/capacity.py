"""What every service can carry, how much of it is used, and when demand reaches it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from campaign.capacity import known_capacity
from campaign.plan import Plan
from campaign.store.live import Measured
from campaign.workspace import Workspace
from playbooks.readiness.load_tests import proven, read_load_test
from warroom.live.percentile import known
from warroom.live.records import Capacity, Minutes
from warroom.push.carried import carried

LATELY = timedelta(minutes=5)
READY = "ready_replicas"


def capacities_of(
    workspace: Workspace, plan: Plan, minutes: Mapping[str, Minutes], readings: Sequence[Measured], now: datetime
) -> dict[str, Capacity]:
    """By service of the yardstick; what no load test proved is what the plan carries."""
    tested = proven(read_load_test(workspace.out(plan.id) / "loadtest", workspace.folder))
    services = [name for name in minutes if name in workspace.settings.service_names]
    if not services:
        return {}
    planned = carried(workspace, plan.id, services, now, 1).requests_per_second[:, 0]
    ready = {value.name: value.value for value in readings if value.measure == READY}
    return {
        name: capacity_of(minutes[name], tested.get(name), float(most), _ready(workspace, name, ready), plan, now)
        for name, most in zip(services, planned, strict=True)
    }


def _ready(workspace: Workspace, service: str, ready: Mapping[str, float]) -> float | None:
    """What the replicas that are ready carry."""
    file = workspace.folder / "out" / "capacity" / f"{service}.json"
    capacity = known_capacity(workspace.settings.service(service), file)
    if capacity is None or service not in ready:
        return None
    return ready[service] * capacity.capacity_requests_per_second_per_replica.low


def capacity_of(
    minutes: Minutes, tested: float | None, planned: float, ready: float | None, plan: Plan, now: datetime
) -> Capacity:
    """One service; `planned` is infinite where nothing is known."""
    most = tested if tested is not None else planned if np.isfinite(planned) else None
    if most is None:
        return Capacity(minutes.service, None, None, ready, None, None, None)
    reached = first_above(minutes, most, now, plan.ends_at)
    return Capacity(
        service=minutes.service,
        requests_per_second=most,
        basis="tested" if tested is not None else "planned",
        ready_requests_per_second=ready,
        headroom_ratio=_headroom(minutes, most, now),
        reached_at=reached,
        time_to_capacity=None if reached is None else max(reached - now, timedelta(0)),
    )


def first_above(minutes: Minutes, most: float, now: datetime, until: datetime) -> datetime | None:
    """The first interval from now on whose p90 is above `most`."""
    band = minutes.reforecast or minutes.frozen
    moment, end = now.timestamp(), until.timestamp()
    for at, seconds, p90 in zip(minutes.starts_at, minutes.seconds, band.p90, strict=True):
        if at + seconds > moment and at < end and known(p90) > most:
            return datetime.fromtimestamp(at, UTC)
    return None


def _headroom(minutes: Minutes, most: float, now: datetime) -> float | None:
    """What is left of the capacity over the last minutes that are known, else of the forecast for now."""
    moment = now.timestamp()
    columns = zip(minutes.starts_at, minutes.seconds, minutes.actual, minutes.frozen.p90, strict=True)
    near = [row for row in columns if moment - LATELY.total_seconds() <= row[0] + row[1] and row[0] <= moment]
    came = [actual for _, _, actual, _ in near if actual is not None]
    used = max(came) if came else next((p90 for *_, p90 in reversed(near) if p90 is not None), None)
    return None if used is None else 1.0 - used / most
