"""Rows of many services laid out on one grid of minutes: no sorting, one pass over the file."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np
from numpy.typing import NDArray

from forecast.history.buckets import Seconds
from forecast.history.shapes import Table, fetch, literal

MINUTE_SECONDS = 60
CELLS_PER_ROW_MOST = 4
SERVICES_MOST = 250
SLICE_ROWS = 1 << 22


def rows_on_a_grid(
    connection: duckdb.DuckDBPyConnection, table: Table, services: Sequence[str]
) -> dict[str, tuple[Seconds, NDArray[np.float64]]]:
    """Starts and values (NaN where a row has none) of every service, in time order.

    Empty where a grid does not suit: endpoints to be summed, starts off the minute, two rows for one start, few rows
    over a long time, or too many services; then services are read one by one.
    """
    if "endpoint" in table.columns or not 0 < len(services) <= SERVICES_MOST:
        return {}
    ours = "ENUM(" + ", ".join(literal(name) for name in services) + ")"
    code = f"enum_code(try_cast(service AS {ours}))"
    bounds = connection.execute(
        f"SELECT min(instant), max(instant), count(*), count(*) FILTER (instant % {MINUTE_SECONDS} <> 0) "
        f"FROM {table.table} WHERE {code} IS NOT NULL"
    ).fetchone()
    first, last, rows, off = bounds or (None, None, 0, 0)
    if first is None or off:
        return {}
    minutes = (last - first) // MINUTE_SECONDS + 1
    if minutes * len(services) > CELLS_PER_ROW_MOST * rows:
        return {}
    found = fetch(
        connection,
        f"SELECT {code} AS service, CAST((instant - {first}) // {MINUTE_SECONDS} AS INTEGER) AS minute, "
        f"{table.value} AS value FROM {table.table} WHERE {code} IS NOT NULL",
    )
    return _laid_out(found["service"], found["minute"], found["value"], services, first, minutes)


def _laid_out(
    codes: NDArray[np.integer],
    minute: NDArray[np.int32],
    values: NDArray[np.float64],
    services: Sequence[str],
    first: int,
    minutes: int,
) -> dict[str, tuple[Seconds, NDArray[np.float64]]]:
    grid = np.empty(len(services) * minutes)
    taken = np.zeros(len(grid), dtype=np.bool_)
    for at in range(0, len(codes), SLICE_ROWS):
        part = slice(at, at + SLICE_ROWS)
        cells = codes[part].astype(np.int64) * minutes + minute[part]
        grid[cells], taken[cells] = values[part], True
    if int(taken.sum()) < len(codes):
        return {}
    every = first + MINUTE_SECONDS * np.arange(minutes, dtype=np.int64)
    laid: dict[str, tuple[Seconds, NDArray[np.float64]]] = {}
    for i, service in enumerate(services):
        row, here = grid[i * minutes : (i + 1) * minutes], taken[i * minutes : (i + 1) * minutes]
        laid[service] = (every, row) if here.all() else (every[here], row[here])
    return laid
