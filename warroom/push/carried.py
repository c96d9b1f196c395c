"""What each service can carry minute by minute: the replicas that will be ready times what one really carries.

By the planned floors alone, and with what the HPA on top of them surely has ready for what is asked: the rehearsal's
rule (`playbooks.simulation.hpa.surely_ready`). Where replicas were read, those that are missing are not counted on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from campaign.capacity import known_capacity
from campaign.documents import read_json
from campaign.language import Text, say
from campaign.settings import Service
from campaign.workspace import Workspace
from playbooks.autoscaling.plan import AutoscalingPlan, ServicePlan
from playbooks.autoscaling.policy import read_policy
from playbooks.simulation.hpa import DOWN_WINDOW_SECONDS, Counts, sure_growth, surely_ready
from playbooks.simulation.running import CPU_SECONDS, LAG_SECONDS
from warroom.service.kept import Kept, stamp_of

Floats = NDArray[np.float64]
SEEN_MINUTES = math.ceil((CPU_SECONDS + LAG_SECONDS) / 60)
"""Until an HPA knows what is asked."""
WINDOW_MINUTES = DOWN_WINDOW_SECONDS // 60
"""For which an HPA does not scale down."""

_PLANS = Kept()


@dataclass(frozen=True)
class Raised:
    """A floor that somebody decided on: so many replicas, patched by `at`."""

    replicas: int
    at: datetime


@dataclass(frozen=True)
class Observed:
    """What is known of a service's replicas at `at`. ready: as read then."""

    at: datetime
    ready: int | None = None
    raised: Raised | None = None


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
    """One service. floor: replicas [minute] without any HPA; admitted: requests per second that limits let in [minute],
    infinite where none is hit. A service of which nothing is known carries everything."""

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
            ready = surely_ready(asked, self.floor, hpa.lag_minutes, WINDOW_MINUTES, hpa.per_replica, hpa.growth)
            found = np.minimum(ready, most)
        return found if self.missing is None else self.missing.without(found)

    def carries(self, replicas: Counts) -> Floats:
        """Requests per second of so many replicas [..., minute], as far as limits let them in."""
        found: Floats = np.minimum(replicas * self.per_replica, self.admitted)
        return found

    def between(self, minutes: slice) -> Row:
        assert self.missing is None
        return replace(self, floor=self.floor[minutes], admitted=self.admitted[minutes])


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
        return np.array([row.carries(row.floor) for row in self.rows.values()])

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


def carried(workspace: Workspace, campaign: str, services: Sequence[str], stretch: Stretch) -> Carried:
    """The plan's replicas where there is a plan, today's most elsewhere."""
    plan = autoscaling_plan(workspace.out(campaign) / "playbook" / "autoscaling.json")
    metric = read_policy(workspace.folder).hpa_metric
    rows, assumed = {}, []
    for name in services:
        seen = stretch.observed.get(name)
        if plan is not None and name in plan.services:
            rows[name] = _planned(plan.services[name], stretch, seen, metric)
            if plan.services[name].capacity_source != "measured":
                assumed.append(say("{service}: capacity per replica is declared, not measured", service=name))
        else:
            rows[name], text = _of_today(workspace.settings.service(name), workspace.folder, stretch.minutes, seen)
            assumed.append(text)
    return Carried(rows, tuple(assumed))


def autoscaling_plan(path: Path) -> AutoscalingPlan | None:
    """The plan as it was last written; None where there is none yet."""
    return _PLANS.get(path, lambda: stamp_of(path), lambda: _plan_in(path))


def _plan_in(path: Path) -> AutoscalingPlan | None:
    return read_json(path, path.name, AutoscalingPlan) if path.is_file() else None


def _planned(plan: ServicePlan, stretch: Stretch, seen: Observed | None, metric: Literal["cpu", "rate"]) -> Row:
    """The lower bound of one replica counts, and no more than a limit admits while it is hit."""
    per_replica, target = plan.capacity_requests_per_second_per_replica.low, plan.hpa_target_ratio
    admitted = np.full(stretch.minutes, np.inf)
    for hit in plan.limits_hit:
        first, last = stretch.minute(hit.starts_at_utc), stretch.minute(hit.ends_at_utc)
        admitted[first:last] = np.minimum(admitted[first:last], hit.admitted_requests_per_second)
    if plan.verdict == "reactive-suffices":
        return Row(np.full(stretch.minutes, plan.replicas.most), per_replica, admitted)
    floor = np.full(stretch.minutes, plan.replicas.floor)
    for step in plan.steps:
        floor[stretch.minute(step.starts_at_utc) :] = step.replicas
    growth = sure_growth(target) if metric == "cpu" else math.inf
    hpa = Hpa(plan.replicas.most, plan.lead_minutes + SEEN_MINUTES, target * per_replica, growth)
    row = Row(floor, per_replica, admitted, hpa)
    return row if seen is None else as_seen(row, stretch, seen, plan.lead_minutes)


def as_seen(row: Row, stretch: Stretch, seen: Observed, lead_minutes: int) -> Row:
    """What was planned as far as it came true, with floors that were raised, and what runs while an HPA keeps it.

    What should have been ready when replicas were read and was not is missing from then on. A raised floor counts from
    when it is due on, then for as many as are ready.
    """
    floor, missing = row.floor.copy(), None
    now = min(stretch.minute(seen.at), stretch.minutes - 1)
    if seen.raised is not None:
        due, came_true = stretch.minute(seen.raised.at) + lead_minutes, seen.raised.replicas
        if seen.ready is not None and due <= now:
            came_true = min(came_true, seen.ready)
        floor[max(due, now) :] = np.maximum(floor[max(due, now) :], came_true)
    if seen.ready is not None:
        short = max(int(row.floor[max(now - lead_minutes, 0) : now + 1].min()) - seen.ready, 0)
        missing = Missing(np.where(np.arange(stretch.minutes) >= now, short, 0), seen.ready)
        while_it_stays = slice(now, now + WINDOW_MINUTES)
        floor[while_it_stays] = np.maximum(floor[while_it_stays], seen.ready)
    return replace(row, floor=floor, missing=missing)


def _of_today(service: Service, folder: Path, minutes: int, seen: Observed | None) -> tuple[Row, Text]:
    """Without a plan: as many as there may be, else as many as are ready, else today's."""
    capacity = known_capacity(service, folder / "out" / "capacity" / f"{service.name}.json")
    ready = seen.ready if seen else None
    replicas = service.replicas.max or ready or service.replicas.today
    unlimited = np.full(minutes, np.inf)
    if capacity is None or replicas is None:
        nothing = say("{service}: capacity is not known, so nothing is said about it", service=service.name)
        return Row(np.ones(minutes, np.int64), math.inf, unlimited), nothing
    low = capacity.capacity_requests_per_second_per_replica.low
    text = say("{service}: no plan yet, so its {n} replicas at most", service=service.name, n=replicas)
    return Row(np.full(minutes, replicas), low, unlimited), text
