"""history/traffic*: every file checked and joined into one series per service name, all problems at once."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import duckdb
import numpy as np
from numpy.typing import NDArray

from campaign.errors import Problem, UserError
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
    end_to_end,
    is_even,
    joined,
    overlaps,
)
from forecast.history.faults import ROWS_NAMED, named
from forecast.history.grid_rows import rows_on_a_grid
from forecast.history.readings import LEAST_BYTES, FileReading, Stretch, forget_others, reading_key, recall, remember
from forecast.history.shapes import TRAFFIC, Table, fetch
from forecast.history.tables import read_table
from forecast.history.told import Told, known_names, services_told, unfilled, unknown_services
from forecast.history.units import other_units

MEMORY = "1GB"
YEAR_SECONDS = 366 * 24 * HOUR_SECONDS
HOLE_YEARS_MOST = 3
WRONG_YEAR = say("correct the year, or delete the rows")


@dataclass
class Traffic:
    """What the files say, by the names that they use (a service's earlier names too).

    keys: of every file's reading, by which anything made of it can be kept.
    """

    series: dict[str, Series] = field(default_factory=dict)
    tests: list[Stretch] = field(default_factory=list)
    notes: list[Text] = field(default_factory=list)
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Part:
    """One service's buckets in one file."""

    table: Table
    service: str
    series: Series


def read_traffic(workspace: Workspace) -> Traffic:
    """All files of traffic; those that have not changed since are not read again.

    Raises:
        UserError: every problem of every file.
    """
    files = workspace.history_files("traffic")
    if not files:
        todo = say("export requests per service as history/traffic.csv with starts_at, service, requests")
        raise UserError(Problem(say("there is no traffic history"), todo, file="history/"))
    problems: list[Problem] = []
    readings: list[FileReading] = []
    keys = []
    for path in files:
        key, reading, found = _reading(workspace, path)
        problems += found
        keys.append(key)
        readings += [reading] if reading else []
    forget_others(workspace.folder, keys)
    traffic = Traffic(keys=tuple(keys))
    for reading in readings:
        traffic.notes += reading.notes
        traffic.tests += reading.tests
    problems += _join(readings, traffic, workspace.settings)
    if not problems:
        problems += other_units(readings, traffic.series, workspace.settings)
    if problems:
        raise UserError(problems)
    return traffic


def _reading(workspace: Workspace, path: Path) -> tuple[str, FileReading | None, list[Problem]]:
    """A file as it was read before, else as it reads now."""
    name = str(path.relative_to(workspace.folder))
    before = path.stat()
    key = reading_key(path, name, workspace.settings)
    large = before.st_size >= LEAST_BYTES
    kept = recall(workspace.folder, key) if large else None
    if kept is not None:
        return key, kept, []
    with tempfile.TemporaryDirectory(prefix="surgeplan-") as scratch:
        connection = connect(Path(scratch))
        try:
            reading, problems = _read_file(connection, path, name, workspace.settings, Path(scratch))
        finally:
            connection.close()
    after = path.stat()
    # Replaced while it was read: what was read need not be what was hashed.
    still = (before.st_ino, before.st_mtime_ns, before.st_size) == (after.st_ino, after.st_mtime_ns, after.st_size)
    if reading is not None and large and still:
        remember(workspace.folder, key, reading)
    return key, reading, problems


def _read_file(
    connection: duckdb.DuckDBPyConnection, path: Path, name: str, settings: Settings, scratch: Path
) -> tuple[FileReading | None, list[Problem]]:
    table, problems = _table(connection, path, name, settings, scratch)
    if table is None or problems:
        if table is not None:
            problems += unknown_services(connection, table, services_told(connection, table), settings)
        return None, problems
    told = services_told(connection, table)
    strangers = list(unknown_services(connection, table, told, settings))
    known = [one for one in told if one.service in known_names(settings)]
    parts, problems = _parts(connection, table, known, at_once=not strangers)
    problems = strangers + problems
    notes = (*table.notes, *unfilled(table, told))
    tests = tuple(_marked_tests(connection, table, parts))
    reading = FileReading(name, {part.service: part.series for part in parts}, tests, notes)
    return (None if problems else reading), problems


def connect(scratch: Path) -> duckdb.DuckDBPyConnection:
    """DuckDB in bounded memory; it spills into the folder `scratch`."""
    connection = duckdb.connect(config={"memory_limit": MEMORY, "temp_directory": str(scratch)})
    connection.execute("SET TimeZone = 'UTC'")
    connection.execute("SET enable_progress_bar = false")  # it would print into a command's result
    return connection


def _table(
    connection: duckdb.DuckDBPyConnection, path: Path, name: str, settings: Settings, scratch: Path
) -> tuple[Table | None, list[Problem]]:
    naive_zone = settings.zone if settings.history.naive_times else None
    try:
        return read_table(connection, path, name, TRAFFIC, "traffic", naive_zone, scratch)
    except UserError as error:
        return None, list(error.problems)
    except duckdb.Error as error:
        return None, [unreadable(name, error)]


def unreadable(name: str, error: duckdb.Error) -> Problem:
    reason = str(error).partition("\n")[0]
    return Problem(say("cannot be read: {reason}", reason=reason), say("export the file again"), file=name)


def _parts(
    connection: duckdb.DuckDBPyConnection, table: Table, told: Sequence[Told], at_once: bool
) -> tuple[list[Part], list[Problem]]:
    """Every service's buckets. at_once: whether the table has no other services than those."""
    problems: list[Problem] = []
    parts: list[Part] = []
    if "endpoint" in table.columns:
        problems += _repeated_endpoints(connection, table)
    grid = rows_on_a_grid(connection, table, told) if at_once else {}
    for service in (one.service for one in told):
        starts, values = grid[service] if grid else _rows(connection, table, service)
        again = np.flatnonzero(starts[1:] == starts[:-1]) + 1 if not grid else starts[:0]
        if len(again):
            problems += _repeated(connection, table, service, starts, again)
            continue
        if (hole := years_apart(starts)) is not None:
            problems += _far_away(connection, table, service, starts, hole)
            continue
        parts.append(Part(table, service, _without_missing(Series(starts, bucket_lengths(starts), values))))
    parts = _lone_rows_like_the_others(parts)
    for part in parts:
        problems += _odd_lengths(connection, part)
    return [] if problems else [_as_rates(part) for part in parts], problems


def _without_missing(series: Series) -> Series:
    missing = np.isnan(series.rates)
    return series.part(~missing) if missing.any() else series


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


def years_apart(starts: Seconds) -> int | None:
    """Where rows (in time order) have a hole of years: the first one after it; None without such a hole."""
    steps = np.diff(starts)
    return int(steps.argmax()) + 1 if len(steps) and steps.max() > HOLE_YEARS_MOST * YEAR_SECONDS else None


def fewer(starts: Seconds, hole: int) -> Seconds:
    """The side of a hole that has fewer rows: the one with the wrong year."""
    return starts[:hole] if hole <= len(starts) - hole else starts[hole:]


def _far_away(
    connection: duckdb.DuckDBPyConnection, table: Table, service: str, starts: Seconds, hole: int
) -> Iterator[Problem]:
    few = fewer(starts, hole)
    rows = connection.execute(
        f"SELECT rowid FROM {table.table} WHERE service = ? AND instant BETWEEN {few[0]} AND {few[-1]} ORDER BY rowid "
        f"LIMIT {ROWS_NAMED}",
        [service],
    ).fetchall()
    what = _years_without(service, starts, hole)
    yield from named(connection, table, [row[0] for row in rows], len(few), "starts_at", what, WRONG_YEAR)


def _years_without(service: str, starts: Seconds, hole: int) -> Text:
    return say(
        "{service} has nothing for {years} years between {before} and {after}",
        service=service,
        years=(int(starts[hole]) - int(starts[hole - 1])) // YEAR_SECONDS,
        before=moment_of(int(starts[hole - 1])).isoformat(),
        after=moment_of(int(starts[hole])).isoformat(),
    )


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


def _join(readings: list[FileReading], traffic: Traffic, settings: Settings) -> Iterator[Problem]:
    """Put the files of each service together; two rows or two lengths over one instant are refused."""
    shared: dict[tuple[int, ...], Seconds] = {}
    for service in sorted({service for reading in readings for service in reading.series}):
        own = [reading for reading in readings if service in reading.series]
        parts = [reading.series[service] for reading in own]
        series = parts[0] if len(parts) == 1 else end_to_end(parts, shared)
        if series is None:
            series, owners = joined(parts)
            over = np.flatnonzero(overlaps(series))
            if len(over):
                yield _over_each_other(service, own, series, owners, over, settings)
        if (hole := years_apart(series.starts)) is not None:
            few = fewer(series.starts, hole)
            file = next(reading.file for reading in own if few[0] in reading.series[service].starts)
            yield Problem(_years_without(service, series.starts, hole), WRONG_YEAR, file=file, key="starts_at")
        traffic.series[service] = series


def _over_each_other(
    service: str, readings: list[FileReading], series: Series, owners: Seconds, over: Seconds, settings: Settings
) -> Problem:
    at = int(over[0])
    files = readings[owners[at]].file, readings[owners[at + 1]].file
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
