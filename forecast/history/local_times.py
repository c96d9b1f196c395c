"""Local times without an offset: on the nights when clocks change, which instants they were."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import duckdb

from campaign.errors import Problem
from campaign.language import say
from forecast.history.clock_changes import clock_changes
from forecast.history.faults import rows_where
from forecast.history.shapes import Table, count_of, quoted


def settle_changed_clocks(connection: duckdb.DuckDBPyConnection, table: Table, zone: ZoneInfo) -> Iterator[Problem]:
    """Give local times that happened twice their two instants, in the file's order; refuse what cannot be told."""
    if "local" not in {row[0] for row in connection.execute(f"DESCRIBE {table.table}").fetchall()}:
        return
    first, last = connection.execute(f"SELECT min(local), max(local) FROM {table.table}").fetchone() or (None, None)
    if first is None:
        return
    day = timedelta(days=1)
    spans = datetime.fromtimestamp(first, UTC) - day, datetime.fromtimestamp(last, UTC) + day
    descending = count_of(connection, f"SELECT CAST(first(instant) > last(instant) AS INT) FROM {table.table}")
    for change in clock_changes(zone, *spans):
        within = f"local >= {change.from_local} AND local < {change.until_local}"
        if change.kind == "never":
            what = say("this local time did not exist: clocks went forward in {zone}", zone=zone.key)
            yield from rows_where(connection, table, within, what, say("write times with their offset"))
            continue
        keys = ", ".join(["local", *map(quoted, table.keys)])
        order = "DESC" if descending else "ASC"
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE twice AS SELECT rowid AS record, count(*) OVER same AS times, "
            f"row_number() OVER (same ORDER BY rowid {order}) AS turn FROM {table.table} WHERE {within} "
            f"WINDOW same AS (PARTITION BY {keys})"
        )
        what = say("this local time happened twice: clocks went back in {zone}", zone=zone.key)
        once = "rowid IN (SELECT record FROM twice WHERE times = 1)"
        yield from rows_where(connection, table, once, what, say("write times with their offset"))
        connection.execute(
            f"UPDATE {table.table} SET instant = local - CASE turn WHEN 1 THEN {change.before_seconds} "
            f"ELSE {change.after_seconds} END FROM twice WHERE {table.table}.rowid = twice.record"
        )
