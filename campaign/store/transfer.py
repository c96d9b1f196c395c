"""A log carried elsewhere: export and import as JSON lines, backup and restore as a database file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from campaign.documents import read_utf8
from campaign.errors import Problem, UserError
from campaign.files import write_text, writing
from campaign.language import say
from campaign.store.events import Event, chain_problems
from campaign.store.log import EventLog


def export_log(log: EventLog, target: Path) -> int:
    """Write every event as one JSON line; returns how many.

    Raises:
        UserError: the log was edited, or the file cannot be written.
    """
    events = sound_events(log)
    write_text(target, "".join(json.dumps(e.model_dump(mode="json"), ensure_ascii=False) + "\n" for e in events))
    return len(events)


def import_log(log: EventLog, source: Path) -> int:
    """Put an exported log into an empty store; returns how many events.

    Raises:
        UserError: a line that is no event, a chain that does not hold, or a store that is not empty.
    """
    events: list[Event] = []
    problems: list[Problem] = []
    for number, line in enumerate(read_utf8(source, str(source)).splitlines(), start=1):
        try:
            events.append(Event.model_validate_json(line))
        except ValidationError:
            what = say("is not an event of an exported log")
            problems.append(Problem(what, say("export it again"), file=str(source), line=number))
    problems = problems or chain_problems(events, str(source))
    if problems:
        raise UserError(problems)
    log.fill(events)
    return len(events)


def back_up(log: EventLog, target: Path) -> int:
    """Copy the log to a SQLite file of its own, whatever database it lives in; returns how many events.

    Raises:
        UserError: the log was edited, or the file cannot be written.
    """
    events = sound_events(log)
    with writing(target) as temporary:
        temporary.unlink()
        EventLog(f"sqlite:///{temporary}", str(target), shared=False).fill(events)
    return len(events)


def restore(log: EventLog, source: Path) -> int:
    """Put a backup into an empty store; returns how many events.

    Raises:
        UserError: no backup, an edited one, or a store that is not empty.
    """
    if not source.is_file():
        raise UserError(Problem(say("does not exist"), say("name a file that `state backup` wrote"), file=str(source)))
    events = sound_events(EventLog(f"sqlite:///{source}", str(source), shared=False))
    log.fill(events)
    return len(events)


def sound_events(log: EventLog) -> Sequence[Event]:
    """All events of a log whose chain holds.

    Raises:
        UserError: the log was edited; names each event.
    """
    events = log.events()
    problems = chain_problems(events, log.place)
    if problems:
        raise UserError(problems)
    return events
