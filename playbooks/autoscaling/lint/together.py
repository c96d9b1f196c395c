"""Rules over a folder: floors within their HPA, a way back, a cleanup, one step at a time, limits at all times."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from campaign.documents import Document
from campaign.errors import Problem
from campaign.language import say
from campaign.settings import Limit
from playbooks.autoscaling.limits import room, users
from playbooks.autoscaling.lint.cron import one_date
from playbooks.autoscaling.lint.kubernetes import Patch, deletes_cron_jobs, patch_of, tracked_by_gitops
from playbooks.autoscaling.lint.values import at, items, kind_of, name_of, whole

When = tuple[int, int, int, int]


@dataclass(frozen=True)
class Bounds:
    """What the workspace allows, by the name of the HPA: quotas, and limits counted per replica."""

    most: Mapping[str, int]
    limits: Sequence[Limit] = ()


def lint_steps(documents: Sequence[Document], bounds: Bounds) -> Iterator[Problem]:
    """All rules over the CronJobs and HPAs of a folder."""
    hpas = {name_of(document): document for document in documents if kind_of(document) == "HorizontalPodAutoscaler"}
    jobs = [document for document in documents if kind_of(document) == "CronJob"]
    patches = [patch for patch in map(patch_of, jobs) if patch]
    for patch in patches:
        yield from _within_hpa(patch, hpas)
    yield from _one_at_a_time(patches)
    yield from _way_back(patches, hpas)
    yield from _cleanup(jobs, patches)
    yield from _within_bounds(patches, hpas, bounds)
    yield from _not_reverted(patches, hpas, documents)


def _within_hpa(patch: Patch, hpas: Mapping[str, Document]) -> Iterator[Problem]:
    where = ("spec", "jobTemplate", "spec", "template", "spec", "containers", 0, "args")
    hpa = hpas.get(patch.hpa)
    if hpa is None:
        what = say("patches the HPA {hpa}, which is not in this folder", hpa=patch.hpa)
        yield patch.document.problem(where, what, say("add it, or correct the name"))
        return
    most, least = whole(hpa, "spec", "maxReplicas"), whole(hpa, "spec", "minReplicas")
    if most is not None and patch.floor > most:
        what = say(
            "a floor of {floor} is above maxReplicas {most} of {hpa}", floor=patch.floor, most=most, hpa=patch.hpa
        )
        yield patch.document.problem(where, what, say("lower the step, or raise maxReplicas"))
    if least is not None and patch.floor < least:
        what = say(
            "a floor of {floor} is below the usual {least} of {hpa}", floor=patch.floor, least=least, hpa=patch.hpa
        )
        yield patch.document.problem(where, what, say("raise the step, or lower the HPA's minReplicas"))


def _one_at_a_time(patches: Sequence[Patch]) -> Iterator[Problem]:
    seen: dict[tuple[str, str], Patch] = {}
    for patch in patches:
        other = seen.setdefault((patch.hpa, patch.schedule), patch)
        if other.floor != patch.floor:
            what = say(
                "sets {hpa} to {floor} at the minute in which {other} sets it to {others}",
                hpa=patch.hpa, floor=patch.floor, other=name_of(other.document), others=other.floor,
            )  # fmt: skip
            yield patch.document.problem(("spec", "schedule"), what, say("keep one of them"))


def _in_time_order(patches: Sequence[Patch]) -> list[tuple[When, Patch]]:
    dated = [(when, patch) for patch in patches if (when := one_date(patch.schedule))]
    return _after_new_year(sorted(dated, key=lambda pair: pair[0]))


def _after_new_year(dated: list[tuple[When, Patch]]) -> list[tuple[When, Patch]]:
    """Dates have no year: where some are in autumn and some in spring, the autumn came first."""
    autumn = [pair for pair in dated if pair[0][0] >= 9]
    spring = [pair for pair in dated if pair[0][0] <= 3]
    return autumn + spring if len(autumn) + len(spring) == len(dated) else dated


def _way_back(patches: Sequence[Patch], hpas: Mapping[str, Document]) -> Iterator[Problem]:
    for name in sorted({patch.hpa for patch in patches} & set(hpas)):
        usual = whole(hpas[name], "spec", "minReplicas")
        mine = _in_time_order([patch for patch in patches if patch.hpa == name])
        if mine and usual is not None and mine[-1][1].floor != usual:
            last = mine[-1][1]
            what = say("the last step leaves {hpa} at {floor}", hpa=name, floor=last.floor)
            todo = say("add a step that sets it back to {usual}", usual=usual)
            yield last.document.problem(("spec", "schedule"), what, todo)


def _cleanup(jobs: Sequence[Document], patches: Sequence[Patch]) -> Iterator[Problem]:
    dated = [patch for patch in patches if one_date(patch.schedule)]
    cleaned = [document for document in jobs if deletes_cron_jobs(document)]
    if dated and not cleaned:
        first = dated[0].document
        what = say("names a date but cron knows no year: it comes again next year")
        yield first.problem(("spec", "schedule"), what, say("add a CronJob that deletes these after the campaign"))


def _within_bounds(patches: Sequence[Patch], hpas: Mapping[str, Document], bounds: Bounds) -> Iterator[Problem]:
    for patch in patches:
        most = bounds.most.get(patch.hpa)
        if most is not None and patch.floor > most:
            what = say(
                "a floor of {floor} is above the quota {most} of {hpa}", floor=patch.floor, most=most, hpa=patch.hpa
            )
            yield patch.document.problem(("metadata", "name"), what, say("lower the step, or raise the quota first"))
    floors = {name: whole(hpa, "spec", "minReplicas") or 0 for name, hpa in hpas.items()}
    broken: set[str] = set()
    for _, together in groupby(_in_time_order(patches), key=lambda pair: pair[0]):
        now = [patch for _, patch in together]
        floors |= {patch.hpa: patch.floor for patch in now}
        for limit in (limit for limit in bounds.limits if limit.kind == "per_replica" and limit.name not in broken):
            needed = sum(used * floors[name] for name, used in users(limit, list(floors)).items())
            if needed > room(limit):
                broken.add(limit.name)
                what = say(
                    "from here on the floors take {needed:g} of {limit}, which leaves {room:g}",
                    needed=needed, limit=limit.name, room=room(limit),
                )  # fmt: skip
                yield now[-1].document.problem(
                    ("spec", "schedule"), what, say("lower a step, or raise the limit first")
                )


def _not_reverted(
    patches: Sequence[Patch], hpas: Mapping[str, Document], documents: Sequence[Document]
) -> Iterator[Problem]:
    if any(_ignores_floor(document) for document in documents):
        return
    for name in sorted({patch.hpa for patch in patches} & set(hpas)):
        label = tracked_by_gitops(hpas[name])
        if label:
            what = say("{label} says that GitOps owns {hpa}: a patched minReplicas is reverted", label=label, hpa=name)
            todo = say("take minReplicas out of what it compares (ignoreDifferences), or commit each step")
            yield hpas[name].problem(("metadata",), what, todo)


def _ignores_floor(document: Document) -> bool:
    """Whether an Argo CD Application leaves minReplicas alone."""
    pointers = [
        pointer
        for rule in items(document, "spec", "ignoreDifferences")
        if isinstance(rule, dict)
        for pointer in rule.get("jsonPointers") or []
    ]
    return at(document, "kind") == "Application" and "/spec/minReplicas" in pointers
