"""What files of history hold, and a file once it is a DuckDB table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from campaign.language import Text
from forecast.history.csv_text import CsvText, records_at
from metrics.intake.contacts import SERVED


@dataclass(frozen=True)
class Shape:
    """The columns of one kind of history file, beside `starts_at` (or `starts_at_utc`).

    keys: text, required; optional_keys: text; values: numbers, exactly one of them; optional_values: numbers;
    markers: true or false.
    """

    name: str
    keys: tuple[str, ...] = ()
    optional_keys: tuple[str, ...] = ()
    values: tuple[str, ...] = ()
    optional_values: tuple[str, ...] = ()
    markers: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        times = ("starts_at", "starts_at_utc")
        return (*times, *self.keys, *self.optional_keys, *self.values, *self.optional_values, *self.markers)


TRAFFIC = Shape("traffic", ("service",), ("endpoint",), ("requests", "requests_per_second"), (), ("load_test",))
ORDERS = Shape("orders", values=("orders",))
CONTACTS = Shape("contacts", ("desk",), ("intent",), ("contacts",), ("bot_handled", "bot_resolved"))

DESKS = Shape("desks", ("desk",), (), SERVED[:1], SERVED[1:])


@dataclass(frozen=True)
class Place:
    """Where a record stands, and its cells as they are written."""

    line: int | None
    cells: dict[str, str]


@dataclass(frozen=True)
class Source:
    """What a table is read from; `refused_lines` are lines that do not fit the header."""

    sql: str
    types: dict[str, str]
    text: CsvText | None
    refused_lines: tuple[int, ...] = ()

    def places(self, connection: duckdb.DuckDBPyConnection, rows: Sequence[int]) -> dict[int, Place]:
        """Line and cells of the records of these numbers; Parquet has no lines."""
        if self.text is not None:
            found = records_at(self.text, rows, self.refused_lines)
            return {row: Place(line, cells) for row, (line, cells) in found.items()}
        names = ", ".join(f"CAST({quoted(c)} AS VARCHAR)" for c in self.types)
        places = {}
        for row in rows:
            cells = connection.execute(f"SELECT {names} FROM {self.sql} LIMIT 1 OFFSET {int(row)}").fetchone()
            places[row] = Place(None, dict(zip(self.types, map(str, cells or ()), strict=False)))
        return places


@dataclass(frozen=True)
class Table:
    """One file as a DuckDB table with columns `instant` (seconds of UTC), the shape's keys, values and markers.

    A table's rowid is the number of the record in the file. `columns` are the shape's columns that the file has.
    """

    table: str
    file: str
    columns: tuple[str, ...]
    source: Source
    notes: tuple[Text, ...]

    @property
    def value(self) -> str:
        """The one of the shape's alternative value columns that this file has."""
        return next(c for c in self.columns if c in (*TRAFFIC.values, *ORDERS.values, *CONTACTS.values, *DESKS.values))

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(c for c in self.columns if c in ("service", "endpoint", "desk", "intent"))

    def places(self, connection: duckdb.DuckDBPyConnection, rows: Sequence[int]) -> dict[int, Place]:
        return self.source.places(connection, rows)


def quoted(column: str) -> str:
    """A column's name in SQL."""
    return '"' + column.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text in SQL."""
    return "'" + text.replace("'", "''") + "'"


def fetch(connection: duckdb.DuckDBPyConnection, sql: str, values: Sequence[object] = ()) -> dict[str, NDArray[Any]]:
    """A query's columns as arrays; numbers that are NULL become NaN."""
    columns = connection.execute(sql, list(values)).fetchnumpy()
    return {str(name): _without_mask(column) for name, column in columns.items()}


def _without_mask(column: Any) -> NDArray[Any]:
    if not isinstance(column, np.ma.MaskedArray):
        return np.asarray(column)
    if column.dtype.kind == "f" or column.mask.any():
        return np.asarray(np.ma.filled(column.astype(np.float64), np.nan))
    return column.data


def count_of(connection: duckdb.DuckDBPyConnection, sql: str) -> int:
    """The one number that a query yields; NULL is zero."""
    row = connection.execute(sql).fetchone()
    return int(row[0] or 0) if row else 0
