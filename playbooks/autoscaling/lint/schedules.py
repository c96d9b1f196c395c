"""What every executor's files do to a service's floor, and when: one shape for all of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from campaign.documents import Document, KeyPath
from playbooks.autoscaling.lint import aws, cronhpa, gcp
from playbooks.autoscaling.lint.cron import one_date
from playbooks.autoscaling.lint.kubernetes import MADE_FOR, patch_of
from playbooks.autoscaling.lint.values import at, instant_of, items, kind_of, name_of, whole


@dataclass(frozen=True)
class FloorChange:
    """From `at_utc` on an executor holds this many replicas of a service: until the next, or until `ends_at_utc`."""

    executor: str
    service: str
    at_utc: datetime
    replicas: int
    document: Document
    path: KeyPath
    ends_at_utc: datetime | None = None


@dataclass(frozen=True)
class Calendar:
    """How dates without a year or a zone are meant: the first one after `not_before`, in this zone."""

    not_before: datetime
    zone: ZoneInfo

    def instant(self, line: str, zone_name: str) -> datetime | None:
        """When a cron line of one date runs, UTC; None where it names no date or no zone."""
        date = one_date(line)
        try:
            zone = ZoneInfo(zone_name)
            years = (self.not_before.year, self.not_before.year + 1) if date else ()
            found = [datetime(year, *date, tzinfo=zone).astimezone(UTC) for year in years if date]
        except (ValueError, KeyError, OSError):
            return None
        return next((when for when in found if when >= self.not_before), None)


def floor_changes(documents: Sequence[Document], calendar: Calendar) -> list[FloorChange]:
    """Every dated change of a floor in the documents, in time order."""
    found = [change for document in documents for change in _of_document(document, calendar)]
    return sorted(found, key=lambda change: (change.executor, change.service, change.at_utc))


def _of_document(document: Document, calendar: Calendar) -> Iterator[FloorChange]:
    kind = kind_of(document)
    if kind == "CronJob":
        yield from _cron_job(document, calendar)
    elif kind == "ScaledObject":
        yield from _keda(document, calendar)
    elif kind == "CronHorizontalPodAutoscaler":
        yield from _cron_hpa(document, calendar)
    elif kind == "HorizontalPodAutoscaler":
        yield from _committed(document)
    elif aws.is_aws(document):
        yield from _aws(document)
    elif gcp.is_gcp(document):
        yield from _gcp(document)


def _cron_job(document: Document, calendar: Calendar) -> Iterator[FloorChange]:
    patch = patch_of(document)
    when = patch and calendar.instant(patch.schedule, str(at(document, "spec", "timeZone")))
    if patch and when:
        yield FloorChange("CronJob", patch.hpa, when, patch.floor, document, ("spec", "schedule"))


def _keda(document: Document, calendar: Calendar) -> Iterator[FloorChange]:
    service = str(at(document, "spec", "scaleTargetRef", "name"))
    for i, trigger in enumerate(items(document, "spec", "triggers")):
        path: KeyPath = ("spec", "triggers", i, "metadata")
        desired = str(at(document, *path, "desiredReplicas"))
        if not isinstance(trigger, dict) or trigger.get("type") != "cron" or not desired.isdigit():
            continue
        zone = str(at(document, *path, "timezone"))
        begins, ends = (calendar.instant(str(at(document, *path, key)), zone) for key in ("start", "end"))
        if begins and ends:
            yield FloorChange("KEDA", service, begins, int(desired), document, (*path, "desiredReplicas"), ends)


def _cron_hpa(document: Document, calendar: Calendar) -> Iterator[FloorChange]:
    service = str(at(document, "spec", "scaleTargetRef", "name"))
    for i, _job in enumerate(items(document, "spec", "jobs")):
        path: KeyPath = ("spec", "jobs", i)
        local, size = cronhpa.dated_at(str(at(document, *path, "schedule"))), whole(document, *path, "targetSize")
        if local and size is not None:
            when = local.replace(tzinfo=calendar.zone).astimezone(UTC)
            yield FloorChange("CronHPA", service, when, size, document, (*path, "targetSize"))


def _committed(document: Document) -> Iterator[FloorChange]:
    """A patch that git holds: an HPA without a target, with the instant it is for."""
    when, floor = instant_of(at(document, *MADE_FOR)), whole(document, "spec", "minReplicas")
    if is_patch(document) and when is not None and floor is not None:
        yield FloorChange("GitOps", name_of(document), when, floor, document, ("spec", "minReplicas"))


def is_patch(document: Document) -> bool:
    """Whether an HPA is only a part of one, for kustomize to lay over the whole."""
    return kind_of(document) == "HorizontalPodAutoscaler" and at(document, "spec", "scaleTargetRef") is None


def _aws(document: Document) -> Iterator[FloorChange]:
    group = at(document, aws.GROUP) is not None
    key = aws.GROUP if group else aws.ECS
    for i, _action in enumerate(items(document, key)):
        path: KeyPath = (key, i)
        size: KeyPath = (*path, "MinSize") if group else (*path, "ScalableTargetAction", "MinCapacity")
        when, floor = aws.starts_at(document, path), whole(document, *size)
        if when and floor is not None:
            service = str(at(document, "AutoScalingGroupName") if group else at(document, *path, "ResourceId"))
            name = "AWS Auto Scaling" if group else "AWS ECS"
            yield FloorChange(name, service.rsplit("/", 1)[-1], when, floor, document, size)


def _gcp(document: Document) -> Iterator[FloorChange]:
    for name in at(document, *gcp.SCHEDULES):
        path: KeyPath = (*gcp.SCHEDULES, name)
        when, seconds = gcp.starts_at(document, path), whole(document, *path, "durationSec")
        floor = whole(document, *path, "minRequiredReplicas")
        if when and seconds is not None and floor is not None:
            service = str(at(document, "name"))
            ends_at = when + timedelta(seconds=seconds)
            yield FloorChange("GCP", service, when, floor, document, (*path, "minRequiredReplicas"), ends_at)


def floor_at(changes: Sequence[FloorChange], when: datetime, usual: int) -> tuple[int, FloorChange | None]:
    """The floor that one executor holds for one service at an instant, and the change that makes it so."""
    windows = [c for c in changes if c.ends_at_utc is not None and c.at_utc <= when < c.ends_at_utc]
    begun = [c for c in changes if c.ends_at_utc is None and c.at_utc <= when][-1:]
    held = max([*windows, *begun], key=lambda change: change.replicas, default=None)
    return (usual, None) if held is None else (held.replicas, held)
