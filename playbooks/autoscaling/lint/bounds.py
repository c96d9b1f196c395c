"""Quotas and shared limits, kept at every instant by what each executor's files hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from campaign.documents import Document
from campaign.errors import Problem
from campaign.language import say
from campaign.settings import Limit, Settings
from playbooks.autoscaling.limits import room, users
from playbooks.autoscaling.lint.schedules import FloorChange, floor_at
from playbooks.autoscaling.lint.values import at, kind_of, name_of, whole
from playbooks.autoscaling.manifests.document import kubernetes_name


@dataclass(frozen=True)
class Bounds:
    """What the workspace allows, by the name in Kubernetes: quotas, limits counted per replica, start-up times."""

    most: Mapping[str, int]
    limits: Sequence[Limit] = ()
    startup_seconds: Mapping[str, float] = field(default_factory=dict)


def bounds_of(settings: Settings | None) -> Bounds:
    """The workspace's quotas and limits under the names that Kubernetes knows; none without a workspace."""
    if settings is None:
        return Bounds({})
    renamed = [
        limit.model_copy(update={"used_by": {kubernetes_name(name): used for name, used in limit.used_by.items()}})
        for limit in settings.limits
    ]
    services = {kubernetes_name(service.name): service for service in settings.services}
    return Bounds(
        {name: s.replicas.max for name, s in services.items() if s.replicas.max is not None},
        tuple(renamed),
        {name: s.startup_seconds_p99 for name, s in services.items() if s.startup_seconds_p99 is not None},
    )


def lint_bounds(changes: Sequence[FloorChange], documents: Sequence[Document], bounds: Bounds) -> Iterator[Problem]:
    """Each change against its service's quota, and all services of an executor together against each limit."""
    usual = usual_floors(documents)
    for change in changes:
        most = bounds.most.get(change.service)
        if most is not None and change.replicas > most:
            what = say(
                "a floor of {floor} is above the quota {most} of {hpa}",
                floor=change.replicas, most=most, hpa=change.service,
            )  # fmt: skip
            yield change.document.problem(change.path, what, say("lower the step, or raise the quota first"))
    limits = [limit for limit in bounds.limits if limit.kind == "per_replica"]
    for _executor, grouped in groupby(changes, key=lambda change: change.executor):
        mine = list(grouped)
        for limit in limits:
            yield from _first_broken(mine, usual, limit)


def usual_floors(documents: Sequence[Document]) -> dict[str, int]:
    """minReplicas of every whole HPA, by name."""
    hpas = [document for document in documents if kind_of(document) == "HorizontalPodAutoscaler"]
    whole_ones = [hpa for hpa in hpas if at(hpa, "spec", "scaleTargetRef") is not None]
    return {name_of(hpa): whole(hpa, "spec", "minReplicas") or 0 for hpa in whole_ones}


def _first_broken(mine: Sequence[FloorChange], usual: Mapping[str, int], limit: Limit) -> Iterator[Problem]:
    names = sorted({change.service for change in mine} | set(usual))
    used = users(limit, names)
    own = {name: [change for change in mine if change.service == name] for name in used}
    for change in sorted(mine, key=lambda change: change.at_utc):
        floors = {name: floor_at(own[name], change.at_utc, usual.get(name, 0))[0] for name in used}
        needed = sum(share * floors[name] for name, share in used.items())
        if needed > room(limit):
            what = say(
                "from here on the floors take {needed:g} of {limit}, which leaves {room:g}",
                needed=needed, limit=limit.name, room=room(limit),
            )  # fmt: skip
            yield change.document.problem(change.path, what, say("lower a step, or raise the limit first"))
            return
