"""Values of a metric from a folder of event tables, by DuckDB: recomputed, not only claimed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb

from campaign.errors import Problem, UserError
from campaign.language import say
from metrics.dictionary import Dictionary
from metrics.file_checks import GRAIN_SECONDS, OFFSET
from metrics.sql import query, settling_hours, tables_of

TIMES = ("at", "starts_at")
MEMORY = "1500MB"


@dataclass(frozen=True)
class Value:
    """One value: the period's start (naive, in the definition's zone), its split, and whether it may still change."""

    starts_at: datetime
    by: tuple[str, ...]
    value: float | None
    final: bool


def compute(name: str, dictionary: Dictionary, data: Path, by: Sequence[str] = ()) -> list[Value]:
    """A metric's values in order of time and split.

    `data` holds `<table>*.csv|.csv.gz|.parquet`, each with `at` or `starts_at` (with offset) and the columns that the
    definition names. A value is final once the youngest row of every table is past its settling time.

    Raises:
        UserError: a table or column is missing, times have no offset, or the definition has no grain to compute by.
    """
    definition = dictionary.definitions[name]
    if definition.grain == "campaign":
        todo = say("compute it per day, and sum what may be summed")
        raise UserError(
            Problem(say("{name} has no period of time to compute by", name=name), todo, key=f"metrics.{name}")
        )
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute(f"SET memory_limit = '{MEMORY}'")
        tables = tables_of(name, dictionary.definitions)
        newest = min(_open(connection, table, data) for table in tables)
        settled = GRAIN_SECONDS[definition.grain] + 3600 * settling_hours(name, dictionary.definitions)
        start = f"timezone('{definition.time_zone}', starts_at)"
        keys = "".join(f', "{column}"' for column in by)
        text = (
            f"SELECT starts_at{keys}, value, epoch({start}) + {settled} <= {newest} "
            f"FROM ({query(name, dictionary.definitions, by)}) ORDER BY ALL"
        )
        try:
            rows = connection.execute(text).fetchall()
        except duckdb.Error as error:
            reason = str(error).partition("\n")[0]
            todo = say("its tables are {tables}: add the column, or correct the definition", tables=", ".join(tables))
            raise UserError(
                Problem(say("cannot be computed: {reason}", reason=reason), todo, file=str(data), key=f"metrics.{name}")
            ) from error
    return [Value(row[0], tuple(row[1:-2]), row[-2], bool(row[-1])) for row in rows]


def _open(connection: duckdb.DuckDBPyConnection, table: str, data: Path) -> float:
    """Make the view `table` with `at_utc`; returns its youngest row's epoch seconds."""
    endings = (".csv", ".csv.gz", ".parquet")
    files = sorted(str(p) for p in data.glob(f"{table}*") if p.name.endswith(endings))
    if not files:
        todo = say("export it as {table}.csv or {table}.parquet", table=table)
        raise UserError(Problem(say("there is no table {table}", table=table), todo, file=str(data)))
    if len({file.endswith(".parquet") for file in files}) > 1:
        todo = say("keep one of the two: the same rows would count twice")
        raise UserError(Problem(say("table {table} stands as CSV and as Parquet", table=table), todo, file=str(data)))
    source = f"read_parquet({files})" if files[0].endswith(".parquet") else f"read_csv({files}, header = true)"
    try:
        described = connection.execute(f"DESCRIBE SELECT * FROM {source}").fetchall()
        columns = {str(row[0]): str(row[1]) for row in described}
    except duckdb.Error as error:
        reason = str(error).partition("\n")[0]
        raise UserError(
            Problem(say("cannot be read: {reason}", reason=reason), say("send CSV or Parquet"), file=files[0])
        ) from error
    time = next((column for column in TIMES if column in columns), None)
    if time is None:
        what = say("table {table} has no column {columns}", table=table, columns=" / ".join(TIMES))
        raise UserError(Problem(what, say("name the time of each row so"), file=str(data)))
    moment = f'"{time}"'
    if not source.startswith("read_parquet"):
        source = f"read_csv({files}, header = true, types = {{'{time}': 'VARCHAR'}})"
    if columns[time] != "TIMESTAMP WITH TIME ZONE" or source.startswith("read_csv"):
        _refuse_naive(connection, source, moment, data / table)
    connection.execute(
        f"CREATE VIEW \"{table}\" AS SELECT *, timezone('UTC', CAST({moment} AS TIMESTAMPTZ)) AS at_utc FROM {source}"
    )
    youngest = connection.execute(f'SELECT epoch(max(at_utc)) FROM "{table}"').fetchone()
    return float(youngest[0]) if youngest and youngest[0] is not None else 0.0


def _refuse_naive(connection: duckdb.DuckDBPyConnection, source: str, moment: str, place: Path) -> None:
    naive = f"SELECT count(*) FROM {source} WHERE NOT regexp_matches(CAST({moment} AS VARCHAR), '{OFFSET}')"
    counted = connection.execute(naive).fetchone()
    if counted and counted[0]:
        what = say("{count} × {what}", count=counted[0], what=say("times without an offset"))
        todo = say("write the offset too, such as 2026-11-10T00:00+08:00")
        raise UserError(Problem(what, todo, file=str(place)))
