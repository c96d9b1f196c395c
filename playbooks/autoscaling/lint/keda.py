"""Rules of KEDA ScaledObjects: what its CRD and scaler schema ask, and what its dead-band makes of steps.

Parameters: kedacore/keda, pkg/scalers/cron_scaler.go and prometheus_scaler.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from campaign.documents import Document, KeyPath
from campaign.errors import Problem
from campaign.language import say
from playbooks.autoscaling.lint.cron import cron_fault, one_date
from playbooks.autoscaling.lint.values import at, crossed, items, out_of_range, unknown_zone
from playbooks.autoscaling.manifests.keda import DEAD_BAND_RATIO

NEEDED = {
    "cpu": ("value",),
    "cron": ("timezone", "start", "end", "desiredReplicas"),
    "prometheus": ("serverAddress", "query", "threshold"),
}


def lint_scaled_object(document: Document) -> Iterator[Problem]:
    """Bounds, every trigger, and steps up that the dead-band would swallow."""
    yield from crossed(document, ("spec", "minReplicaCount"), ("spec", "maxReplicaCount"))
    yield from out_of_range(document, ("spec", "fallback", "failureThreshold"), 1, 1000)
    triggers = items(document, "spec", "triggers")
    if not triggers:
        yield document.problem(("spec", "triggers"), say("has no triggers"), say("add one, such as prometheus"))
    for i, trigger in enumerate(triggers):
        if isinstance(trigger, dict):
            yield from _trigger(document, ("spec", "triggers", i), trigger)
    yield from _dead_band(document)


def _trigger(document: Document, path: KeyPath, trigger: dict[str, object]) -> Iterator[Problem]:
    metadata = trigger.get("metadata")
    kind = str(trigger.get("type"))
    if not isinstance(metadata, dict):
        yield document.problem(path, say("a trigger without metadata"), say("add it"))
        return
    for key in NEEDED.get(kind, ()):
        if key not in metadata:
            what = say("a {kind} trigger needs {key}", kind=kind, key=key)
            yield document.problem((*path, "metadata"), what, say("add it"))
    for key, value in metadata.items():
        if not isinstance(value, str):
            what = say("{value} is not a text; KEDA takes only texts here", value=repr(value))
            yield document.problem((*path, "metadata", key), what, say("put it in quotes"))
    if kind == "cron":
        yield from _cron(document, (*path, "metadata"), metadata)


def _cron(document: Document, path: KeyPath, metadata: dict[str, object]) -> Iterator[Problem]:
    for key in ("start", "end"):
        fault = cron_fault(str(metadata[key])) if key in metadata else None
        if fault:
            yield document.problem((*path, key), fault)
    if "start" in metadata and metadata.get("start") == metadata.get("end"):
        yield document.problem(
            (*path, "end"), say("start and end are the same"), say("end a step when the next begins")
        )
    if "timezone" in metadata:
        yield from unknown_zone(document, (*path, "timezone"))
    desired = str(metadata.get("desiredReplicas", "1"))
    if not desired.isdigit() or int(desired) == 0:
        what = say("{value} is not a number of replicas", value=repr(desired))
        yield document.problem((*path, "desiredReplicas"), what, say('write a whole number in quotes, such as "51"'))
    elif isinstance(most := at(document, "spec", "maxReplicaCount"), int) and int(desired) > most:
        what = say("{desired} replicas are above maxReplicaCount {most}", desired=desired, most=most)
        yield document.problem((*path, "desiredReplicas"), what, say("lower the step, or raise maxReplicaCount"))


def _dead_band(document: Document) -> Iterator[Problem]:
    steps = []
    for i, trigger in enumerate(items(document, "spec", "triggers")):
        metadata = trigger.get("metadata") if isinstance(trigger, dict) else None
        if isinstance(metadata, dict) and trigger.get("type") == "cron":
            when, desired = one_date(str(metadata.get("start"))), str(metadata.get("desiredReplicas"))
            if when and desired.isdigit():
                steps.append((i, int(desired)))
    for (_, before), (i, after) in pairwise(steps):
        if before < after <= before * (1 + DEAD_BAND_RATIO):
            what = say("a step from {before} to {after} is within the HPA's 10 % tolerance", before=before, after=after)
            yield document.problem(
                ("spec", "triggers", i, "metadata", "desiredReplicas"),
                what,
                say("raise it to {least}", least=int(before * (1 + DEAD_BAND_RATIO)) + 1),
            )
