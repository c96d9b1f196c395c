"""Floors as edited against the plan they came from, for every executor: enough at every minute, back after the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from itertools import groupby
from zoneinfo import ZoneInfo

from campaign.documents import Document
from campaign.errors import Problem
from campaign.language import say
from campaign.numbers import local_minute
from playbooks.autoscaling.lint.aims import aims_of
from playbooks.autoscaling.lint.schedules import FloorChange, floor_at
from playbooks.autoscaling.lint.values import name_of
from playbooks.autoscaling.manifests.document import kubernetes_name
from playbooks.autoscaling.plan import AutoscalingPlan, ServicePlan

PLAN = "autoscaling.json"
SETTLED = timedelta(hours=2)
ROUNDED = 0.01  # targets are written in whole percent


def lint_against_plan(changes: Sequence[FloorChange], plan: AutoscalingPlan) -> Iterator[Problem]:
    """For each executor and service: the first instant at which its floor is below the plan's, and whether it returns.

    `changes` in the order of `floor_changes`. A service that an executor leaves out while it has others is found too.
    """
    for executor, grouped in groupby(changes, key=lambda change: change.executor):
        mine = list(grouped)
        for name, service in plan.services.items():
            own = [change for change in mine if change.service == kubernetes_name(name)]
            if own:
                yield from _first_short(own, name, plan)
                yield from _no_return(own, service, plan)
            elif service.steps and any(change.service in _names(plan) for change in mine):
                what = say("{executor} has no steps for {service}, the plan has", executor=executor, service=name)
                yield mine[0].document.problem((), what, say("add them, or plan again with --target"))


def _names(plan: AutoscalingPlan) -> set[str]:
    return {kubernetes_name(name) for name in plan.services}


def _first_short(own: Sequence[FloorChange], name: str, plan: AutoscalingPlan) -> Iterator[Problem]:
    service = plan.services[name]
    ends = {change.ends_at_utc for change in own if change.ends_at_utc}
    until = min(plan.ends_at_utc, plan.returns_at(name))
    for when in sorted({step.starts_at_utc for step in service.steps} | {change.at_utc for change in own} | ends):
        wanted = [step.replicas for step in service.steps if step.starts_at_utc <= when][-1:]
        held, change = floor_at(own, when, service.replicas.floor)
        if wanted and when < until and held < wanted[0]:
            what = say(
                "at {when} the floor of {hpa} is {floor}, the plan needs {wanted}",
                when=local_minute(when, ZoneInfo(plan.time_zone)), hpa=own[0].service, floor=held, wanted=wanted[0],
            )  # fmt: skip
            at_fault = change or own[0]
            yield at_fault.document.problem(at_fault.path, what, say("raise the step, or plan again"))
            return


def _no_return(own: Sequence[FloorChange], service: ServicePlan, plan: AutoscalingPlan) -> Iterator[Problem]:
    held, change = floor_at(own, plan.ends_at_utc + SETTLED, service.replicas.floor)
    if change is not None and held > service.replicas.floor:
        what = say("after the campaign the floor of {hpa} stays at {floor}", hpa=change.service, floor=held)
        todo = say("add a step that sets it back to {usual}", usual=service.replicas.floor)
        yield change.document.problem(change.path, what, todo)


def lint_metric(documents: Sequence[Document], plan: AutoscalingPlan) -> Iterator[Problem]:
    """HPAs and KEDA objects that scale on another metric than the plan was replayed with, or at a higher target."""
    services = {kubernetes_name(name): service for name, service in plan.services.items()}
    for document in documents:
        service = services.get(name_of(document))
        aims = list(aims_of(document))
        if service is None or not aims:
            continue
        own = [aim for aim in aims if aim.metric == service.hpa_metric]
        if not own:
            what = say(
                "{hpa} scales on {metrics}, the plan was replayed with {metric}",
                hpa=name_of(document), metrics=", ".join(sorted({aim.metric for aim in aims})),
                metric=service.hpa_metric,
            )  # fmt: skip
            todo = say("keep the plan's metric, or set hpa_metric in autoscaling.yaml and plan again")
            yield document.problem(aims[0].path, what, todo)
        most = 100 * service.hpa_target_ratio if service.hpa_metric == "cpu" else service.hpa_requests_per_second
        for aim in (aim for aim in own if aim.target > most * (1 + ROUNDED)):
            what = say("aims at {target:g}, the plan was replayed at {planned:g}", target=aim.target, planned=most)
            todo = say("lower it, or set hpa_target_on_plan_ratio in autoscaling.yaml and plan again")
            yield document.problem(aim.path, what, todo)


def lint_lead(plan: AutoscalingPlan, startup_seconds: Mapping[str, float]) -> Iterator[Problem]:
    """Steps that come too late for replicas that now take longer to start than the plan knew."""
    for name, service in plan.services.items():
        needed = startup_seconds.get(kubernetes_name(name), 0.0)
        if service.steps and needed > service.lead_minutes * 60:
            what = say(
                "steps of {service} begin {lead} min ahead, its replicas now take {needed:g} s to start",
                service=name, lead=service.lead_minutes, needed=needed,
            )  # fmt: skip
            yield Problem(what, say("plan again"), file=PLAN, key=f"services.{name}.lead_minutes")
