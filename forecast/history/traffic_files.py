"""history/traffic*: every file checked and joined into one series per service name, all problems at once."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from campaign.errors import Problem, UserError, nearest
from campaign.language import Text, say
from campaign.settings import Settings
from campaign.workspace import Workspace
from forecast.epochs import moment_of
from forecast.history.buckets import (
    HOUR_SECONDS,
    LENGTHS_SECONDS,
    Seconds,
    Series,
    bucket_lengths,
    is_even,
    joined,
    overlaps,
)
from forecast.history.faults import ROWS_NAMED, named
from forecast.history.grid_rows import rows_on_a_grid
from forecast.history.shapes import TRAFFIC, Table, count_of, fetch
from forecast.history.tables import drop_table, read_table

MEMORY = "1GB"


@dataclass(frozen=True)
class Stretch:
    """[starts_at, ends_at) of one service, in seconds of UTC."""

    service: str
    starts_at: int
    ends_at: int


@dataclass
class Traffic:
    """What the files say, by the names that they use (a service's earlier names too)."""

    series: dict[str, Series] = field(default_factory=dict)
    tests: list[Stretch] = field(default_factory=list)
    notes: list[Text] = field(default_factory=list)


@dataclass(frozen=True)
class Part:
    """One service's buckets in one file."""

    table: Table
    service: str
    series: Series


def read_traffic(workspace: Workspace) -> Traffic:
    """All files of traffic.

    Raises:
        UserError: every problem of every file.
    """
    files = workspace.history_files("traffic")
    if not files:
        todo = say("export requests per service as history/traffic.csv with starts_at, service, requests")
        raise UserError(Problem(say("there is no traffic history"), todo, file="history/"))
    traffic, problems, parts = Traffic(), [], []
    with tempfile.TemporaryDirectory(prefix="surgeplan-") as scratch:
        connection = connect(Path(scratch))
        try:
            for number, path in enumerate(files):
                table, found = _table(connection, path, number, workspace, Path(scratch))
                problems += found
                if table is None:
                    continue
                problems += _unknown_services(connection, table, workspace.settings)
                if found:
                    continue
                traffic.notes += table.notes
                file_parts, found = _parts(connection, table, workspace.settings)
                problems += found
                parts += file_parts
                traffic.notes += _unfilled(connection, table)
                traffic.tests += _marked_tests(connection, table, file_parts)
                drop_table(connection, table.table)
        finally:
            connection.close()
    problems += _join(parts, traffic, workspace.settings)
    if problems:
        raise UserError(problems)
    return traffic


def connect(scratch: Path) -> duckdb.DuckDBPyConnection:
    """DuckDB in bounded memory; it spills into the folder `scratch`."""
    connection = duckdb.connect(config={"memory_limit": MEMORY, "temp_directory": str(scratch)})
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")  # it would print into a command's result
    return connection


def _table(
    connection: duckdb.DuckDBPyConnection, path: Path, number: int, workspace: Workspace, scratch: Path
) -> tuple[Table | None, list[Problem]]:
    naive_zone = workspace.settings.zone if workspace.settings.history.naive_times else None
    name = str(path.relative_to(workspace.folder))
    try:
        return read_table(connection, path, name, TRAFFIC, f"traffic_{number}", naive_zone, scratch)
    except UserError as error:
        return None, list(error.problems)
    except duckdb.Error as error:
        return None, [unreadable(name, error)]


def unreadable(name: str, error: duckdb.Error) -> Problem:
    reason = str(error).partition("\n")[0]
    return Problem(say("cannot be read: {reason}", reason=reason), say("export the file again"), file=name)


def _parts(connection: duckdb.DuckDBPyConnection, table: Table, settings: Settings) -> tuple[list[Part], list[Problem]]:
    problems: list[Problem] = []
    parts: list[Part] = []
    if "endpoint" in table.columns:
        problems += _repeated_endpoints(connection, table)
    found = connection.execute(f"SELECT DISTINCT service FROM {table.table} ORDER BY service").fetchall()
    services = [str(row[0]) for row in found if row[0] in known_names(settings)]
    at_once = rows_on_a_grid(connection, table, services)
    for service in services:
        starts, values = at_once[service] if at_once else _rows(connection, table, service)
        again = np.flatnonzero(starts[1:] == starts[:-1]) + 1 if not at_once else starts[:0]
        if len(again):
            problems += _repeated(connection, table, service, starts, again)
            continue
        parts.append(Part(table, service, _without_missing(Series(starts, bucket_lengths(starts), values))))
    parts = _lone_rows_like_the_others(parts)
    for part in parts:
        problems += _odd_lengths(connection, part)
    return [] if problems else [_as_rates(part) for part in parts], problems


def _without_missing(series: Series) -> Series:
    missing = np.isnan(series.rates)
    return series.part(~missing) if missing.any() else series


def known_names(settings: Settings) -> set[str]:
    """Names of services, today's and earlier ones."""
    return {*settings.service_names, *(was.name for service in settings.services for was in service.was)}


def _rows(connection: duckdb.DuckDBPyConnection, table: Table, service: str) -> tuple[Seconds, NDArray[np.float64]]:
    """Starts and values in time order; endpoints of one bucket are summed, and missing if one of them is."""
    value = table.value
    if "endpoint" in table.columns:
        total = f"CASE WHEN count({value}) = count(*) THEN sum({value}) END"
        rows = (
            f"SELECT instant, {total} AS value FROM {table.table} WHERE service = ? GROUP BY instant ORDER BY instant"
        )
    else:
        rows = f"SELECT instant, {value} AS value FROM {table.table} WHERE service = ? ORDER BY instant"
    found = fetch(connection, rows, [service])
    return found["instant"], found["value"].astype(np.float64)


def _as_rates(part: Part) -> Part:
    """Counts over their bucket's seconds, in place: the values are this reading's own."""
    if part.table.value == "requests":
        np.divide(part.series.rates, part.series.lengths, out=part.series.rates)
    return part


def _lone_rows_like_the_others(parts: list[Part]) -> list[Part]:
    """A service with one row in a file has the length that prevails among the file's others."""
    if all(len(part.series) > 1 for part in parts):
        return parts
    lengths = np.concatenate([p.series.lengths for p in parts if len(p.series) > 1] or [np.zeros(0, np.int64)])
    usual = int(np.bincount(lengths // 60).argmax()) * 60 if len(lengths) else 0
    return [
        Part(p.table, p.service, Series(p.series.starts, np.array([usual]), p.series.rates))
        if len(p.series) == 1 and not p.series.lengths[0]
        else p
        for p in parts
    ]


def _unknown_services(connection: duckdb.DuckDBPyConnection, table: Table, settings: Settings) -> Iterator[Problem]:
    known = known_names(settings)
    found = connection.execute(
        f"SELECT service, count(*), min(rowid) FROM {table.table} GROUP BY service ORDER BY min(rowid)"
    ).fetchall()
    for service, count, first in found:
        if service and service not in known:
            what = say("there is no service {name} in surgeplan.yaml ({count} rows)", name=service, count=count)
            yield from named(connection, table, [first], 1, "service", what, nearest(service, known))


def _repeated(
    connection: duckdb.DuckDBPyConnection, table: Table, service: str, starts: Seconds, again: Seconds
) -> Iterator[Problem]:
    """Rows that begin when another row of the service does: twice the same, or buckets of another length."""
    distinct = np.unique(starts)
    repeated = np.unique(starts[again])
    fine = int(np.median(np.diff(distinct))) if len(distinct) > 1 else 0
    coarse = int(np.median(np.diff(repeated))) if len(repeated) >= ROWS_NAMED else 0
    firsts = ", ".join(map(str, repeated[:ROWS_NAMED].tolist()))
    which = f"service = ? AND instant IN ({firsts}) GROUP BY instant ORDER BY instant"
    rows = connection.execute(f"SELECT max(rowid) FROM {table.table} WHERE {which}", [service]).fetchall()
    if fine and coarse >= 2 * fine:
        what = say(
            "{service} has buckets of {coarse} and of {fine} over one instant",
            service=service, coarse=spoken_length(coarse), fine=spoken_length(fine),
        )  # fmt: skip
        todo = say("keep one bucket length for any instant")
    else:
        what = say("{service} has a row for this time already", service=service)
        todo = say("keep one of the rows")
    yield from named(connection, table, [row[0] for row in rows], len(again), "starts_at", what, todo)


def _repeated_endpoints(connection: duckdb.DuckDBPyConnection, table: Table) -> Iterator[Problem]:
    count, rows = connection.execute(
        f"SELECT count(*), min(second, {ROWS_NAMED}) FROM (SELECT max(rowid) AS second FROM {table.table} "
        "GROUP BY service, instant, endpoint HAVING count(*) > 1)"
    ).fetchone() or (0, [])
    what = say("this service and endpoint have a row for this time already")
    yield from named(connection, table, rows or [], int(count), "starts_at", what, say("keep one of the rows"))


def _odd_lengths(connection: duckdb.DuckDBPyConnection, part: Part) -> Iterator[Problem]:
    series = part.series
    if is_even(series.lengths) and series.lengths[0] in LENGTHS_SECONDS:
        return
    odd = np.flatnonzero(~np.isin(series.lengths, LENGTHS_SECONDS))
    if not len(odd):
        return
    row = connection.execute(
        f"SELECT min(rowid) FROM {part.table.table} WHERE service = ? AND instant = ?",
        [part.service, int(series.starts[odd[0]])],
    ).fetchone()
    length = int(series.lengths[odd[0]])
    if length:
        what = say("{service} has rows {length} apart", service=part.service, length=spoken_length(length))
        todo = say("buckets of 1 minute to 1 hour that divide an hour are needed")
    else:
        what = say("{service} has a single row, which does not tell how long its bucket is", service=part.service)
        todo = say("export a longer stretch")
    rows = [row[0]] if row else []
    yield from named(connection, part.table, rows, 1, "starts_at", what, todo)
    if len(odd) > 1:
        yield Problem(say("{count} rows in all are wrong in this way", count=len(odd)), file=part.table.file)


def spoken_length(seconds: int) -> Text:
    if seconds % HOUR_SECONDS == 0:
        return say("{count} h", count=seconds // HOUR_SECONDS)
    return say("{count} min", count=seconds // 60) if seconds % 60 == 0 else say("{count} s", count=seconds)


def _unfilled(connection: duckdb.DuckDBPyConnection, table: Table) -> Iterator[Text]:
    count = count_of(connection, f"SELECT count(*) - count({table.value}) FROM {table.table}")
    if count:
        yield say("{file}: {count} rows without a number were taken as missing", file=table.file, count=count)


def _marked_tests(connection: duckdb.DuckDBPyConnection, table: Table, parts: list[Part]) -> Iterator[Stretch]:
    """Stretches whose rows carry the marker `load_test`."""
    if "load_test" not in table.columns:
        return
    for part in parts:
        marked = f"SELECT DISTINCT instant FROM {table.table} WHERE load_test AND service = ?"
        rows = fetch(connection, marked, [part.service])["instant"]
        yield from stretches(part.service, part.series, np.isin(part.series.starts, rows))


def stretches(service: str, series: Series, marked: NDArray[np.bool_]) -> Iterator[Stretch]:
    """Marked buckets that touch, as stretches."""
    chosen = series.part(marked)
    if not len(chosen):
        return
    breaks = np.flatnonzero(chosen.starts[1:] > chosen.ends[:-1]) + 1
    for first, last in zip([0, *breaks], [*breaks, len(chosen)], strict=True):
        yield Stretch(service, int(chosen.starts[first]), int(chosen.ends[last - 1]))


def _join(parts: list[Part], traffic: Traffic, settings: Settings) -> Iterator[Problem]:
    """Put the files of each service together; two rows or two lengths over one instant are refused."""
    for service in sorted({part.service for part in parts}):
        own = [part for part in parts if part.service == service]
        series, owners = joined([part.series for part in own])
        over = np.flatnonzero(overlaps(series))
        if len(over):
            yield _over_each_other(service, own, series, owners, over, settings)
        traffic.series[service] = series


def _over_each_other(
    service: str, parts: list[Part], series: Series, owners: Seconds, over: Seconds, settings: Settings
) -> Problem:
    at = int(over[0])
    files = parts[owners[at]].table.file, parts[owners[at + 1]].table.file
    since = moment_of(int(series.starts[at + 1])).astimezone(settings.zone).isoformat()
    first, second = (spoken_length(int(series.lengths[i])) for i in (at, at + 1))
    if series.lengths[at] == series.lengths[at + 1]:
        what = say(
            "{service} has {count} buckets that {file} has too, the first at {since}",
            service=service, count=len(over), file=files[0], since=since,
        )  # fmt: skip
    else:
        what = say(
            "{service} has buckets of {second} where {file} has buckets of {first}, the first at {since}",
            service=service, second=second, first=first, file=files[0], since=since,
        )  # fmt: skip
    return Problem(what, say("keep one bucket length and one file for any instant"), file=files[1], key="starts_at")
