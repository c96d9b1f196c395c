"""Floors that people decided on while it runs: the plan's later steps never lower them before their time is over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np

from campaign.language import say
from playbooks.autoscaling.orders import MINUTE, minute_of
from playbooks.autoscaling.plan import RESTORE, AutoscalingPlan, ServicePlan, Step
from playbooks.simulation.hpa import Counts


@dataclass(frozen=True)
class Hold:
    """At least so many replicas from `starts_at`, when they are ordered, until `ends_at`: its time, or when it was
    taken back; None: until the plan's way back. made_until: the time it was made for, if any."""

    service: str
    replicas: int
    starts_at: datetime
    ends_at: datetime | None = None
    made_until: datetime | None = None

    def holds(self, at: datetime) -> bool:
        return self.starts_at <= at and not self.is_over(at)

    def is_over(self, at: datetime) -> bool:
        return self.ends_at is not None and self.ends_at <= at

    @property
    def instants(self) -> tuple[datetime, ...]:
        return tuple(at for at in (self.starts_at, self.ends_at, self.made_until) if at is not None)

    def in_whole_minutes(self) -> Hold:
        ends, until = (None if at is None else _whole_minute(at) for at in (self.ends_at, self.made_until))
        return Hold(self.service, self.replicas, _whole_minute(self.starts_at), ends, until)


def with_holds(floors: Counts, starts: datetime, holds: Iterable[Hold]) -> Counts:
    """Floors [minute] from `starts` on with what was decided: the higher one counts."""
    found = floors.copy()
    for hold in holds:
        ends = starts + len(floors) * MINUTE if hold.ends_at is None else hold.ends_at
        first, last = (minute_of(at, starts) for at in (hold.starts_at, ends))
        found[first:last] = np.maximum(found[first:last], hold.replicas)
    return found


def lowered(service: ServicePlan, hold: Hold, now: datetime) -> tuple[Step, ...]:
    """Planned steps still to come, the way back among them, that would lower a decided floor before its time."""
    steps = service.steps if hold.ends_at is None else service.all_steps
    ahead = (step for step in steps if now < step.starts_at_utc and not hold.is_over(step.starts_at_utc))
    return tuple(step for step in ahead if step.replicas < hold.replicas)


def held(plan: AutoscalingPlan, holds: Sequence[Hold]) -> AutoscalingPlan:
    """The plan with each service's steps at least what was decided while that holds.

    Each instant at which a decision begins, ends, or would have ended stays a step of its own: an executor that still
    has the step of an earlier set is given the number that holds now.
    """
    services = {name: _held(each, own_of(holds, name), plan.returns_at(name)) for name, each in plan.services.items()}
    ends = [at for hold in holds if hold.service in services for at in hold.in_whole_minutes().instants]
    return plan.model_copy(update={"services": services, "ends_at_utc": max([plan.ends_at_utc, *ends])})


def own_of(holds: Iterable[Hold], service: str) -> tuple[Hold, ...]:
    return tuple(hold for hold in holds if hold.service == service)


def _held(service: ServicePlan, holds: Sequence[Hold], returns_at: datetime) -> ServicePlan:
    if not holds:
        return service
    holds = [hold.in_whole_minutes() for hold in holds]
    planned = {step.starts_at_utc: step for step in service.all_steps}
    decided = {at for hold in holds for at in hold.instants}
    last = max(returns_at, *decided)
    steps, usual = [], service.replicas.floor
    for at in sorted(at for at in planned.keys() | decided if at < last):
        step = planned.get(at)
        usual = step.replicas if step else usual
        most = max((hold.replicas for hold in holds if hold.holds(at)), default=0)
        steps.append(Step(starts_at_utc=at, replicas=max(usual, most), why=_why(step, usual, most)))
    highest = max(service.replicas.peak, *(hold.replicas for hold in holds))
    counts = service.replicas.model_copy(update={"peak": highest, "most": max(service.replicas.most, highest)})
    return service.model_copy(update={"steps": tuple(steps), "replicas": counts, "returns_at_utc": last})


def _why(step: Step | None, planned: int, decided: int) -> str:
    if step is not None and (step.why == RESTORE or planned >= decided):
        return step.why
    if decided > planned:
        return str(say("decided: at least {decided}; planned {planned}", decided=decided, planned=planned))
    return str(say("as planned again"))


def _whole_minute(at: datetime) -> datetime:
    """The first whole minute from an instant on: steps have no seconds."""
    return at + (datetime.min.replace(tzinfo=UTC) - at.astimezone(UTC)) % MINUTE
