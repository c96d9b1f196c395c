"""Misspelt keys: the fields of the objects we emit, as their public API references name them."""

from __future__ import annotations

from collections.abc import Iterator

from campaign.documents import Document, KeyPath
from campaign.errors import Problem, nearest
from campaign.language import say
from playbooks.autoscaling.lint.values import at, items, kind_of

TOP = {"apiVersion", "kind", "metadata", "spec", "status"}
SPEC: dict[str, set[str]] = {
    "HorizontalPodAutoscaler": {"scaleTargetRef", "minReplicas", "maxReplicas", "metrics", "behavior"},
    "CronJob": {
        "schedule", "timeZone", "concurrencyPolicy", "startingDeadlineSeconds", "jobTemplate", "suspend",
        "successfulJobsHistoryLimit", "failedJobsHistoryLimit",
    },
    "ScaledObject": {
        "scaleTargetRef", "pollingInterval", "cooldownPeriod", "initialCooldownPeriod", "idleReplicaCount",
        "minReplicaCount", "maxReplicaCount", "fallback", "advanced", "triggers",
    },
    "CronHorizontalPodAutoscaler": {"scaleTargetRef", "jobs", "excludeDates"},
}  # fmt: skip
PARTS: dict[tuple[str, str], set[str]] = {
    ("ScaledObject", "triggers"): {
        "type", "name", "metadata", "authenticationRef", "metricType", "useCachedMetrics",
    },
    ("CronHorizontalPodAutoscaler", "jobs"): {"name", "schedule", "targetSize", "runOnce"},
}  # fmt: skip


def lint_keys(document: Document) -> Iterator[Problem]:
    """Unknown keys of the object, its spec, and its triggers or jobs, each with the nearest known one."""
    kind = kind_of(document)
    if kind not in SPEC:
        return
    yield from _unknown(document, (), TOP)
    yield from _unknown(document, ("spec",), SPEC[kind])
    for (owner, part), known in PARTS.items():
        if owner == kind:
            for i, _item in enumerate(items(document, "spec", part)):
                yield from _unknown(document, ("spec", part, i), known)


def _unknown(document: Document, path: KeyPath, known: set[str]) -> Iterator[Problem]:
    content = at(document, *path)
    for key in content if isinstance(content, dict) else ():
        if key not in known:
            yield document.problem((*path, key), say("unknown key"), nearest(key, known))
