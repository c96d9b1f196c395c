"""`kubectl get deploy,hpa -A -o yaml` (or json): services with replicas, bounds, CPU and memory."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from campaign.documents import read_yaml
from campaign.errors import UserError
from campaign.language import say
from metrics.intake.records import Column, Findings, Place, Recognised, ServiceFigures

WORKLOADS = frozenset({"Deployment", "StatefulSet", "Rollout", "ReplicaSet"})
SCALERS = frozenset({"HorizontalPodAutoscaler", "ScaledObject"})
SYSTEM = re.compile(r"^(kube-.*|istio-system|monitoring|cert-manager|ingress-nginx|gatekeeper-system|argocd)$")
MEMORY_UNITS = {
    "": 1 / 2**30, "Ki": 2**10 / 2**30, "Mi": 2**20 / 2**30, "Gi": 1.0, "Ti": 2.0**10,
    "k": 1e3 / 2**30, "K": 1e3 / 2**30, "M": 1e6 / 2**30, "G": 1e9 / 2**30, "T": 1e12 / 2**30, "m": 1e-3 / 2**30,
}  # fmt: skip
QUANTITY = re.compile(r"^([0-9.]+(?:[eE][0-9]+)?)([A-Za-z]*)$")


def recognise(path: Path, name: str, findings: Findings) -> Recognised | None:
    """A file of Kubernetes objects; None for other YAML."""
    try:
        content = read_yaml(path, name).content
    except UserError as error:
        findings.problems += error.problems
        return None
    items = content.get("items") if str(content.get("kind", "")).endswith("List") else [content]
    objects = [item for item in items or [] if isinstance(item, dict) and item.get("kind") in WORKLOADS | SCALERS]
    if not objects:
        return None
    services = tuple(_services(objects))
    columns = (
        Column("spec.replicas, minReplicas, maxReplicas", say("replicas today, least and most")),
        Column("resources.requests", say("CPU cores and memory of one replica")),
    )
    left = sum(1 for o in objects if o["kind"] in WORKLOADS and SYSTEM.match(_meta(o, "namespace")))
    notes = (say("{count} workloads of the cluster's own namespaces are left out", count=left),) if left else ()
    return Recognised(Place(name), "kubectl", "cluster", columns, services=services, notes=notes)


def _services(objects: Iterable[dict[str, Any]]) -> Iterator[ServiceFigures]:
    objects = list(objects)
    bounds = {}
    for scaler in (o for o in objects if o["kind"] in SCALERS):
        spec = scaler.get("spec") or {}
        target = (spec.get("scaleTargetRef") or {}).get("name") or _meta(scaler, "name")
        least, most = (
            spec.get("minReplicas", spec.get("minReplicaCount")),
            spec.get("maxReplicas", spec.get("maxReplicaCount")),
        )
        bounds[_meta(scaler, "namespace"), target] = (least, most)
    for workload in (o for o in objects if o["kind"] in WORKLOADS):
        name, namespace = _meta(workload, "name"), _meta(workload, "namespace")
        if SYSTEM.match(namespace):
            continue
        spec = workload.get("spec") or {}
        least, most = bounds.get((namespace, name), (None, None))
        cpu, memory = _requests(spec)
        yield ServiceFigures(name, namespace, spec.get("replicas"), least, most, cpu, memory)


def _meta(item: dict[str, Any], key: str) -> str:
    return str((item.get("metadata") or {}).get(key) or "")


def _requests(spec: dict[str, Any]) -> tuple[float | None, float | None]:
    """CPU cores and GiB that the containers of one pod ask for together."""
    pod = ((spec.get("template") or {}).get("spec")) or {}
    asked = [((c.get("resources") or {}).get("requests") or {}) for c in pod.get("containers") or []]
    cpu = [value for a in asked if (value := cores(str(a.get("cpu", "")))) is not None]
    memory = [value for a in asked if (value := gib(str(a.get("memory", "")))) is not None]
    return (sum(cpu) if cpu else None), (round(sum(memory), 3) if memory else None)


def cores(text: str) -> float | None:
    """`500m` is 0.5, `2` is 2."""
    found = QUANTITY.match(text)
    if not found or found[2] not in ("", "m", "k"):
        return None
    return float(found[1]) * {"": 1.0, "m": 1e-3, "k": 1e3}[found[2]]


def gib(text: str) -> float | None:
    """`512Mi` is 0.5."""
    found = QUANTITY.match(text)
    return float(found[1]) * MEMORY_UNITS[found[2]] if found and found[2] in MEMORY_UNITS else None
