"""Files of history into DuckDB tables: times in whole seconds of UTC, numbers as numbers, every bad row named.

DuckDB's own time-zone type would reach Python only through pytz; seconds cross the boundary instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb

from campaign.errors import Problem
from campaign.language import Text, say
from forecast.history.csv_text import CsvText, open_csv
from forecast.history.faults import fault_number, faults, header_problems, number_of, refused_lines
from forecast.history.local_times import settle_changed_clocks
from forecast.history.shapes import Shape, Source, Table, count_of, literal, quoted

WITH_OFFSET = r":\d\d(\.\d+)?\s*([Zz]|UTC|[+-]\d\d(:?\d\d)?)$"


def read_table(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    name: str,
    shape: Shape,
    table: str,
    naive_zone: ZoneInfo | None,
    scratch: Path,
) -> tuple[Table | None, list[Problem]]:
    """Read one file into `table`; without `naive_zone`, times that have no offset are refused.

    Raises:
        UserError: the file is empty or cannot be read at all.
    """
    source = _parquet(connection, path) if path.suffix == ".parquet" else _csv(open_csv(path, name, scratch))
    header = source.text.columns if source.text else tuple(source.types)
    problems = list(header_problems(header, shape, name))
    if problems:
        return None, problems
    columns = tuple(c for c in source.types if c in shape.columns)
    source = _load(connection, source, shape, columns, table, naive_zone)
    result = Table(table, name, columns, source, tuple(_notes(source, columns, shape, name)))
    problems += refused_lines(connection, result)
    problems += faults(connection, result, shape)
    if naive_zone is not None and not problems:
        problems += settle_changed_clocks(connection, result, naive_zone)
    if not problems and not count_of(connection, f"SELECT count(*) FROM {table}"):
        problems.append(Problem(say("has a header but no rows"), say("export it again, with data"), file=name))
    return result, problems


def _parquet(connection: duckdb.DuckDBPyConnection, path: Path) -> Source:
    sql = f"read_parquet({literal(str(path))})"
    described = connection.execute(f"DESCRIBE SELECT * FROM {sql}").fetchall()
    return Source(sql, {str(row[0]): str(row[1]) for row in described}, None)


def _csv(text: CsvText) -> Source:
    columns = ", ".join(f"{literal(c)}: 'VARCHAR'" for c in dict.fromkeys(text.columns))
    sql = (
        f"read_csv({literal(str(text.readable))}, auto_detect=false, header=false, skip=1, columns={{{columns}}}, "
        f"delim={literal(text.delimiter)}, quote='\"', escape='\"', store_rejects=true)"
    )
    types = dict.fromkeys(text.columns, "VARCHAR")
    return Source(sql, types, text)


def _load(
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    shape: Shape,
    columns: tuple[str, ...],
    table: str,
    naive_zone: ZoneInfo | None,
) -> Source:
    time_column = "starts_at" if "starts_at" in columns else "starts_at_utc"
    zone = "UTC" if time_column == "starts_at_utc" else naive_zone.key if naive_zone else None
    at, local = _time_expressions(quoted(time_column), source.types[time_column], zone)
    numbers = {c: source.types[c] for c in columns if c in (*shape.values, *shape.optional_values)}
    texts = [c for c in columns if c in (*shape.keys, *shape.optional_keys)]
    markers = [c for c in columns if c in shape.markers]
    selected = [
        f"CAST(floor({at} / 1000000) AS BIGINT) AS instant",
        *([f"CAST(epoch({local}) AS BIGINT) AS local"] if zone not in (None, "UTC") else []),
        *(f"{_text_of(c, source)} AS {quoted(c)}" for c in texts),
        *(f"{number_of(c, kind)} AS {quoted(c)}" for c, kind in numbers.items()),
        *(f"{_marked(c)} AS {quoted(c)}" for c in markers),
        f"CAST({fault_number(quoted(time_column), at, zone, shape, numbers)} AS UTINYINT) AS fault",
    ]
    options = f", rejects_table='refused_{table}', rejects_scan='scans_{table}')"
    sql = source.sql.removesuffix(")") + options
    if source.text is None:
        return _load_parquet(connection, source, selected, table, updated=zone not in (None, "UTC"))
    connection.execute(f"CREATE TABLE {table} AS SELECT {', '.join(selected)} FROM {sql}")
    lines = connection.execute(f"SELECT DISTINCT line FROM refused_{table} ORDER BY line").fetchall()
    return Source(source.sql, source.types, source.text, tuple(int(row[0]) for row in lines))


def _text_of(column: str, source: Source) -> str:
    """SQL for a name; Parquet's own text is taken as it is, which keeps its dictionary and is many times faster."""
    if source.text is None and source.types[column] == "VARCHAR":
        return quoted(column)
    return f"coalesce(trim(CAST({quoted(column)} AS VARCHAR)), '')"


def _load_parquet(
    connection: duckdb.DuckDBPyConnection, source: Source, selected: list[str], table: str, updated: bool
) -> Source:
    """Parquet is read where it lies, by a view; local times are `updated` later, which needs a table."""
    if updated:
        connection.execute(f"CREATE TABLE {table} AS SELECT {', '.join(selected)} FROM {source.sql}")
        return source
    numbered = source.sql.removesuffix(")") + ", file_row_number=true)"
    connection.execute(f"CREATE VIEW {table} AS SELECT {', '.join(selected)}, file_row_number AS rowid FROM {numbered}")
    return source


def _time_expressions(column: str, kind: str, zone: str | None) -> tuple[str, str]:
    """SQL for microseconds of UTC (NULL where no instant is told) and for the local clock's timestamp."""
    if kind.startswith("TIMESTAMP WITH TIME ZONE"):
        return f"epoch_us({column})", "NULL::TIMESTAMP"
    if kind.startswith(("TIMESTAMP", "DATE")):
        local = f"CAST({column} AS TIMESTAMP)"
        return (f"epoch_us(timezone({literal(zone)}, {local}))" if zone else "NULL"), local
    text = f"trim(CAST({column} AS VARCHAR))"
    joined = f"replace(replace({text}, ' +', '+'), ' -', '-')"
    instant = f"epoch_us(coalesce(try_cast({text} AS TIMESTAMPTZ), try_cast({joined} AS TIMESTAMPTZ)))"
    told = f"regexp_matches({text}, {literal(WITH_OFFSET)})"
    local = f"CASE WHEN {told} THEN NULL ELSE try_cast({text} AS TIMESTAMP) END"
    naive = f"epoch_us(timezone({literal(zone)}, try_cast({text} AS TIMESTAMP)))" if zone else "NULL"
    return f"CASE WHEN {told} THEN {instant} ELSE {naive} END", local


def _marked(column: str) -> str:
    return f"lower(trim(coalesce(CAST({quoted(column)} AS VARCHAR), ''))) NOT IN ('', '0', 'false', 'no', 'f', 'n')"


def _notes(source: Source, columns: tuple[str, ...], shape: Shape, name: str) -> Iterator[Text]:
    if source.text and source.text.encoding != "utf-8":
        spoken = {"utf-8-sig": "UTF-8 + BOM", "gb18030": "GB18030", "utf-16": "UTF-16"}[source.text.encoding]
        yield say("{file} was read as {encoding}", file=name, encoding=spoken)
    ignored = [c for c in source.types if c not in shape.columns]
    if ignored:
        yield say("{file}: not used: {columns}", file=name, columns=", ".join(ignored))
