"""What each service can carry minute by minute: the replicas that will be ready times what one really carries.

By the planned floors alone, each ready a start-up after it is ordered (`playbooks.autoscaling.orders`), and with what
the HPA on top of them surely has ready for what is asked: the rehearsal's rule
(`playbooks.simulation.hpa.surely_ready`). Where replicas were read, those that are missing are not counted on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from campaign.capacity import capacity_file, known_capacity
from campaign.documents import read_json
from campaign.language import Text, say
from campaign.settings import Service
from campaign.workspace import Workspace
from playbooks.autoscaling.holds import Hold, with_holds
from playbooks.autoscaling.known import lead_of
from playbooks.autoscaling.orders import ordered, ready
from playbooks.autoscaling.plan import AutoscalingPlan, ServicePlan
from playbooks.autoscaling.policy import AutoscalingPolicy, read_policy
from playbooks.simulation.hpa import DOWN_WINDOW_SECONDS, Counts, sure_growth, surely_ready
from playbooks.simulation.running import CPU_SECONDS, LAG_SECONDS
from playbooks.simulation.startup import ready_of
from warroom.service.kept import Kept, stamp_of

Floats = NDArray[np.float64]
SEEN_MINUTES = math.ceil((CPU_SECONDS + LAG_SECONDS) / 60)
"""Until an HPA knows what is asked."""
WINDOW_MINUTES = DOWN_WINDOW_SECONDS // 60
"""For which an HPA does not scale down."""
BEFORE_MINUTES = 60
"""That are looked at before a push, for what an HPA heeds: a start-up and that window."""

_PLANS = Kept()


@dataclass(frozen=True)
class Observed:
    """What is known of a service's replicas at `at`. ready: as read then; holds: floors that were decided on."""

    at: datetime
    ready: int | None = None
    holds: tuple[Hold, ...] = ()


@dataclass(frozen=True)
class Hpa:
    """On top of the floors. most: replicas; lag_minutes: until those that start for what is asked are ready;
    per_replica: requests per second of one at its target; growth: see `surely_ready`."""

    most: int
    lag_minutes: int
    per_replica: float
    growth: float

    @property
    def sees_minutes(self) -> int:
        """How far back what was asked matters."""
        return self.lag_minutes + WINDOW_MINUTES


@dataclass(frozen=True)
class Missing:
    """Replicas that should have been ready and were not when `ready` were: [minute] each, none before it was read."""

    replicas: Counts
    ready: int

    def without(self, planned: Counts) -> Counts:
        """What is left of so many [..., minute]: those that were ready are not missing."""
        left: Counts = np.minimum(planned, np.maximum(planned - self.replicas, self.ready))
        return np.where(self.replicas > 0, left, planned)


@dataclass(frozen=True)
class Row:
    """One service. floor: replicas [minute] that are ready without any HPA; admitted: requests per second that limits
    let in [minute], infinite where none is hit. A service of which nothing is known carries everything."""

    floor: Counts
    per_replica: float
    admitted: Floats
    hpa: Hpa | None = None
    missing: Missing | None = None

    def replicas(self, asked: Floats) -> Counts:
        """[..., minute]: those that are ready by floors and HPA if so much is asked [..., minute]."""
        found = np.broadcast_to(self.floor, asked.shape)
        if self.hpa is not None:
            hpa, most = self.hpa, np.maximum(self.hpa.most, self.floor)
            there = surely_ready(asked, self.floor, hpa.lag_minutes, WINDOW_MINUTES, hpa.per_replica, hpa.growth)
            found = np.minimum(there, most)
        return found if self.missing is None else self.missing.without(found)

    def carries(self, replicas: Counts) -> Floats:
        """Requests per second of so many replicas [..., minute], as far as limits let them in."""
        found: Floats = np.minimum(replicas * self.per_replica, self.admitted)
        return found

    def by_floor(self) -> Floats:
        """Requests per second [minute] without any HPA."""
        return self.carries(self.floor if self.missing is None else self.missing.without(self.floor))

    def between(self, minutes: slice) -> Row:
        missing = None if self.missing is None else replace(self.missing, replicas=self.missing.replicas[minutes])
        return replace(self, floor=self.floor[minutes], admitted=self.admitted[minutes], missing=missing)


@dataclass(frozen=True)
class Carried:
    """By service, over the same minutes; assumptions say where it comes from."""

    rows: Mapping[str, Row]
    assumptions: tuple[Text, ...]

    @property
    def sees_minutes(self) -> int:
        """How far back what was asked matters to any HPA."""
        return max((row.hpa.sees_minutes for row in self.rows.values() if row.hpa), default=0)

    def by_floors(self) -> Floats:
        """Requests per second [service, minute], infinite where nothing is known."""
        return np.array([row.by_floor() for row in self.rows.values()])

    def with_hpa(self, asked: Floats) -> Floats:
        """The same [..., service, minute] where the HPA follows what is asked [..., service, minute]."""
        found = [row.carries(row.replicas(asked[..., i, :])) for i, row in enumerate(self.rows.values())]
        return np.stack(found, axis=-2)

    def between(self, first: int, last: int | None = None) -> Carried:
        """In some of the minutes."""
        return replace(self, rows={name: row.between(slice(first, last)) for name, row in self.rows.items()})


@dataclass(frozen=True)
class Stretch:
    """So many minutes from `starts` on, and what was read of services by then."""

    starts: datetime
    minutes: int
    observed: Mapping[str, Observed] = field(default_factory=dict)

    def minute(self, moment: datetime) -> int:
        """The first minute from a moment on, the nearest end outside."""
        return int(np.clip(-((self.starts - moment) // timedelta(minutes=1)), 0, self.minutes))

    def from_before(self, minutes: int) -> Stretch:
        """With so many minutes more at its beginning."""
        return replace(self, starts=self.starts - timedelta(minutes=minutes), minutes=minutes + self.minutes)


def carried(workspace: Workspace, campaign: str, services: Sequence[str], stretch: Stretch) -> Carried:
    """The plan's replicas where there is a plan, today's most elsewhere."""
    plan = autoscaling_plan(workspace.out(campaign) / "playbook" / "autoscaling.json")
    policy = read_policy(workspace.folder)
    rows, assumed = {}, []
    for name in services:
        seen = stretch.observed.get(name)
        if plan is not None and name in plan.services:
            rows[name] = _planned(plan.services[name], stretch, seen)
            if plan.services[name].capacity_source != "measured":
                assumed.append(say("{service}: capacity per replica is declared, not measured", service=name))
        else:
            rows[name], text = _of_today(workspace.settings.service(name), workspace.folder, stretch, seen, policy)
            assumed.append(text)
    return Carried(rows, tuple(assumed))


def autoscaling_plan(path: Path) -> AutoscalingPlan | None:
    """The plan as it was last written; None where there is none yet."""
    return _PLANS.get(path, lambda: stamp_of(path), lambda: _plan_in(path))


def _plan_in(path: Path) -> AutoscalingPlan | None:
    return read_json(path, path.name, AutoscalingPlan) if path.is_file() else None


def _planned(plan: ServicePlan, stretch: Stretch, seen: Observed | None) -> Row:
    """The lower bound of one replica counts, and no more than a limit admits while it is hit."""
    per_replica, target = plan.capacity_requests_per_second_per_replica.low, plan.hpa_target_ratio
    admitted = np.full(stretch.minutes, np.inf)
    for hit in plan.limits_hit:
        first, last = stretch.minute(hit.starts_at_utc), stretch.minute(hit.ends_at_utc)
        admitted[first:last] = np.minimum(admitted[first:last], hit.admitted_requests_per_second)
    if plan.verdict == "reactive-suffices":
        return Row(_with_decided(plan.replicas.most, stretch, seen, plan.lead_minutes), per_replica, admitted)
    growth = sure_growth(target) if plan.hpa_metric == "cpu" else math.inf
    hpa = Hpa(plan.replicas.most, plan.lead_minutes + SEEN_MINUTES, plan.hpa_requests_per_second, growth)
    row = Row(ready(plan, stretch.starts, stretch.minutes), per_replica, admitted, hpa)
    if seen is None:
        return row
    earlier = stretch.from_before(plan.lead_minutes)
    return as_seen(row, ordered(plan, earlier.starts, earlier.minutes), stretch, seen, plan.lead_minutes)


def as_seen(row: Row, orders: Counts, stretch: Stretch, seen: Observed, lead: int) -> Row:
    """What was planned as far as it came true, with floors that were decided on, and what runs while an HPA keeps it.

    orders: floors [minute] from a start-up before the stretch on. What should have been ready when replicas were read
    and was not is missing from then on.
    """
    floor, missing = decided(orders, stretch, seen, lead), None
    now = min(stretch.minute(seen.at), stretch.minutes - 1)
    if seen.ready is not None:
        short = max(int(row.floor[now]) - seen.ready, 0)
        missing = Missing(np.where(np.arange(stretch.minutes) >= now, short, 0), seen.ready)
        while_it_stays = slice(now, now + WINDOW_MINUTES)
        floor[while_it_stays] = np.maximum(floor[while_it_stays], seen.ready)
    return replace(row, floor=floor, missing=missing)


def decided(orders: Counts, stretch: Stretch, seen: Observed, lead: int) -> Counts:
    """What is ready [minute] of floors that are ordered [minute, from a start-up before the stretch on] with those that
    were decided on: on their way for a start-up, then as many of them as were read."""
    came = [
        replace(hold, replicas=min(hold.replicas, seen.ready))
        if seen.ready is not None and hold.starts_at + timedelta(minutes=lead) <= seen.at
        else hold
        for hold in seen.holds
    ]
    return ready_of(with_holds(orders, stretch.from_before(lead).starts, came), lead)[lead:]


def _of_today(
    service: Service, folder: Path, stretch: Stretch, seen: Observed | None, policy: AutoscalingPolicy
) -> tuple[Row, Text]:
    """Without a plan: as many as there may be, else as many as are ready, else today's; and what was decided on top."""
    minutes = stretch.minutes
    capacity = known_capacity(service, capacity_file(folder, service.name))
    replicas = service.replicas.max or (seen.ready if seen else None) or service.replicas.today
    unlimited = np.full(minutes, np.inf)
    if capacity is None or replicas is None:
        nothing = say("{service}: capacity is not known, so nothing is said about it", service=service.name)
        return Row(np.ones(minutes, np.int64), math.inf, unlimited), nothing
    low = capacity.capacity_requests_per_second_per_replica.low
    text = say("{service}: no plan yet, so its {n} replicas at most", service=service.name, n=replicas)
    return Row(_with_decided(replicas, stretch, seen, lead_of(service, policy)), low, unlimited), text


def _with_decided(replicas: int, stretch: Stretch, seen: Observed | None, lead: int) -> Counts:
    """So many in every minute, and what was decided on top."""
    if seen is None:
        return np.full(stretch.minutes, replicas)
    return decided(np.full(lead + stretch.minutes, replicas), stretch, seen, lead)
