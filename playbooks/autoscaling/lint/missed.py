"""Steps whose time is past when they are applied: Kubernetes does not make up for what was due before an object was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from itertools import groupby

from campaign.errors import Problem
from campaign.language import say
from playbooks.autoscaling.lint.schedules import FloorChange

NOT_MADE_UP_FOR = ("CronJob", "CronHPA")


def lint_missed(changes: Sequence[FloorChange], usual: Mapping[str, int], now: datetime) -> Iterator[Problem]:
    """For each service the newest step of one that runs once and is past, unless it sets the floor that is there;
    `changes` in the order of `floor_changes`."""
    for (executor, service), grouped in groupby(changes, key=lambda change: (change.executor, change.service)):
        past = [change for change in grouped if change.at_utc < now]
        if past and executor in NOT_MADE_UP_FOR and past[-1].replicas != usual.get(service):
            what = say(
                "{when} is in the past: made now, no step of {hpa} sets its floor to {floor}",
                when=past[-1].at_utc.isoformat(), hpa=service, floor=past[-1].replicas,
            )  # fmt: skip
            yield past[-1].document.problem(past[-1].path, what, say("set the floor by hand, or plan again"))
