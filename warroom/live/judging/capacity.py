"""What every service can carry, how much of it is used, and when demand reaches it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from campaign.plan import Plan
from campaign.store.live import Measured
from campaign.workspace import Workspace
from playbooks.autoscaling.holds import Hold, own_of
from playbooks.autoscaling.known import lead_of
from playbooks.autoscaling.policy import read_policy
from playbooks.readiness.load_tests import proven, read_load_test
from playbooks.simulation.hpa import Counts
from warroom.live.expected.percentile import known
from warroom.live.judging.orders import orders_of
from warroom.live.records import Capacity, Column, Minutes, Order
from warroom.push.carried import Observed, Stretch, autoscaling_plan, carried
from warroom.retrospective.timeline import Floats

LATELY = timedelta(minutes=5)
READY = "ready_replicas"
MINUTE = 60


@dataclass(frozen=True)
class Planned:
    """What a service carries in each interval by floors and HPA, the least of its minutes; infinite where not known."""

    requests_per_second: Floats
    replicas: Counts
    per_replica: float


def capacities_of(
    workspace: Workspace, plan: Plan, minutes: Mapping[str, Minutes], observed: Mapping[str, Observed], now: datetime
) -> dict[str, Capacity]:
    """By service of the yardstick; what no load test proved is what the plan carries."""
    tested = proven(read_load_test(workspace.out(plan.id) / "loadtest", workspace.folder))
    services = [name for name in minutes if name in workspace.settings.service_names]
    if not services:
        return {}
    planned = _planned(workspace, plan, [minutes[name] for name in services], observed)
    return {
        name: replace(
            capacity_of(minutes[name], tested.get(name), row, observed.get(name), plan, now),
            orders=_orders(workspace, plan, name, observed.get(name), now),
        )
        for name, row in zip(services, planned, strict=True)
    }


def _orders(workspace: Workspace, plan: Plan, service: str, seen: Observed | None, now: datetime) -> tuple[Order, ...]:
    scaling = autoscaling_plan(workspace.out(plan.id) / "playbook" / "autoscaling.json")
    planned = scaling.services.get(service) if scaling else None
    if planned is not None:
        return orders_of(planned, planned.lead_minutes, seen, now)
    lead = lead_of(workspace.settings.service(service), read_policy(workspace.folder))
    return orders_of(None, lead, seen, now)


def observed_of(readings: Sequence[Measured], holds: Sequence[Hold], now: datetime) -> dict[str, Observed]:
    """By service: ready replicas, those read in the last minutes, and floors that were decided on."""
    decided = {each.service: own_of(holds, each.service) for each in holds}
    found = {name: Observed(now, holds=own) for name, own in decided.items()}
    for value in (value for value in readings if value.measure == READY):
        at = datetime.fromtimestamp(value.starts_at, UTC)
        if now - at <= LATELY:
            found[value.name] = Observed(at, round(value.value), decided.get(value.name, ()))
    return found


def _planned(
    workspace: Workspace, plan: Plan, series: Sequence[Minutes], observed: Mapping[str, Observed]
) -> list[Planned]:
    first = min(minutes.starts_at[0] for minutes in series)
    last = max(minutes.starts_at[-1] + minutes.seconds[-1] for minutes in series)
    stretch = Stretch(datetime.fromtimestamp(first, UTC), max(1, (last - first) // MINUTE), observed)
    rows = carried(workspace, plan.id, [minutes.service for minutes in series], stretch).rows
    found = []
    for minutes in series:
        row, begins = rows[minutes.service], (np.array(minutes.starts_at) - first) // MINUTE
        replicas = row.replicas(asked_by_minute(minutes, first + MINUTE * np.arange(stretch.minutes)))
        found.append(
            Planned(
                requests_per_second=np.minimum.reduceat(row.carries(replicas), begins),
                replicas=np.minimum.reduceat(replicas, begins),
                per_replica=row.per_replica,
            )
        )
    return found


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


def capacity_of(
    minutes: Minutes, tested: float | None, planned: Planned, seen: Observed | None, plan: Plan, now: datetime
) -> Capacity:
    """One service."""
    trusted = planned.requests_per_second if tested is None else np.full(len(planned.replicas), tested)
    at = int(np.clip(np.searchsorted(minutes.starts_at, now.timestamp(), "right") - 1, 0, len(trusted) - 1))
    most, ready = float(trusted[at]), seen.ready if seen else None
    if not np.isfinite(most):
        return Capacity(minutes.service, None, None, None, None, None, None, ready_replicas=ready)
    reached = first_above(minutes, trusted, now, plan.ends_at)
    when = None if reached is None else datetime.fromtimestamp(minutes.starts_at[reached], UTC)
    return Capacity(
        service=minutes.service,
        requests_per_second=most,
        basis="tested" if tested is not None else "planned",
        ready_requests_per_second=None if ready is None else ready * planned.per_replica,
        headroom_ratio=_headroom(minutes, most, now),
        reached_at=when,
        time_to_capacity=None if when is None else max(when - now, timedelta(0)),
        reached_requests_per_second=None if reached is None else float(trusted[reached]),
        over_time=tuple(trusted.tolist()),
        ready_replicas=ready,
        replicas=tuple(planned.replicas.tolist()) if np.isfinite(planned.per_replica) else (),
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
