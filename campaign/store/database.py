"""One database of a workspace: SQLite, or PostgreSQL by URL; short transactions, its schema brought up to date.

On SQLite every writing transaction begins with BEGIN IMMEDIATE: with a plain BEGIN, upgrading a read to a write fails
at once under contention, whatever the busy timeout (482 of 600 attempts of four writers, measured). On PostgreSQL one
advisory lock does the same.
"""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DatabaseError, NoSuchModuleError, OperationalError
from sqlalchemy.pool import NullPool

from campaign.errors import Problem, UserError
from campaign.language import Text, say
from campaign.store.migrate import bring_up_to_date, revision_of

STORE = "state/surgeplan.db"
STATE_URL = "SURGEPLAN_STATE"  # an environment variable, because a URL with a password has no place in git
BUSY_MS = 30_000
_patience_ms: ContextVar[int | None] = ContextVar("patience", default=None)
LOCK = 0x5375726765  # the advisory lock's number; any fixed one does
LOCK_NOT_AVAILABLE = "55P03"  # PostgreSQL's code for a lock_timeout that is over
CONNECT_SECONDS_MIN = 2  # libpq takes one second for two, and none for ever


class StoreAway(UserError):
    """The store was held, or did not answer, for longer than was waited: nothing was written, who tries again may have
    it."""


@contextmanager
def patience(busy_ms: int) -> Iterator[None]:
    """Databases opened within wait no longer than that for a store that is locked or does not answer (per thread and
    task)."""
    before = _patience_ms.set(busy_ms)
    try:
        yield
    finally:
        _patience_ms.reset(before)


class Database:
    """What every part of the store shares: the connection's settings, its transactions and its refusals.

    Raises (all methods): UserError where the database cannot be reached, read or written.
    """

    def __init__(self, url: str, place: str, *, shared: bool = True, busy_ms: int = BUSY_MS) -> None:
        """`shared` is false for a file that is only copied from or to: it stays one file, without a write-ahead log.

        busy_ms: how long a store that is locked, or does not answer, is waited for, and no longer than `patience` says.
        """
        self.place = place
        self._up_to_date = False
        most = _patience_ms.get()
        try:
            self._engine = _engine(url, shared, busy_ms if most is None else min(busy_ms, most))
        except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
            todo = say("write sqlite:///FILE or postgresql+psycopg://USER@HOST/NAME (needs surgeplan[postgres])")
            raise self.problem(
                say("is not a database surgeplan knows: {reason}", reason=_first(error)), todo
            ) from error

    @property
    def sqlite(self) -> bool:
        return self._engine.dialect.name == "sqlite"

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction that sees all before it and lets nobody else write; its schema is the newest."""
        with self._transaction(writes=True) as connection:
            self._bring_up_to_date(connection)
            yield connection

    @contextmanager
    def reading(self) -> Iterator[Connection | None]:
        """A transaction that only reads; None where there is no store yet."""
        if self.sqlite and not Path(self._engine.url.database or "").is_file():
            yield None
            return
        with self._transaction(writes=False) as connection:
            if revision_of(connection) is None:
                yield None
                return
            self._bring_up_to_date(connection)
            yield connection

    def problem(self, what: Text, todo: Text) -> UserError:
        return UserError(Problem(what, todo, file=self.place))

    def _bring_up_to_date(self, connection: Connection) -> None:
        if not self._up_to_date:
            bring_up_to_date(connection, self.place)
            self._up_to_date = True

    @contextmanager
    def _transaction(self, *, writes: bool) -> Iterator[Connection]:
        try:
            if self.sqlite and writes:
                Path(self._engine.url.database or "").parent.mkdir(parents=True, exist_ok=True)
            with self._engine.connect().execution_options(writes=writes) as connection, connection.begin():
                if writes and not self.sqlite:
                    connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
                yield connection
        except _OtherEncoding as error:
            todo = say(
                "create one with ENCODING 'UTF8' TEMPLATE template0, and name it in {variable}", variable=STATE_URL
            )
            what = say("is a database in {encoding}, not UTF8: what people write would be lost", encoding=str(error))
            raise self.problem(what, todo) from error
        except OperationalError as error:
            if self._does_not_answer(error.orig):
                lost = say("check that its host can be reached from here; what was to be written was not")
                todo = lost if writes else say("check that its host can be reached from here")
                raise StoreAway(Problem(say("does not answer"), todo, file=self.place)) from error
            if _is_locked(error.orig):
                what = say("is locked: another program keeps writing to it")
                lost = say("end what holds it; what was to be written was not")
                todo = lost if writes else say("end what holds it")
                raise StoreAway(Problem(what, todo, file=self.place)) from error
            todo = say("check that the database runs and that this user may write to it")
            raise self.problem(say("cannot be used: {reason}", reason=_first(error.orig)), todo) from error
        except DatabaseError as error:
            todo = say("restore a backup with `surgeplan state restore`")
            raise self.problem(say("is damaged: {reason}", reason=_first(error.orig)), todo) from error
        except OSError as error:
            todo = say("make the folder writable or choose another workspace; earlier files are untouched")
            raise self.problem(say("cannot be written: {reason}", reason=error.strerror or ""), todo) from error

    def _does_not_answer(self, error: BaseException | None) -> bool:
        """Whether a connection was waited for in vain: the host swallows what is sent, or says nothing."""
        return not self.sqlite and isinstance(error, self._engine.dialect.loaded_dbapi.errors.ConnectionTimeout)


def address(folder: Path, url: str | None = None) -> tuple[str, str]:
    """The URL of a workspace's database, and what problems call it: `state/surgeplan.db`, or the database of `url`."""
    return (url, STATE_URL) if url else (f"sqlite:///{folder / STORE}", STORE)


@lru_cache(maxsize=64)
def _engine(url: str, shared: bool, busy_ms: int) -> Engine:
    """One for all who use a database in the same way: it keeps the statements it has compiled, and no connection."""
    engine = create_engine(url, poolclass=NullPool, connect_args=_connecting(make_url(url), busy_ms))
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _set_up(busy_ms, shared))
        event.listen(engine, "begin", _begin_sqlite)
    else:
        event.listen(engine, "connect", _refuse_other_encodings, insert=True)  # the dialect's own questions come after
        event.listen(engine, "connect", _wait_at_most(busy_ms))
    return engine


def _connecting(url: URL, busy_ms: int) -> dict[str, Any]:
    """A connection is waited for as long as a lock is, unless the URL itself says how long."""
    if url.get_backend_name() == "sqlite" or "connect_timeout" in url.query:
        return {}
    return {"connect_timeout": max(CONNECT_SECONDS_MIN, math.ceil(busy_ms / 1000))}


class _OtherEncoding(Exception):
    """A PostgreSQL database whose text is not UTF-8; as SQL_ASCII it is no text at all, and the driver gives bytes."""


def _refuse_other_encodings(connection: Any, _record: object) -> None:
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        connection.close()
        raise _OtherEncoding(encoding)


def _wait_at_most(busy_ms: int) -> Any:
    def set_up(connection: Any, _record: object) -> None:
        connection.execute(f"SET lock_timeout = {max(1, busy_ms)}")  # 0 would be for ever
        connection.commit()

    return set_up


def _set_up(busy_ms: int, shared: bool) -> Any:
    def set_up(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # transactions begin where `_begin_sqlite` says, not where the driver guesses
        connection.execute(f"PRAGMA busy_timeout = {busy_ms}")
        if shared:
            _keep_a_write_ahead_log(connection, busy_ms)
            connection.execute("PRAGMA synchronous = FULL")

    return set_up


def _keep_a_write_ahead_log(connection: Any, busy_ms: int) -> None:
    """Switching a new file to WAL needs it alone for a moment, and SQLite does not wait for that: it fails at once."""
    give_up = time.monotonic() + busy_ms / 1000
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


def _is_locked(error: BaseException | None) -> bool:
    busy = getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_BUSY
    return busy or getattr(error, "sqlstate", None) == LOCK_NOT_AVAILABLE


def _first(error: BaseException | None) -> str:
    return str(error).strip().partition("\n")[0]
