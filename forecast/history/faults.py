"""What can be wrong with a file of history: its header, its lines, its cells; each said with file and line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

import duckdb

from campaign.errors import Problem
from campaign.language import Text, say
from forecast.history.shapes import Place, Shape, Table, quoted

ROWS_NAMED = 3
NOT_A_TIME, NO_OFFSET, NO_KEY, NOT_A_NUMBER, NEGATIVE = 1, 2, 3, 10, 20


def header_problems(columns: tuple[str, ...], shape: Shape, name: str) -> Iterator[Problem]:
    unknown = [c for c in columns if c not in shape.columns]
    for column in sorted({c for c in columns if columns.count(c) > 1}):
        yield Problem(say("{name} stands twice", name=column), say("keep one of them"), file=name, line=1)
    values = [c for c in shape.values if c in columns]
    if len(values) > 1:
        what = say("has both {first} and {second}", first=values[0], second=values[1])
        yield Problem(what, say("keep one of the two columns"), file=name, line=1)
    required = [*shape.keys, *(shape.values[:1] if not values else ())]
    if not {"starts_at", "starts_at_utc"} & set(columns):
        required.insert(0, "starts_at")
    for column in required:
        if column not in columns:
            yield _missing_column(column, unknown, name)
    for column in unknown:
        near = get_close_matches(column, shape.columns, n=1, cutoff=0.7)
        if near and near[0] not in columns:
            todo = say("did you mean {near}?", near=near[0])
            yield Problem(say("there is no column {name}", name=column), todo, file=name, line=1)


def _missing_column(column: str, unknown: list[str], name: str) -> Problem:
    """The column that was perhaps meant is taken off `unknown`: one problem for one mistake."""
    what = say("has no column {name}", name=column)
    near = get_close_matches(column, unknown, n=1, cutoff=0.5)
    if near:
        unknown.remove(near[0])
        todo = say("rename the column {near} to {name}", near=near[0], name=column)
    else:
        todo = say("add it to the header and the rows")
    return Problem(what, todo, file=name, line=1)


def number_of(column: str, kind: str) -> str:
    """SQL for a cell's number, of a column of that type; NULL where it is empty or NaN: a gap, not a zero."""
    if kind.endswith("INT") or kind.endswith("INTEGER"):
        return f"CAST({quoted(column)} AS DOUBLE)"
    number = f"try_cast(trim(CAST({quoted(column)} AS VARCHAR)) AS DOUBLE)"
    return f"CASE WHEN isnan({number}) THEN NULL ELSE {number} END"


def fault_number(time: str, at: str, zone: str | None, shape: Shape, numbers: dict[str, str]) -> str:
    """SQL for the number of a row's first fault, NULL for a good row. numbers: columns and their types."""
    text = f"trim(CAST({time} AS VARCHAR))"
    cases = []
    if zone is None:
        cases.append(f"WHEN {at} IS NULL AND try_cast({text} AS TIMESTAMP) IS NOT NULL THEN {NO_OFFSET}")
    cases.append(f"WHEN {at} IS NULL THEN {NOT_A_TIME}")
    cases += [f"WHEN trim(coalesce(CAST({quoted(key)} AS VARCHAR), '')) = '' THEN {NO_KEY}" for key in shape.keys]
    for i, (column, kind) in enumerate(numbers.items()):
        cell, number = f"trim(CAST({quoted(column)} AS VARCHAR))", number_of(column, kind)
        wrong = f"lower({cell}) NOT IN ('', 'nan') AND ({number} IS NULL OR isinf({number}))"
        if "CASE" in number:
            cases.append(f"WHEN {wrong} THEN {NOT_A_NUMBER + i}")
        cases.append(f"WHEN {number} < 0 THEN {NEGATIVE + i}")
    return f"CASE {' '.join(cases)} END"


def faults(connection: duckdb.DuckDBPyConnection, table: Table, shape: Shape) -> list[Problem]:
    """The first few rows of each fault, with their lines, and how many there are."""
    found = connection.execute(
        f"SELECT fault, count(*), min(rowid, {ROWS_NAMED}) FROM {table.table} "
        "WHERE fault IS NOT NULL GROUP BY fault ORDER BY fault"
    ).fetchall()
    problems: list[Problem] = []
    numbers = [c for c in table.columns if c in (*shape.values, *shape.optional_values)]
    time = "starts_at" if "starts_at" in table.columns else "starts_at_utc"
    for fault, count, rows in found:
        column = numbers[fault % 10] if fault >= NOT_A_NUMBER else shape.keys[0] if fault == NO_KEY else time
        problems += rows_named(connection, table, rows, count, column, int(fault))
    return problems


def rows_named(
    connection: duckdb.DuckDBPyConnection, table: Table, rows: Sequence[int], count: int, column: str, fault: int
) -> Iterator[Problem]:
    places = table.places(connection, rows)
    for row in rows:
        place = places[row]
        what, todo = _complaint(fault - fault % 10 if fault >= NOT_A_NUMBER else fault, place.cells.get(column, ""))
        yield at_row(table, row, place, column, what, todo)
    if count > len(rows):
        what = say("{count} rows in all are wrong in this way", count=count)
        yield Problem(what, file=table.file, key=column)


def at_row(table: Table, row: int, place: Place, column: str, what: Text, todo: Text | None) -> Problem:
    """A problem at a record: its line in a CSV, its number in a Parquet file."""
    key = column if place.line is not None else f"{column}[{row}]"
    return Problem(what, todo, file=table.file, line=place.line, key=key)


def _complaint(fault: int, given: str) -> tuple[Text, Text | None]:
    if fault == NOT_A_TIME:
        return say("{given} is not a time", given=given or "''"), say("write it as 2026-11-10T20:00+08:00")
    if fault == NO_OFFSET:
        return say("{given} has no offset", given=given), say(
            "add the offset, or set history: {{naive_times: workspace-zone}} in surgeplan.yaml"
        )
    if fault == NO_KEY:
        return say("is empty"), say("fill it in or delete the row")
    if fault == NEGATIVE:
        return say("{given} is negative", given=given), say("delete the row: what is not known is left out")
    return say("{given} is not a number", given=given), say("write it as 1234.5, or leave it empty where not known")


def refused_lines(connection: duckdb.DuckDBPyConnection, table: Table) -> Iterator[Problem]:
    lines = table.source.refused_lines
    for line in lines[:ROWS_NAMED]:
        what = say("this line does not have the {count} columns of the header", count=len(table.source.types))
        yield Problem(
            what, say("complete the line, or put quotes around cells with commas"), file=table.file, line=line
        )
    if len(lines) > ROWS_NAMED:
        yield Problem(say("{count} rows in all are wrong in this way", count=len(lines)), file=table.file)


def rows_where(
    connection: duckdb.DuckDBPyConnection, table: Table, condition: str, what: Text, todo: Text
) -> Iterator[Problem]:
    found = connection.execute(
        f"SELECT count(*), min(rowid, {ROWS_NAMED}) FROM {table.table} WHERE {condition}"
    ).fetchone()
    count, rows = found or (0, [])
    yield from named(connection, table, rows or [], int(count), "starts_at", what, todo)


def named(
    connection: duckdb.DuckDBPyConnection,
    table: Table,
    rows: Sequence[int],
    count: int,
    column: str,
    what: Text,
    todo: Text | None,
) -> Iterator[Problem]:
    """One complaint about several records: the first few with their lines, then how many there are."""
    places = table.places(connection, rows[:ROWS_NAMED])
    for row in rows[:ROWS_NAMED]:
        yield at_row(table, row, places[row], column, what, todo)
    if count > ROWS_NAMED:
        yield Problem(say("{count} rows in all are wrong in this way", count=count), file=table.file, key=column)
