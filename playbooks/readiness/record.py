"""Acts as they are done: inside one transaction of the log, on a review that saw every act before them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from campaign.errors import Problem, UserError
from campaign.files import sha256
from campaign.language import say
from campaign.store.database import STATE_URL
from campaign.store.events import Act, Event, chain_problems
from campaign.store.log import EventLog, open_log
from campaign.workspace import Workspace
from playbooks.readiness.gather import ReadFiles
from playbooks.readiness.limits import publish_limits
from playbooks.readiness.publish import Review, review

TWICE = timedelta(minutes=2)
"""Within which the same act by the same person is the second tap of one act."""


class _Already(Exception):
    def __init__(self, event: Event) -> None:
        self.event = event


def workspace_log(workspace: Workspace) -> EventLog:
    """The workspace's log: `state/surgeplan.db`, or the database that SURGEPLAN_STATE names."""
    return open_log(workspace.folder, os.environ.get(STATE_URL))


def record(
    workspace: Workspace,
    campaign: str,
    now: datetime,
    act: Callable[[Review], Act],
    read: ReadFiles | None = None,
) -> Event:
    """Do an act on the campaign's review; a decision's caps become rules whoever it is taken through.

    `read` stands in for reading the workspace's files. What is done twice in a row is one act, and its event returned.

    Raises:
        UserError: the act is refused, or the log was edited or cannot be written.
    """

    event = record_on_log(workspace, lambda log: act(review(workspace, campaign, now, log, read)))
    if event.kind == "decide":
        publish_limits(workspace, event)
    return event


def record_on_log(workspace: Workspace, act: Callable[[Sequence[Event]], Act]) -> Event:
    """Do an act on all events so far, which must be as they were written; done twice in a row it is one act."""
    log = workspace_log(workspace)

    def decide(events: Sequence[Event]) -> Act:
        problems = chain_problems(events, log.place)
        if problems:
            raise UserError(problems)
        wanted = act(events)
        before = done_before(events, wanted)
        if before is not None:
            raise _Already(before)
        return wanted

    try:
        if log.newest() is None:
            decide([])  # a refusal of the first act leaves no empty store behind
        return log.append(decide)
    except _Already as already:
        return already.event


def done_before(log: Sequence[Event], wanted: Act) -> Event | None:
    """The newest event on the same thing, where it is this very act a moment ago."""
    before = next((e for e in reversed(log) if (e.campaign, e.subject) == (wanted.campaign, wanted.subject)), None)
    if before is None or abs(wanted.at_utc - before.at_utc) > TWICE:
        return None
    same = all(getattr(before, key) == getattr(wanted, key) for key in ("kind", "actor", "role", "body"))
    return before if same else None


def attached(workspace: Workspace, paths: Sequence[Path]) -> dict[str, str]:
    """SHA-256 of attachments by their path in the workspace.

    Raises:
        UserError: a file that does not exist, or lies outside the workspace (links are followed).
    """
    root = workspace.folder.resolve()
    problems: list[Problem] = []
    found: dict[str, str] = {}
    for path in paths:
        file = (path if path.is_absolute() else workspace.folder / path).resolve()
        if not file.is_relative_to(root):
            todo = say("copy it into evidence/: what a signature rests on must stay with the workspace")
            problems.append(Problem(say("lies outside the workspace"), todo, file=str(path)))
        elif not file.is_file():
            problems.append(Problem(say("does not exist"), say("paths count from the workspace"), file=str(path)))
        else:
            found[file.relative_to(root).as_posix()] = sha256(file)
    if problems:
        raise UserError(problems)
    return found
