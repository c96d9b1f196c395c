"""Event tables read once: the columns that definitions use, in memory or spilled to disk, for all metrics alike."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import duckdb

from campaign.errors import Problem, UserError, nearest
from campaign.language import say
from metrics.definitions import Definition
from metrics.sql import Asked, local_time, quoted

TIMES = ("at", "starts_at")
MEMORY = "1500MB"
FAMILY = "family"
ENDINGS = (".csv", ".csv.gz", ".parquet")
OFFSET = r"\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}(:?\d{2})?)$"  # a date alone also ends in -10


@dataclass(frozen=True)
class Source:
    """One table's files: what to select from, its columns' types, and which of them is the time."""

    table: str
    files: tuple[str, ...]
    columns: Mapping[str, str]
    time: str

    @property
    def parquet(self) -> bool:
        return self.files[0].endswith(".parquet")

    @property
    def rows(self) -> str:
        if self.parquet:
            return f"read_parquet({list(self.files)}, filename = true, file_row_number = true)"
        return f"read_csv({list(self.files)}, header = true, filename = true, types = {{'{self.time}': 'VARCHAR'}})"


@dataclass(frozen=True)
class Opened:
    """Tables as the queries find them. newest: the youngest row's epoch seconds by table."""

    connection: duckdb.DuckDBPyConnection
    sources: Mapping[str, Source]
    newest: Mapping[str, float]
    days: Mapping[tuple[str | None, str], str] = field(default_factory=dict)


@contextmanager
def duckdb_session() -> Iterator[duckdb.DuckDBPyConnection]:
    """DuckDB within a bound of memory, spilling to disk beyond it; it prints nothing."""
    with TemporaryDirectory(prefix="surgeplan-") as spill, duckdb.connect() as connection:
        for setting in (
            "enable_progress_bar = false",
            "preserve_insertion_order = false",
            "TimeZone = 'UTC'",
            f"memory_limit = '{MEMORY}'",
            f"temp_directory = '{spill}'",
        ):
            connection.execute(f"SET {setting}")
        yield connection


def find_table(connection: duckdb.DuckDBPyConnection, table: str, data: Path) -> Source:
    """The files of a table: `<table>*.csv|.csv.gz|.parquet` in a folder.

    Raises:
        UserError: there is none, it stands in two formats, or it cannot be read.
    """
    files = tuple(sorted(str(p) for p in data.glob(f"{table}*") if p.name.endswith(ENDINGS)))
    if not files:
        todo = say("export it as {table}.csv or {table}.parquet", table=table)
        raise UserError(Problem(say("there is no table {table}", table=table), todo, file=str(data)))
    if len({file.endswith(".parquet") for file in files}) > 1:
        todo = say("keep one of the two: the same rows would count twice")
        raise UserError(Problem(say("table {table} stands as CSV and as Parquet", table=table), todo, file=str(data)))
    reader = "read_parquet" if files[0].endswith(".parquet") else "read_csv"
    header = "" if reader == "read_parquet" else ", header = true"
    try:
        described = connection.execute(f"DESCRIBE SELECT * FROM {reader}({list(files)}{header})").fetchall()
    except duckdb.Error as error:
        reason = str(error).partition("\n")[0]
        raise UserError(
            Problem(say("cannot be read: {reason}", reason=reason), say("send CSV or Parquet"), file=files[0])
        ) from error
    columns = {str(row[0]): str(row[1]) for row in described}
    time = next((column for column in TIMES if column in columns), None)
    if time is None:
        what = say("table {table} has no column {columns}", table=table, columns=" / ".join(TIMES))
        raise UserError(Problem(what, say("name the time of each row so"), file=str(data)))
    return Source(table, files, columns, time)


def open_tables(
    connection: duckdb.DuckDBPyConnection,
    definitions: Mapping[str, Definition],
    data: Path,
    by: Sequence[str] = (),
    families: Mapping[str, str] | None = None,
) -> Opened:
    """Read every table of these definitions once.

    `families` gives each channel's family, for a split by `family` of tables that have only channels.

    Raises:
        UserError: a table is missing or unreadable, times have no offset; all at once for missing tables.
    """
    tables = sorted({d.table for d in definitions.values() if d.table})
    sources: dict[str, Source] = {}
    problems: list[Problem] = []
    for table in tables:
        try:
            sources[table] = find_table(connection, table, data)
        except UserError as error:
            problems += error.problems
    problems += [problem for source in sources.values() for problem in _without_split(source, by)]
    if problems:
        raise UserError(problems)
    days = {
        (d.time_zone, d.day_starts): "" for d in definitions.values() if d.table and d.grain == "day"
    }  # fmt: skip
    days = {key: f"_day_{place}" for place, key in enumerate(days)}
    newest = {}
    for table, source in sources.items():
        used = [d for d in definitions.values() if d.table == table]
        _load(connection, source, _used_columns(source, used, by), by, days, families or {})
        newest[table] = _newest(connection, table)
    return Opened(connection, sources, newest, days)


def _without_split(source: Source, by: Sequence[str]) -> list[Problem]:
    """Columns to split by that a table does not have."""
    known = {*source.columns, *([FAMILY] if "channel" in source.columns else [])}
    return [
        Problem(
            say("table {table} has no column {columns}", table=source.table, columns=column),
            nearest(column, known),
            file=source.files[0],
            key="--by",
        )
        for column in by
        if column not in known
    ]


def _used_columns(source: Source, definitions: Iterable[Definition], by: Sequence[str]) -> list[str]:
    """The columns whose names stand in any expression of the definitions, or that are split by."""
    texts = [text for d in definitions for text in (d.value, d.filter, d.identity) if text]
    words = {word for text in texts for word in re.findall(r"\w+", text)} | set(by) | {"campaign", "currency"}
    if FAMILY in by:
        words.add("channel")
    if "channel" in by and any(d.attribution for d in definitions):
        words.add("user_id")
    phrase = " ".join(texts)
    return [c for c in source.columns if c != source.time and (c in words or (not c.isidentifier() and c in phrase))]


def _load(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    columns: Sequence[str],
    by: Sequence[str],
    days: Mapping[tuple[str | None, str], str],
    families: Mapping[str, str],
) -> None:
    table = quoted(source.table)
    instant = _instant(source)
    local = [
        f"CAST({local_time(zone, starts, 'at_utc')} AS DATE) AS {column}" for (zone, starts), column in days.items()
    ]
    kept = [*map(quoted, columns), f"timezone('UTC', {instant}) AS at_utc"]
    if FAMILY in by and FAMILY not in source.columns and "channel" in source.columns:
        kept.append(f"{_family(families)} AS {FAMILY}")
    inner = f"SELECT {', '.join(kept)} FROM {source.rows}"
    connection.execute(f"CREATE TEMP TABLE {table} AS SELECT {', '.join(['*', *local])} FROM ({inner})")
    _refuse_naive(connection, source)
    for column in by:
        as_codes(connection, source.table, column)


def _instant(source: Source) -> str:
    """The row's instant; NULL where its time has no offset."""
    time = quoted(source.time)
    if source.parquet and source.columns[source.time] == "TIMESTAMP WITH TIME ZONE":
        return time
    return f"CASE WHEN regexp_matches(CAST({time} AS VARCHAR), '{OFFSET}') THEN TRY_CAST({time} AS TIMESTAMPTZ) END"


def _family(families: Mapping[str, str]) -> str:
    cases = " ".join(f"WHEN {_text(channel)} THEN {_text(family)}" for channel, family in sorted(families.items()))
    return f"CASE CAST(channel AS VARCHAR) {cases} ELSE '' END" if cases else "''"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def as_codes(connection: duckdb.DuckDBPyConnection, table: str, column: str) -> None:
    """A split column as codes of a sorted list: comparing them costs what comparing integers does."""
    name, place = quoted(column), quoted(table)
    held = {str(row[0]) for row in connection.execute(f"DESCRIBE {place}").fetchall()}
    if column not in held:
        return
    kind = quoted(f"{table} {column}")
    count = connection.execute(f"SELECT approx_count_distinct({name}) FROM {place}").fetchone()
    if count is None or not 0 < count[0] <= 10_000:
        return
    values = f"SELECT DISTINCT CAST({name} AS VARCHAR) FROM {place} WHERE {name} IS NOT NULL ORDER BY 1"
    connection.execute(f"CREATE TYPE {kind} AS ENUM ({values})")
    connection.execute(f"ALTER TABLE {place} ALTER {name} TYPE {kind} USING CAST(CAST({name} AS VARCHAR) AS {kind})")


def _newest(connection: duckdb.DuckDBPyConnection, table: str) -> float:
    youngest = connection.execute(f"SELECT epoch(max(at_utc)) FROM {quoted(table)}").fetchone()
    return float(youngest[0]) if youngest and youngest[0] is not None else 0.0


def _refuse_naive(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    counted = connection.execute(f"SELECT count(*) FROM {quoted(source.table)} WHERE at_utc IS NULL").fetchone()
    if not counted or not counted[0]:
        return
    what = say("{count} × {what}", count=counted[0], what=say("times without an offset"))
    todo = say("write the offset too, such as 2026-11-10T00:00+08:00")
    file, line = first_row(connection, source, f"({_instant(source)}) IS NULL")
    raise UserError(Problem(what, todo, file=file, line=line, key=source.table))


def first_row(connection: duckdb.DuckDBPyConnection, source: Source, condition: str) -> tuple[str, int]:
    """File and line (a CSV's heading is line 1; Parquet rows are counted alike) of the first row that meets it."""
    for file in source.files:
        alone = Source(source.table, (file,), source.columns, source.time)
        connection.execute("SET preserve_insertion_order = true")
        numbered = f"SELECT *, row_number() OVER () + 1 AS _line FROM {alone.rows}"
        found = connection.execute(f"SELECT min(_line) FROM ({numbered}) WHERE {condition}").fetchone()
        connection.execute("SET preserve_insertion_order = false")
        if found and found[0] is not None:
            return file, int(found[0])
    return source.files[0], 1


def asked_of(opened: Opened, definitions: Mapping[str, Definition], by: Sequence[str]) -> Asked:
    """A query's context on opened tables, before anything is computed."""
    return Asked(definitions, by, days=opened.days)
