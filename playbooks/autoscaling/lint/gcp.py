"""Rules of Google Cloud scaling schedules: a year in the cron line, at least five minutes, sizes in order."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from campaign.documents import Document, KeyPath
from campaign.errors import Problem
from campaign.language import Text, say
from playbooks.autoscaling.lint.cron import cron_fault, one_date
from playbooks.autoscaling.lint.values import at, crossed, out_of_range, unknown_zone

SCHEDULES: KeyPath = ("autoscalingPolicy", "scalingSchedules")
SHORTEST_SECONDS, LONGEST_SECONDS = 300, 86_400 * 366
SCHEDULES_MOST = 128


def is_gcp(document: Document) -> bool:
    """Whether a JSON file is (part of) an Autoscaler with schedules."""
    return isinstance(at(document, *SCHEDULES), dict)


def lint_gcp(document: Document, now: datetime | None) -> Iterator[Problem]:
    """Every schedule of one group. Past times only where `now` is given."""
    schedules = at(document, *SCHEDULES)
    most: KeyPath = ("autoscalingPolicy", "maxNumReplicas")
    yield from crossed(document, ("autoscalingPolicy", "minNumReplicas"), most)
    if len(schedules) > SCHEDULES_MOST:
        what = say("{count} schedules, a group takes {most}", count=len(schedules), most=SCHEDULES_MOST)
        yield document.problem(SCHEDULES, what, say("remove those that are over"))
    for name in schedules:
        path: KeyPath = (*SCHEDULES, name)
        yield from crossed(document, (*path, "minRequiredReplicas"), most)
        yield from out_of_range(document, (*path, "durationSec"), SHORTEST_SECONDS, LONGEST_SECONDS)
        yield from unknown_zone(document, (*path, "timeZone"))
        fault = schedule_fault(str(at(document, *path, "schedule")))
        if fault:
            yield document.problem((*path, "schedule"), fault, say("write it as 50 19 10 11 * 2026"))
        when = starts_at(document, path)
        if now is not None and when is not None and when < now:
            what = say("{when} is in the past: it never runs", when=when.isoformat())
            yield document.problem(path, what, say("remove the schedule, or plan again"))


def schedule_fault(line: str) -> Text | None:
    """What is wrong with a cron line of five fields and a year; None where nothing is."""
    five, _, year = line.rpartition(" ")
    if len(line.split()) == 5:
        return say("{line} has no year: it comes again", line=repr(line))
    return cron_fault(five) or (None if year.isdigit() else say("{text} is no year", text=repr(year)))


def starts_at(document: Document, path: KeyPath) -> datetime | None:
    """When a schedule runs once, UTC; None where it repeats or cannot be read."""
    five, _, year = str(at(document, *path, "schedule")).rpartition(" ")
    date = one_date(five)
    try:
        zone = ZoneInfo(str(at(document, *path, "timeZone") or "UTC"))
        return datetime(int(year), *date, tzinfo=zone).astimezone(UTC) if date else None
    except (ValueError, KeyError, OSError):
        return None
