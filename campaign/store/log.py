"""The event log: every act is one short transaction that sees all acts before it.

On SQLite every writing transaction begins with BEGIN IMMEDIATE: with a plain BEGIN, upgrading a read to a write fails
at once under contention, whatever the busy timeout (482 of 600 attempts of four writers, measured). On PostgreSQL one
advisory lock does the same.
"""

from __future__ import annotations

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, create_engine, event, insert, select, text
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError, OperationalError
from sqlalchemy.pool import NullPool

from campaign.errors import Problem, UserError
from campaign.language import Text, say
from campaign.store.events import GENESIS, Act, Event, chained
from campaign.store.migrate import bring_up_to_date, revision_of
from campaign.store.tables import EVENTS

STORE = "state/surgeplan.db"
BUSY_MS = 30_000
CLOCK_SLACK = timedelta(minutes=5)  # clocks of two machines may differ by this much
LOCK = 0x5375726765  # the advisory lock's number; any fixed one does

Decide = Callable[[Sequence[Event]], Act]


class EventLog:
    """The acts of a workspace, kept in one database.

    Raises (all methods): UserError where the database cannot be reached, read or written.
    """

    def __init__(self, url: str, place: str, *, shared: bool = True) -> None:
        """`shared` is false for a file that is only copied from or to: it stays one file, without a write-ahead log."""
        self.place = place
        self._up_to_date = False
        try:
            self._engine = create_engine(url, poolclass=NullPool)
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
            todo = say("write sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME (needs surgeplan[postgres])")
            raise self._problem(
                say("is not a database surgeplan knows: {reason}", reason=_first(error)), todo
            ) from error
        if self._sqlite:
            event.listen(self._engine, "connect", _set_up_shared if shared else _set_up_sqlite)
            event.listen(self._engine, "begin", _begin_sqlite)

    @property
    def _sqlite(self) -> bool:
        return self._engine.dialect.name == "sqlite"

    def append(self, decide: Decide) -> Event:
        """Write one act. `decide` sees every event so far, inside the transaction, and returns the act or refuses.

        Raises:
            UserError: `decide` refuses, or the act's time is before the newest event's.
        """
        with self._transaction(writes=True) as connection:
            self._bring_up_to_date(connection)
            events = _read(connection)
            act = decide(events)
            self._refuse_a_clock_set_back(act, events)
            made = chained(act, len(events) + 1, events[-1].hash if events else GENESIS)
            connection.execute(insert(EVENTS), [_row(made)])
        return made

    def record(self, act: Act) -> Event:
        """Write one act that depends on nothing before it; reads only the newest event."""
        with self._transaction(writes=True) as connection:
            self._bring_up_to_date(connection)
            newest = connection.execute(select(EVENTS).order_by(EVENTS.c.sequence.desc()).limit(1)).first()
            events = [_event(newest)] if newest else []
            self._refuse_a_clock_set_back(act, events)
            sequence, previous = (events[0].sequence, events[0].hash) if events else (0, GENESIS)
            made = chained(act, sequence + 1, previous)
            connection.execute(insert(EVENTS), [_row(made)])
        return made

    def events(self, campaign: str | None = None) -> list[Event]:
        """All events in order, or those of one campaign; none where there is no store yet."""
        if self._sqlite and not Path(self._engine.url.database or "").is_file():
            return []
        with self._transaction(writes=False) as connection:
            at = revision_of(connection)
            if at is None:
                return []
            self._bring_up_to_date(connection)
            return _read(connection, campaign)

    def fill(self, events: Sequence[Event]) -> None:
        """Put a whole log into an empty store.

        Raises:
            UserError: the store has events already.
        """
        with self._transaction(writes=True) as connection:
            self._bring_up_to_date(connection)
            if _read(connection):
                todo = say("choose an empty store: SURGEPLAN_STATE, or another workspace")
                raise self._problem(say("has events already"), todo)
            if events:
                connection.execute(insert(EVENTS), [_row(each) for each in events])

    def _bring_up_to_date(self, connection: Connection) -> None:
        if not self._up_to_date:
            bring_up_to_date(connection, self.place)
            self._up_to_date = True

    def _refuse_a_clock_set_back(self, act: Act, events: Sequence[Event]) -> None:
        newest = events[-1].at_utc if events else None
        if newest is not None and act.at_utc < newest - CLOCK_SLACK:
            what = say("this act is dated {at}, before the newest one", at=act.at_utc.astimezone(UTC).isoformat())
            todo = say("the newest act is of {newest}: set the clock right, or --now", newest=newest.isoformat())
            raise self._problem(what, todo)

    @contextmanager
    def _transaction(self, *, writes: bool) -> Iterator[Connection]:
        try:
            if self._sqlite and writes:
                Path(self._engine.url.database or "").parent.mkdir(parents=True, exist_ok=True)
            with self._engine.connect().execution_options(writes=writes) as connection, connection.begin():
                if writes and not self._sqlite:
                    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
                yield connection
        except OperationalError as error:
            todo = say("check that the database runs and that this user may write to it")
            raise self._problem(say("cannot be used: {reason}", reason=_first(error.orig)), todo) from error
        except DatabaseError as error:
            todo = say("restore a backup with `surgeplan state restore`")
            raise self._problem(say("is damaged: {reason}", reason=_first(error.orig)), todo) from error
        except OSError as error:
            todo = say("make the folder writable or choose another workspace; earlier files are untouched")
            raise self._problem(say("cannot be written: {reason}", reason=error.strerror or ""), todo) from error

    def _problem(self, what: Text, todo: Text) -> UserError:
        return UserError(Problem(what, todo, file=self.place))


def open_log(folder: Path, url: str | None = None) -> EventLog:
    """The log of a workspace: `state/surgeplan.db`, or the database of `url`; created by the first act."""
    if url:
        return EventLog(url, "SURGEPLAN_STATE")
    return EventLog(f"sqlite:///{folder / STORE}", STORE)


def _set_up_sqlite(connection: Any, _record: object) -> None:
    connection.isolation_level = None  # transactions begin where `_begin_sqlite` says, not where the driver guesses
    connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")


def _set_up_shared(connection: Any, record: object) -> None:
    _set_up_sqlite(connection, record)
    _keep_a_write_ahead_log(connection)
    connection.execute("PRAGMA synchronous = FULL")


def _keep_a_write_ahead_log(connection: Any) -> None:
    """Switching a new file to WAL needs it alone for a moment, and SQLite does not wait for that: it fails at once."""
    give_up = time.monotonic() + BUSY_MS / 1000
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
            time.sleep(0.02)


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get("writes", True)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _read(connection: Connection, campaign: str | None = None) -> list[Event]:
    query = select(EVENTS).order_by(EVENTS.c.sequence)
    if campaign is not None:
        query = query.where(EVENTS.c.campaign == campaign)
    return [_event(row) for row in connection.execute(query)]


def _event(row: Row[Any]) -> Event:
    fields = dict(row._mapping)
    return Event(**fields | {"body": json.loads(fields["body"]), "at_utc": datetime.fromisoformat(fields["at_utc"])})


def _row(made: Event) -> dict[str, Any]:
    body = json.dumps(made.body, ensure_ascii=False, sort_keys=True)
    return made.model_dump() | {"body": body, "at_utc": made.at_utc.isoformat()}


def _first(error: BaseException | None) -> str:
    return str(error).strip().partition("\n")[0]
