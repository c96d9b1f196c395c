"""Replicas that are on their way, and those that should be ready and are not, by planned steps and by decisions."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from playbooks.autoscaling.holds import Hold
from playbooks.autoscaling.orders import floor_at, ready_at
from playbooks.autoscaling.plan import ServicePlan
from warroom.live.records import Order
from warroom.push.carried import Observed

MINUTE = timedelta(minutes=1)


def orders_of(plan: ServicePlan | None, lead: int, seen: Observed | None, now: datetime) -> tuple[Order, ...]:
    """Of one service at `now`. lead: minutes from the order until its last replica is ready."""
    seen = seen or Observed(now)
    decided = (order for hold in seen.holds for order in _of_hold(hold, lead * MINUTE, seen, now))
    return (*(_of_plan(plan, seen, now) if plan else ()), *decided)


def _of_plan(plan: ServicePlan, seen: Observed, now: datetime) -> Iterator[Order]:
    lead = plan.lead_minutes * MINUTE
    newest = next((step for step in reversed(plan.steps) if step.starts_at_utc <= now), None)
    if newest and now < newest.starts_at_utc + lead and _more(newest.replicas, seen.ready):
        before = floor_at(plan, newest.starts_at_utc - MINUTE)
        if newest.replicas > before:
            yield Order(newest.replicas, newest.starts_at_utc, newest.starts_at_utc + lead)
    due = ready_at(plan, seen.at)
    if seen.ready is not None and seen.ready < due:
        told = [step for step in plan.steps if step.starts_at_utc + lead <= seen.at and step.replicas >= due]
        if told:
            yield Order(due, told[-1].starts_at_utc, told[-1].starts_at_utc + lead, seen.ready)


def _of_hold(hold: Hold, lead: timedelta, seen: Observed, now: datetime) -> Iterator[Order]:
    due = hold.starts_at + lead
    if hold.is_over(now) or not _more(hold.replicas, seen.ready):
        return
    if now < due:
        yield Order(hold.replicas, hold.starts_at, due)
    elif seen.ready is not None and seen.at >= due:
        yield Order(hold.replicas, hold.starts_at, due, seen.ready)


def _more(replicas: int, ready: int | None) -> bool:
    return ready is None or ready < replicas
