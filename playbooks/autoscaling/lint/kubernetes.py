"""Rules of single Kubernetes objects that kubernetes-validate lets pass."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

from campaign.documents import Document, KeyPath
from campaign.errors import Problem
from campaign.language import say
from playbooks.autoscaling.lint.cron import cron_fault
from playbooks.autoscaling.lint.values import (
    at,
    crossed,
    instant_of,
    items,
    name_of,
    out_of_range,
    quantity,
    unknown_zone,
)

CRON_NAME_LENGTH = 52
MADE_FOR: KeyPath = ("metadata", "annotations", "surgeplan.io/at")
AIMS = {"Utilization": "averageUtilization", "AverageValue": "averageValue", "Value": "value"}
TRACKING = {
    "labels": ("argocd.argoproj.io/instance", "kustomize.toolkit.fluxcd.io/name", "helm.toolkit.fluxcd.io/name"),
    "annotations": ("argocd.argoproj.io/tracking-id",),
}


@dataclass(frozen=True)
class Patch:
    """What a CronJob does: sets one HPA's minReplicas."""

    hpa: str
    floor: int
    document: Document

    @property
    def schedule(self) -> str:
        return str(at(self.document, "spec", "schedule"))


def lint_hpa(document: Document) -> Iterator[Problem]:
    """Ranges and enums of an HPA autoscaling/v2, and when a patch that git holds is for."""
    when = at(document, *MADE_FOR)
    if when is not None and instant_of(when) is None:
        what = say("{given} is not a time", given=repr(when))
        yield document.problem(MADE_FOR, what, say("write it with its offset, such as 2026-11-10T19:50:00+08:00"))
    yield from crossed(document, ("spec", "minReplicas"), ("spec", "maxReplicas"))
    for way in ("scaleUp", "scaleDown"):
        path: KeyPath = ("spec", "behavior", way)
        yield from out_of_range(document, (*path, "stabilizationWindowSeconds"), 0, 3600)
        for i, policy in enumerate(items(document, *path, "policies")):
            here = (*path, "policies", i)
            kind = policy.get("type") if isinstance(policy, dict) else None
            if kind not in ("Percent", "Pods"):
                what = say("{kind} is no type of a scaling policy", kind=repr(kind))
                yield document.problem((*here, "type"), what, say("write Percent or Pods"))
            yield from out_of_range(document, (*here, "periodSeconds"), 1, 1800)
    for i, metric in enumerate(items(document, "spec", "metrics")):
        yield from _metric(document, ("spec", "metrics", i), metric)


def _metric(document: Document, path: KeyPath, metric: object) -> Iterator[Problem]:
    """That a metric aims at something: a share of the CPU, or so much for each replica."""
    kind = str(metric.get("type")) if isinstance(metric, dict) else ""
    target: KeyPath = (*path, kind[:1].lower() + kind[1:], "target")
    yield from out_of_range(document, (*target, "averageUtilization"), 1, 1000)
    aim = at(document, *target, "averageValue")
    if aim is not None and not quantity(aim) > 0:
        what = say("{value} is no target", value=repr(aim))
        yield document.problem(
            (*target, "averageValue"), what, say('write a number above zero in quotes, such as "90"')
        )
    aims = at(document, *target, "type")
    if aims in AIMS and at(document, *target, AIMS[aims]) is None:
        what = say("a target of type {kind} needs {key}", kind=aims, key=AIMS[aims])
        yield document.problem(target, what, say("add it"))


def lint_cron_job(document: Document) -> Iterator[Problem]:
    """A CronJob's line, zone and name, and that a patch of minReplicas is one."""
    fault = cron_fault(str(at(document, "spec", "schedule")))
    if fault:
        todo = say("write minute hour day month weekday, such as 50 19 10 11 *")
        yield document.problem(("spec", "schedule"), fault, todo)
    yield from unknown_zone(document, ("spec", "timeZone"))
    if len(name_of(document)) > CRON_NAME_LENGTH:
        what = say("the name is longer than {most} characters", most=CRON_NAME_LENGTH)
        yield document.problem(("metadata", "name"), what, say("shorten it: Kubernetes adds eleven for each run"))
    arguments = arguments_of(document)
    if arguments[:2] == ["patch", "hpa"] and patch_of(document) is None:
        what = say("does not set spec.minReplicas to a whole number")
        yield document.problem((*CONTAINER, "args"), what, say("write -p {patch}", patch='{"spec":{"minReplicas":51}}'))


CONTAINER: KeyPath = ("spec", "jobTemplate", "spec", "template", "spec", "containers", 0)


def arguments_of(document: Document) -> list[str]:
    return [str(word) for word in items(document, *CONTAINER, "args")]


def patch_of(document: Document) -> Patch | None:
    """The floor that a CronJob sets; None where it does something else."""
    words = arguments_of(document)
    if words[:2] != ["patch", "hpa"] or len(words) < 3 or "-p" not in words[:-1]:
        return None
    try:
        content = json.loads(words[words.index("-p") + 1])
    except json.JSONDecodeError:
        return None
    spec = content.get("spec") if isinstance(content, dict) else None
    floor = spec.get("minReplicas") if isinstance(spec, dict) else None
    return Patch(words[2], floor, document) if isinstance(floor, int) and floor >= 0 else None


def deletes_cron_jobs(document: Document) -> bool:
    """Whether a CronJob is the cleanup that ends the steps."""
    return arguments_of(document)[:2] in (["delete", "cronjob"], ["delete", "cronjobs"])


def tracked_by_gitops(document: Document) -> str | None:
    """The label or annotation by which Argo CD or Flux owns the object; None where neither does."""
    for place, names in TRACKING.items():
        for name in names:
            if at(document, "metadata", place, name) is not None:
                return name
    return None
