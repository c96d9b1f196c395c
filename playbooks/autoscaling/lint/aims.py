"""What HPAs and KEDA objects scale on, and at which target, in one shape for both."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from campaign.documents import Document, KeyPath
from playbooks.autoscaling.lint.values import at, items, kind_of, quantity

METRICS = {"Resource": "cpu", "External": "rate", "Pods": "rate", "Object": "rate"}
TRIGGERS = {"cpu": ("cpu", "value"), "prometheus": ("rate", "threshold")}


@dataclass(frozen=True)
class Aim:
    """metric: `cpu`, `rate`, or another name; target: percent of the CPU, or so much for each replica."""

    metric: str
    target: float
    path: KeyPath


def aims_of(document: Document) -> Iterator[Aim]:
    """Every metric of an HPA, every trigger of a ScaledObject that is no date; none of anything else."""
    if kind_of(document) == "HorizontalPodAutoscaler":
        for i, _metric in enumerate(items(document, "spec", "metrics")):
            yield _of_metric(document, ("spec", "metrics", i))
    if kind_of(document) == "ScaledObject":
        for i, _trigger in enumerate(items(document, "spec", "triggers")):
            yield from _of_trigger(document, ("spec", "triggers", i))


def _of_metric(document: Document, path: KeyPath) -> Aim:
    kind = str(at(document, *path, "type"))
    metric = METRICS.get(kind, kind)
    if kind == "Resource" and at(document, *path, "resource", "name") != "cpu":
        metric = str(at(document, *path, "resource", "name"))
    key = "averageUtilization" if kind == "Resource" else "averageValue"
    target: KeyPath = (*path, kind[:1].lower() + kind[1:], "target", key)
    return Aim(metric, quantity(at(document, *target)), target)


def _of_trigger(document: Document, path: KeyPath) -> Iterator[Aim]:
    kind = str(at(document, *path, "type"))
    if kind in TRIGGERS:
        metric, key = TRIGGERS[kind]
        target: KeyPath = (*path, "metadata", key)
        yield Aim(metric, quantity(at(document, *target)), target)
    elif kind != "cron":
        yield Aim(kind, float("nan"), path)
