"""Floors as edited against the plan they came from: no minute may hold fewer replicas than the plan's step does."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from campaign.documents import Document
from campaign.errors import Problem
from campaign.language import say
from campaign.numbers import local_minute
from playbooks.autoscaling.lint.cron import one_date
from playbooks.autoscaling.lint.kubernetes import Patch, patch_of
from playbooks.autoscaling.lint.values import at, kind_of
from playbooks.autoscaling.manifests.document import kubernetes_name
from playbooks.autoscaling.plan import AutoscalingPlan, ServicePlan

DAY = timedelta(days=1)


def lint_against_plan(documents: Sequence[Document], plan: AutoscalingPlan) -> Iterator[Problem]:
    """One problem for each service: the first instant at which its CronJobs hold less than the plan's step."""
    patches = [patch for document in documents if kind_of(document) == "CronJob" and (patch := patch_of(document))]
    zone = ZoneInfo(plan.time_zone)
    for name, service in plan.services.items():
        mine = [patch for patch in patches if patch.hpa == kubernetes_name(name)]
        dated = sorted(((when, p) for p in mine if (when := instant(p, plan.starts_at_utc))), key=lambda pair: pair[0])
        first = next(_short(dated, service, plan.ends_at_utc), None)
        if first is None:
            continue
        when, patch, wanted = first
        what = say(
            "at {when} the floor of {hpa} is {floor}, the plan needs {wanted}",
            when=local_minute(when, zone), hpa=patch.hpa, floor=_floor(dated, when, service), wanted=wanted,
        )  # fmt: skip
        yield patch.document.problem(("spec", "schedule"), what, say("raise the step, or plan again"))


def _short(
    dated: Sequence[tuple[datetime, Patch]], service: ServicePlan, ends_at: datetime
) -> Iterator[tuple[datetime, Patch, int]]:
    """(instant, the CronJob in force, replicas the plan needs) of every instant at which the floor is too low."""
    if not dated:
        return
    instants = {step.starts_at_utc for step in service.steps} | {when for when, _ in dated}
    for when in sorted(instants):
        wanted = [step.replicas for step in service.steps if step.starts_at_utc <= when]
        if wanted and when < ends_at and _floor(dated, when, service) < wanted[-1]:
            in_force = [patch for begun, patch in dated if begun <= when] or [dated[0][1]]
            yield when, in_force[-1], wanted[-1]


def _floor(dated: Sequence[tuple[datetime, Patch]], when: datetime, service: ServicePlan) -> int:
    begun = [patch.floor for at_utc, patch in dated if at_utc <= when]
    return begun[-1] if begun else service.replicas.floor


def instant(patch: Patch, plan_starts_at: datetime) -> datetime | None:
    """When a CronJob of one date runs, UTC, in the year of the plan; None where it names no date or zone."""
    date = one_date(patch.schedule)
    try:
        zone = ZoneInfo(str(at(patch.document, "spec", "timeZone")))
        years = (plan_starts_at.year, plan_starts_at.year + 1) if date else ()
        found = [datetime(year, *date, tzinfo=zone).astimezone(UTC) for year in years if date]
    except (ValueError, KeyError, OSError):
        return None
    return next((when for when in found if when >= plan_starts_at - DAY), None)
