"""What one pass over a file of traffic tells of each service that it names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import duckdb

from campaign.errors import Problem, nearest
from campaign.language import Text, say
from campaign.settings import Settings
from forecast.history.faults import named
from forecast.history.shapes import Table

MINUTE_SECONDS = 60


@dataclass(frozen=True)
class Told:
    """One service's rows in a file.

    filled: how many have a figure; off_the_minute: how many begin between minutes; first, last: instants in seconds of
    UTC; first_row, last_row: the numbers of its earliest and latest row.
    """

    service: str
    rows: int
    filled: int
    off_the_minute: int
    first: int | None
    last: int | None
    first_row: int
    last_row: int

    @property
    def in_one_piece(self) -> bool:
        """Whether no other service's row stands between its own."""
        return self.last_row - self.first_row + 1 == self.rows


def services_told(connection: duckdb.DuckDBPyConnection, table: Table) -> list[Told]:
    """Every service that the table names, in the order of names."""
    found = connection.execute(
        f"SELECT service, count(*), count({table.value}), count(*) FILTER (instant % {MINUTE_SECONDS} <> 0), "
        f"min(instant), max(instant), min(rowid), max(rowid) FROM {table.table} GROUP BY service ORDER BY service"
    ).fetchall()
    return [Told(str(row[0] or ""), *row[1:]) for row in found]


def known_names(settings: Settings) -> set[str]:
    """Names of services, today's and earlier ones."""
    return {*settings.service_names, *(was.name for service in settings.services for was in service.was)}


def unknown_services(
    connection: duckdb.DuckDBPyConnection, table: Table, told: Sequence[Told], settings: Settings
) -> Iterator[Problem]:
    """Names that surgeplan.yaml does not have, with the row where each stands first."""
    known = known_names(settings)
    for one in sorted(told, key=lambda one: one.first_row):
        if one.service and one.service not in known:
            what = say("there is no service {name} in surgeplan.yaml ({count} rows)", name=one.service, count=one.rows)
            todo = nearest(one.service, known)
            yield from named(connection, table, [one.first_row], 1, "service", what, todo)


def unfilled(table: Table, told: Sequence[Told]) -> Iterator[Text]:
    count = sum(one.rows - one.filled for one in told)
    if count:
        yield say("{file}: {count} rows without a number were taken as missing", file=table.file, count=count)
