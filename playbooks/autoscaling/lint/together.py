"""Rules over a folder: floors within their HPA, a way back, a cleanup, one step at a time, nothing reverted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from campaign.documents import Document
from campaign.errors import Problem
from campaign.language import say
from playbooks.autoscaling.lint.cron import one_date
from playbooks.autoscaling.lint.kubernetes import Patch, deletes_cron_jobs, patch_of, tracked_by_gitops
from playbooks.autoscaling.lint.schedules import is_patch
from playbooks.autoscaling.lint.values import at, items, kind_of, name_of, whole
from playbooks.autoscaling.manifests.document import PART

When = tuple[int, int, int, int]


def lint_steps(documents: Sequence[Document]) -> Iterator[Problem]:
    """All rules over the CronJobs and HPAs of a folder."""
    hpas = {name_of(document): document for document in documents if is_whole_hpa(document)}
    jobs = [document for document in documents if kind_of(document) == "CronJob"]
    patches = [patch for patch in map(patch_of, jobs) if patch]
    for patch in patches:
        yield from _within_hpa(patch, hpas)
    yield from _one_at_a_time(patches)
    yield from _way_back(patches, hpas)
    yield from _cleanup(jobs)
    yield from _keda_way_back(documents)
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


def _cleanup(jobs: Sequence[Document]) -> Iterator[Problem]:
    """Every part's dated CronJobs need one of the same part that deletes them."""
    parts = {part_of(document) for document in jobs if deletes_cron_jobs(document)}
    dated = [d for d in jobs if one_date(str(at(d, "spec", "schedule"))) and part_of(d) not in parts]
    for part in sorted({part_of(document) for document in dated}):
        first = next(document for document in dated if part_of(document) == part)
        what = say("names a date but cron knows no year: it comes again next year")
        yield first.problem(("spec", "schedule"), what, say("add a CronJob that deletes these after the campaign"))


def part_of(document: Document) -> str:
    return str(at(document, "metadata", "labels", PART) or "")


def _keda_way_back(documents: Sequence[Document]) -> Iterator[Problem]:
    """A ScaledObject whose steps name dates needs one of the same name without, to be applied afterwards."""
    objects = [document for document in documents if kind_of(document) == "ScaledObject"]
    plain = {name_of(document) for document in objects if not _dated_triggers(document)}
    for document in objects:
        dated = _dated_triggers(document)
        if dated and name_of(document) not in plain:
            what = say("names a date but cron knows no year: it comes again next year")
            yield document.problem(
                ("spec", "triggers", dated[0]), what, say("add the same object without cron triggers, to apply after")
            )


def _dated_triggers(document: Document) -> list[int]:
    triggers = enumerate(items(document, "spec", "triggers"))
    lines = [(i, str(at(document, "spec", "triggers", i, "metadata", "start"))) for i, _trigger in triggers]
    return [i for i, line in lines if one_date(line)]


def is_whole_hpa(document: Document) -> bool:
    return kind_of(document) == "HorizontalPodAutoscaler" and not is_patch(document)


def _not_reverted(
    patches: Sequence[Patch], hpas: Mapping[str, Document], documents: Sequence[Document]
) -> Iterator[Problem]:
    if any(_ignores_floor(document) for document in documents):
        return
    edited = {str(at(d, "spec", "scaleTargetRef", "name")) for d in documents if _edits_hpa(d)}
    for name in sorted(({patch.hpa for patch in patches} | edited) & set(hpas)):
        label = tracked_by_gitops(hpas[name])
        if label:
            what = say("{label} says that GitOps owns {hpa}: a patched minReplicas is reverted", label=label, hpa=name)
            todo = say("take minReplicas out of what it compares (ignoreDifferences), or commit each step")
            yield hpas[name].problem(("metadata",), what, todo)


def _edits_hpa(document: Document) -> bool:
    """Whether a CronHPA edits an HPA's floor."""
    target = at(document, "spec", "scaleTargetRef", "kind")
    return kind_of(document) == "CronHorizontalPodAutoscaler" and target == "HorizontalPodAutoscaler"


def _ignores_floor(document: Document) -> bool:
    """Whether an Argo CD Application leaves minReplicas alone."""
    pointers = [
        pointer
        for rule in items(document, "spec", "ignoreDifferences")
        if isinstance(rule, dict)
        for pointer in rule.get("jsonPointers") or []
    ]
    return at(document, "kind") == "Application" and "/spec/minReplicas" in pointers
