"""What every service can carry, how much of it is used, and when demand reaches it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from campaign.capacity import known_capacity
from campaign.plan import Plan
from campaign.store.live import Measured
from campaign.workspace import Workspace
from playbooks.readiness.load_tests import proven, read_load_test
from warroom.live.expected.percentile import known
from warroom.live.records import Capacity, Column, Minutes
from warroom.push.carried import carried
from warroom.retrospective.timeline import Floats

LATELY = timedelta(minutes=5)
READY = "ready_replicas"
MINUTE = 60


def capacities_of(
    workspace: Workspace, plan: Plan, minutes: Mapping[str, Minutes], readings: Sequence[Measured], now: datetime
) -> dict[str, Capacity]:
    """By service of the yardstick; what no load test proved is what the plan carries."""
    tested = proven(read_load_test(workspace.out(plan.id) / "loadtest", workspace.folder))
    services = [name for name in minutes if name in workspace.settings.service_names]
    if not services:
        return {}
    planned = _planned(workspace, plan, [minutes[name] for name in services])
    ready = {value.name: value.value for value in readings if value.measure == READY}
    return {
        name: capacity_of(minutes[name], tested.get(name), row, _ready(workspace, name, ready), plan, now)
        for name, row in zip(services, planned, strict=True)
    }


def _planned(workspace: Workspace, plan: Plan, series: Sequence[Minutes]) -> list[Floats]:
    """What the plan carries in each interval of each service, by floors and HPA, the least of its minutes; infinite
    where not known."""
    first = min(minutes.starts_at[0] for minutes in series)
    last = max(minutes.starts_at[-1] + minutes.seconds[-1] for minutes in series)
    names = [minutes.service for minutes in series]
    count = max(1, (last - first) // MINUTE)
    asked = np.array([asked_by_minute(minutes, first + MINUTE * np.arange(count)) for minutes in series])
    rows = carried(workspace, plan.id, names, datetime.fromtimestamp(first, UTC), count, asked).requests_per_second
    return [
        np.minimum.reduceat(row, (np.array(minutes.starts_at) - first) // MINUTE)
        for row, minutes in zip(rows, series, strict=True)
    ]


def asked_by_minute(minutes: Minutes, starts: NDArray[np.int64]) -> Floats:
    """Requests per second in the minutes that begin at `starts`: what came, else the p90 that is expected."""
    came, frozen = _floats(minutes.actual), _floats(minutes.frozen.p90)
    again = frozen if minutes.reforecast is None else _floats(minutes.reforecast.p90)
    asked = np.where(np.isfinite(came), came, np.where(np.isfinite(again), again, frozen))
    interval = np.searchsorted(minutes.starts_at, starts, "right") - 1
    by_minute: Floats = np.nan_to_num(asked)[np.maximum(interval, 0)]
    return by_minute


def _floats(column: Column) -> Floats:
    return np.array([known(value) for value in column], dtype=np.float64)


def _ready(workspace: Workspace, service: str, ready: Mapping[str, float]) -> float | None:
    """What the replicas that are ready carry."""
    file = workspace.folder / "out" / "capacity" / f"{service}.json"
    capacity = known_capacity(workspace.settings.service(service), file)
    if capacity is None or service not in ready:
        return None
    return ready[service] * capacity.capacity_requests_per_second_per_replica.low


def capacity_of(
    minutes: Minutes, tested: float | None, planned: Floats, ready: float | None, plan: Plan, now: datetime
) -> Capacity:
    """One service; `planned` by interval, infinite where nothing is known."""
    trusted = planned if tested is None else np.full(len(planned), tested)
    at = int(np.clip(np.searchsorted(minutes.starts_at, now.timestamp(), "right") - 1, 0, len(trusted) - 1))
    most = float(trusted[at])
    if not np.isfinite(most):
        return Capacity(minutes.service, None, None, ready, None, None, None)
    reached = first_above(minutes, trusted, now, plan.ends_at)
    when = None if reached is None else datetime.fromtimestamp(minutes.starts_at[reached], UTC)
    return Capacity(
        service=minutes.service,
        requests_per_second=most,
        basis="tested" if tested is not None else "planned",
        ready_requests_per_second=ready,
        headroom_ratio=_headroom(minutes, most, now),
        reached_at=when,
        time_to_capacity=None if when is None else max(when - now, timedelta(0)),
        reached_requests_per_second=None if reached is None else float(trusted[reached]),
        over_time=tuple(trusted.tolist()),
    )


def first_above(minutes: Minutes, trusted: Floats, now: datetime, until: datetime) -> int | None:
    """The first interval from now on whose p90 is above what is trusted in it."""
    band = minutes.reforecast or minutes.frozen
    moment, end = now.timestamp(), until.timestamp()
    for i, (at, seconds, p90) in enumerate(zip(minutes.starts_at, minutes.seconds, band.p90, strict=True)):
        if at + seconds > moment and at < end and known(p90) > trusted[i]:
            return i
    return None


def tightest_ahead(minutes: Minutes, capacity: Capacity) -> tuple[float, float] | None:
    """The p90 and what is trusted in the interval of the forecast where they are nearest (or furthest beyond)."""
    band = minutes.reforecast or minutes.frozen
    pairs = [(p90, most) for p90, most in zip(band.p90, capacity.over_time, strict=True) if p90 is not None and most]
    return max(pairs, key=lambda pair: pair[0] / pair[1], default=None) if capacity.over_time else None


def _headroom(minutes: Minutes, most: float, now: datetime) -> float | None:
    """What is left of the capacity over the last minutes that are known, else of the forecast for now."""
    moment = now.timestamp()
    columns = zip(minutes.starts_at, minutes.seconds, minutes.actual, minutes.frozen.p90, strict=True)
    near = [row for row in columns if moment - LATELY.total_seconds() <= row[0] + row[1] and row[0] <= moment]
    came = [actual for _, _, actual, _ in near if actual is not None]
    used = max(came) if came else next((p90 for *_, p90 in reversed(near) if p90 is not None), None)
    return None if used is None else 1.0 - used / most
