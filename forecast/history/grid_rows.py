"""Rows of many services laid out on one grid of minutes: no sorting, one pass over the file."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb
import numpy as np
from numpy.typing import NDArray

from forecast.history.buckets import Seconds
from forecast.history.shapes import Table, fetch, literal
from forecast.history.told import MINUTE_SECONDS, Told

CELLS_PER_ROW_MOST = 4
SERVICES_MOST = 250
SLICE_ROWS = 1 << 22
EMPTY = -1.0
"""Stands where a service has no row: rows' own values are never negative, and NaN where a row has none."""


def rows_on_a_grid(
    connection: duckdb.DuckDBPyConnection, table: Table, told: Sequence[Told]
) -> dict[str, tuple[Seconds, NDArray[np.float64]]]:
    """Starts and values (NaN where a row has none) of every service, in time order.

    Empty where a grid does not suit: endpoints to be summed, starts off the minute, two rows for one start, few rows
    over a long time, or too many services; then services are read one by one.
    """
    if "endpoint" in table.columns or not 0 < len(told) <= SERVICES_MOST or any(one.off_the_minute for one in told):
        return {}
    services = [one.service for one in told]
    first = min((one.first for one in told if one.first is not None), default=0)
    last = max((one.last for one in told if one.last is not None), default=first)
    minutes = (last - first) // MINUTE_SECONDS + 1
    if minutes * len(services) > CELLS_PER_ROW_MOST * sum(one.rows for one in told):
        return {}
    minute = f"CAST((instant - {first}) // {MINUTE_SECONDS} AS INTEGER) AS minute, {table.value} AS value"
    if all(one.in_one_piece for one in told):
        found = fetch(connection, f"SELECT {minute} FROM {table.table}")
        pieces = _in_pieces(found["minute"], found["value"], told, first)
        if pieces:
            return pieces
    code = "enum_code(CAST(service AS ENUM(" + ", ".join(literal(name) for name in services) + ")))"
    found = fetch(connection, f"SELECT {code} AS service, {minute} FROM {table.table}")
    return _laid_out(found["service"], found["minute"], found["value"], services, first, minutes)


def _laid_out(
    codes: NDArray[np.integer],
    minute: NDArray[np.int32],
    values: NDArray[np.float64],
    services: Sequence[str],
    first: int,
    minutes: int,
) -> dict[str, tuple[Seconds, NDArray[np.float64]]]:
    grid = np.full(len(services) * minutes, EMPTY)
    for at in range(0, len(codes), SLICE_ROWS):
        part = slice(at, at + SLICE_ROWS)
        cells = codes[part].astype(np.int64) * minutes + minute[part]
        grid[cells] = values[part]
    taken = grid != EMPTY
    if int(taken.sum()) < len(codes):
        return {}
    every = first + MINUTE_SECONDS * np.arange(minutes, dtype=np.int64)
    laid: dict[str, tuple[Seconds, NDArray[np.float64]]] = {}
    for i, service in enumerate(services):
        row, here = grid[i * minutes : (i + 1) * minutes], taken[i * minutes : (i + 1) * minutes]
        laid[service] = (every, row) if here.all() else (every[here], row[here])
    return laid


def _in_pieces(
    minute: NDArray[np.int32], values: NDArray[np.float64], told: Sequence[Told], first: int
) -> dict[str, tuple[Seconds, NDArray[np.float64]]]:
    """Rows that stand service by service, each one's minutes ascending: stretches of them; empty for other files."""
    every: Seconds = first + MINUTE_SECONDS * np.arange(int(minute.max()) + 1, dtype=np.int64)
    laid: dict[str, tuple[Seconds, NDArray[np.float64]]] = {}
    for one in told:
        piece = slice(one.first_row, one.last_row + 1)
        own = minute[piece]
        if (own[1:] <= own[:-1]).any():
            return {}
        laid[one.service] = (every if len(own) == len(every) else every[own], values[piece])
    return laid
