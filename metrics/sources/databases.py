"""SQL databases: one bounded query at a time, through SQLAlchemy."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from campaign.errors import Problem, UserError
from campaign.language import say
from metrics.sources.records import Batch, SqlSource, batch_of
from metrics.sources.retries import Passing
from metrics.sources.web import secret


def fetch_sql(source: SqlSource, since: datetime, until: datetime) -> Batch:
    """Rows that begin in [since, until); the query binds both as aware UTC times.

    Raises:
        Passing: the database is away.
        UserError: it refuses the query, the driver is not installed, or the rows are not history's.
    """
    import sqlalchemy
    from sqlalchemy.exc import DBAPIError, NoSuchModuleError, OperationalError, SQLAlchemyError

    try:
        engine = sqlalchemy.create_engine(secret(source.url_env), poolclass=sqlalchemy.NullPool)
    except (NoSuchModuleError, ModuleNotFoundError, SQLAlchemyError) as error:
        todo = say(
            "install its driver, such as surgeplan[postgres], and check the address in {name}", name=source.url_env
        )
        raise _refusal(source, type(error).__name__, todo) from error
    try:
        with engine.connect() as connection:
            found = connection.execute(sqlalchemy.text(source.query), {"since": since, "until": until})
            columns, cells = list(found.keys()), found.fetchall()
    except OperationalError as error:
        if error.connection_invalidated or "connect" in str(error.orig).lower():
            raise Passing(f"{source.name}: {_first_line(error.orig)}") from error
        raise _refusal(source, _first_line(error.orig)) from error
    except DBAPIError as error:
        raise _refusal(source, _first_line(error.orig)) from error
    finally:
        engine.dispose()
    if "starts_at" not in columns:
        raise _refusal(source, "starts_at", say("name the time's column starts_at"))
    position = columns.index("starts_at")
    rows = [(_seconds(source, row[position]), row) for row in cells]
    return batch_of(source, columns, rows, "surgeplan.yaml")


def chunks(source: SqlSource, since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime]]:
    """Stretches no longer than the source's chunk_hours."""
    while since < until:
        yield since, min(since + timedelta(hours=source.chunk_hours), until)
        since += timedelta(hours=source.chunk_hours)


def _seconds(source: SqlSource, at: object) -> int:
    if isinstance(at, str):
        at = datetime.fromisoformat(at)
    if not isinstance(at, datetime):
        raise _refusal(source, f"starts_at = {at!r}", say("select a time with its zone as starts_at"))
    if at.tzinfo is None:
        todo = say("select a time with its zone: starts_at AT TIME ZONE 'Asia/Shanghai' AS starts_at")
        raise _refusal(source, f"starts_at = {at}", todo)
    return int(at.astimezone(UTC).timestamp())


def _first_line(error: object) -> str:
    return str(error).strip().partition("\n")[0][:300]


def _refusal(source: SqlSource, reason: str, todo: object = None) -> UserError:
    from campaign.language import Text

    what = say("the database refuses: {reason}", reason=reason)
    advice = todo if isinstance(todo, Text) else say("run the query by hand with :since and :until filled in")
    return UserError(Problem(what, advice, file="surgeplan.yaml", key=f"sources.{source.name}"))
