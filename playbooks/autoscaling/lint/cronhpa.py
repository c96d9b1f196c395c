"""Rules of CronHPA: six-field cron or `@date`, sizes, a way back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from campaign.documents import Document, KeyPath
from campaign.errors import Problem
from campaign.language import Text, say
from playbooks.autoscaling.lint.cron import cron_fault
from playbooks.autoscaling.lint.values import items, out_of_range

DATE = "@date "


def lint_cron_hpa(document: Document) -> Iterator[Problem]:
    """Every job's schedule and size, and that the last dated one ends lower than the highest."""
    dated: list[tuple[datetime, int, int]] = []
    for i, job in enumerate(items(document, "spec", "jobs")):
        path: KeyPath = ("spec", "jobs", i)
        if not isinstance(job, dict):
            continue
        fault = schedule_fault(str(job.get("schedule")))
        if fault:
            todo = say("write @date 2026-11-10 19:50:00, or seconds and five cron fields")
            yield document.problem((*path, "schedule"), fault, todo)
        if "targetSize" not in job:
            yield document.problem(path, say("a job needs targetSize"), say("add it"))
        yield from out_of_range(document, (*path, "targetSize"), 0, 1_000_000)
        when = dated_at(str(job.get("schedule")))
        if when and isinstance(job.get("targetSize"), int):
            dated.append((when, job["targetSize"], i))
    if len(dated) > 1 and max(dated)[1] >= max(size for _, size, _ in dated):
        last = max(dated)[2]
        yield document.problem(
            ("spec", "jobs", last),
            say("the last job leaves the highest floor"),
            say("add a job that restores the usual floor"),
        )


def schedule_fault(schedule: str) -> Text | None:
    """What is wrong with a CronHPA schedule; None where nothing is."""
    if schedule.startswith(DATE):
        return None if dated_at(schedule) else say("{schedule} is no date", schedule=repr(schedule))
    seconds, _, rest = schedule.partition(" ")
    if not (seconds == "*" or (seconds.isdigit() and int(seconds) < 60) or "/" in seconds):
        return say("{schedule} does not begin with seconds", schedule=repr(schedule))
    return cron_fault(rest)


def dated_at(schedule: str) -> datetime | None:
    """The wall clock of an `@date` schedule."""
    try:
        return datetime.strptime(schedule.removeprefix(DATE), "%Y-%m-%d %H:%M:%S") if DATE in schedule else None
    except ValueError:
        return None
