"""`--now`: a rehearsal of an instant knows only what was known by then."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from campaign.capacity import known_capacity
from campaign.documents import read_json
from campaign.errors import Problem, UserError
from campaign.language import say
from campaign.numbers import local_minute
from campaign.traffic import TrafficModel
from campaign.workspace import Workspace


def require_known_by(workspace: Workspace, campaign: str, now: datetime) -> None:
    """Neither the forecast nor a measured capacity is of later.

    Raises:
        UserError: what is newer, all of it.
    """
    problems = list(_newer(workspace, campaign, now))
    if problems:
        raise UserError(problems)


def _newer(workspace: Workspace, campaign: str, now: datetime) -> Iterator[Problem]:
    zone = workspace.settings.zone_of(workspace.plan(campaign))
    name, at = f"out/{campaign}/traffic.json", local_minute(now, zone)
    as_of = read_json(workspace.out(campaign) / "traffic.json", name, TrafficModel).as_of_utc
    if as_of > now:
        yield Problem(
            say("knows what came until {as_of}; it cannot be rehearsed as of {at}",
                as_of=local_minute(as_of, zone), at=at),
            say("run `surgeplan forecast {campaign} --as-of {now}` and `surgeplan playbook {campaign}` first, or leave "
                "--now out", campaign=campaign, now=now.isoformat(timespec="minutes")),
            file=name, key="--now",
        )  # fmt: skip
    for service in workspace.settings.services:
        file = f"out/capacity/{service.name}.json"
        capacity = known_capacity(service, workspace.folder / file)
        measured = None if capacity is None else capacity.measured_at_utc
        if measured is not None and measured > now:
            what = say("was measured at {time}; it was not known at {at}", time=local_minute(measured, zone), at=at)
            yield Problem(what, say("give a later --now, or leave it out"), file=file, key="--now")
