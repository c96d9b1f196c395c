"""The event log: every act is one short transaction that sees all acts before it."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, insert, select

from campaign.language import say
from campaign.store.database import Database, address
from campaign.store.events import GENESIS, Act, Event, chained
from campaign.store.tables import EVENTS

CLOCK_SLACK = timedelta(minutes=5)  # clocks of two machines may differ by this much

Decide = Callable[[Sequence[Event]], Act]


class EventLog:
    """The acts of a workspace, kept in one database.

    Raises (all methods): UserError where the database cannot be reached, read or written.
    """

    def __init__(self, url: str, place: str, *, shared: bool = True) -> None:
        """`shared` is false for a file that is only copied from or to: it stays one file, without a write-ahead log."""
        self._database = Database(url, place, shared=shared)

    @property
    def place(self) -> str:
        """What problems call this log."""
        return self._database.place

    def append(self, decide: Decide) -> Event:
        """Write one act. `decide` sees every event so far, inside the transaction, and returns the act or refuses.

        Raises:
            UserError: `decide` refuses, or the act's time is before the newest event's.
        """
        with self._database.writing() as connection:
            events = _read(connection)
            return self._put(connection, decide(events), events[-1] if events else None)

    def record(self, act: Act) -> Event:
        """Write one act that depends on nothing before it; reads only the newest event."""
        with self._database.writing() as connection:
            return self._put(connection, act, _newest(connection))

    def newest(self) -> Event | None:
        """The newest event; None before the first act."""
        with self._database.reading() as connection:
            return None if connection is None else _newest(connection)

    def events(self, campaign: str | None = None) -> list[Event]:
        """All events in order, or those of one campaign; none where there is no store yet."""
        with self._database.reading() as connection:
            return [] if connection is None else _read(connection, campaign)

    def fill(self, events: Sequence[Event]) -> None:
        """Put a whole log into an empty store.

        Raises:
            UserError: the store has events already.
        """
        with self._database.writing() as connection:
            if _read(connection):
                todo = say("choose an empty store: SURGEPLAN_STATE, or another workspace")
                raise self._database.problem(say("has events already"), todo)
            if events:
                connection.execute(insert(EVENTS), [_row(each) for each in events])

    def _put(self, connection: Connection, act: Act, newest: Event | None) -> Event:
        if newest is not None and act.at_utc < newest.at_utc - CLOCK_SLACK:
            what = say("this act is dated {at}, before the newest one", at=_second(act.at_utc))
            todo = say("the newest act is of {newest}: set the clock right, or --now", newest=_second(newest.at_utc))
            raise self._database.problem(what, todo)
        sequence, previous = (newest.sequence, newest.hash) if newest else (0, GENESIS)
        made = chained(act, sequence + 1, previous)
        connection.execute(insert(EVENTS), [_row(made)])
        return made


def open_log(folder: Path, url: str | None = None) -> EventLog:
    """The log of a workspace: `state/surgeplan.db`, or the database of `url`; created by the first act."""
    return EventLog(*address(folder, url))


def _read(connection: Connection, campaign: str | None = None) -> list[Event]:
    query = select(EVENTS).order_by(EVENTS.c.sequence)
    if campaign is not None:
        query = query.where(EVENTS.c.campaign == campaign)
    return [_event(row) for row in connection.execute(query)]


def _newest(connection: Connection) -> Event | None:
    row = connection.execute(select(EVENTS).order_by(EVENTS.c.sequence.desc()).limit(1)).first()
    return _event(row) if row else None


def _event(row: Row[Any]) -> Event:
    fields = dict(row._mapping)
    return Event(**fields | {"body": json.loads(fields["body"]), "at_utc": datetime.fromisoformat(fields["at_utc"])})


def _row(made: Event) -> dict[str, Any]:
    body = json.dumps(made.body, ensure_ascii=False, sort_keys=True)
    return made.model_dump() | {"body": body, "at_utc": made.at_utc.isoformat()}


def _second(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="seconds")
