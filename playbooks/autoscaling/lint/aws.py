"""Rules of AWS scheduled actions that botocore and moto let pass: order of sizes, times, zones, a way back."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from campaign.documents import Document, KeyPath
from campaign.errors import Problem
from campaign.language import say
from playbooks.autoscaling.lint.values import at, crossed, items, unknown_zone

GROUP, ECS = "ScheduledUpdateGroupActions", "actions"
NAMESPACES = {
    "ecs", "ec2", "dynamodb", "rds", "lambda", "sagemaker", "elasticache", "kafka", "cassandra", "appstream",
    "elasticmapreduce", "comprehend", "custom-resource", "neptune", "workspaces",
}  # fmt: skip
ONCE = re.compile(r"^at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)$")
REPEATED = re.compile(r"^(cron|rate)\(.+\)$")


def is_aws(document: Document) -> bool:
    """Whether a JSON file holds scheduled actions of either service."""
    return at(document, "AutoScalingGroupName") is not None or any(
        isinstance(action, dict) and "ScalableDimension" in action for action in items(document, ECS)
    )


def lint_aws(document: Document, now: datetime | None) -> Iterator[Problem]:
    """Every action, and that the last one gives back what the highest took. Past times only where `now` is given."""
    key = GROUP if at(document, GROUP) is not None else ECS
    sizes: list[tuple[datetime, int, int]] = []
    for i, _action in enumerate(items(document, key)):
        path: KeyPath = (key, i)
        low, high = ("MinSize", "MaxSize") if key == GROUP else ("MinCapacity", "MaxCapacity")
        inside: KeyPath = path if key == GROUP else (*path, "ScalableTargetAction")
        yield from crossed(document, (*inside, low), (*inside, high))
        yield from crossed(document, (*inside, low), (*inside, "DesiredCapacity"))
        yield from crossed(document, (*inside, "DesiredCapacity"), (*inside, high))
        yield from _group_time(document, path) if key == GROUP else _ecs_time(document, path)
        when, least = starts_at(document, path), at(document, *inside, low)
        if when and isinstance(least, int):
            sizes.append((when, least, i))
            if now is not None and when < now:
                what = say("{when} is in the past: AWS refuses it", when=when.isoformat())
                yield document.problem(path, what, say("remove the action, or plan again"))
    if len(sizes) > 1 and max(sizes)[1] >= max(size for _, size, _ in sizes):
        what, todo = say("the last action leaves the highest floor"), say("add an action that restores the usual floor")
        yield document.problem((key, max(sizes)[2]), what, todo)


def _group_time(document: Document, path: KeyPath) -> Iterator[Problem]:
    given = at(document, *path, "StartTime")
    if given is None and at(document, *path, "Recurrence") is None:
        yield document.problem(path, say("has neither StartTime nor Recurrence"), say("add StartTime, in UTC"))
    elif given is not None and (not str(given).endswith("Z") or starts_at(document, path) is None):
        what = say("{given} is not a time in UTC", given=repr(given))
        yield document.problem((*path, "StartTime"), what, say("write it as 2026-11-10T11:50:00Z"))


def _ecs_time(document: Document, path: KeyPath) -> Iterator[Problem]:
    schedule = str(at(document, *path, "Schedule"))
    if not REPEATED.match(schedule) and (not ONCE.match(schedule) or starts_at(document, path) is None):
        what = say("{given} is no schedule", given=repr(schedule))
        yield document.problem((*path, "Schedule"), what, say("write it as at(2026-11-10T11:50:00)"))
    if at(document, *path, "Timezone") is not None:
        yield from unknown_zone(document, (*path, "Timezone"))
    namespace, dimension = at(document, *path, "ServiceNamespace"), str(at(document, *path, "ScalableDimension"))
    if namespace not in NAMESPACES:
        yield document.problem(
            (*path, "ServiceNamespace"), say("{given} is no namespace of AWS", given=repr(namespace))
        )
    elif not dimension.startswith(f"{namespace}:"):
        what = say("{dimension} is no dimension of {namespace}", dimension=dimension, namespace=namespace)
        yield document.problem((*path, "ScalableDimension"), what)


def starts_at(document: Document, path: KeyPath) -> datetime | None:
    """When an action runs once, UTC; None where it repeats or cannot be read."""
    given = at(document, *path, "StartTime")
    once = ONCE.match(str(at(document, *path, "Schedule")))
    try:
        if given is not None:
            moment = datetime.fromisoformat(str(given))
            return moment.astimezone(UTC) if moment.tzinfo else None
        if once:
            zone = ZoneInfo(str(at(document, *path, "Timezone") or "UTC"))
            return datetime.fromisoformat(once[1]).replace(tzinfo=zone).astimezone(UTC)
    except (ValueError, KeyError, OSError):
        return None
    return None
