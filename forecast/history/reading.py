"""A workspace's past: traffic per service at the resolution that it really has, orders and support contacts."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property, partial
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd

from campaign.errors import Problem, UserError, nearest
from campaign.language import Text, say
from campaign.workspace import Workspace
from forecast.epochs import epoch, hours_index, naive_utc
from forecast.history.buckets import HOUR_SECONDS, Series, averaged
from forecast.history.faults import named
from forecast.history.findings import Finding, Known, find_all
from forecast.history.findings_kept import LEAST_BUCKETS, findings_key, kept_or_found
from forecast.history.lineage import series_by_service
from forecast.history.one_file import BY_HAND, RECORD, Rows, from_one_file, repeated, writers
from forecast.history.readings import Stretch
from forecast.history.shapes import CONTACTS, DESKS, ORDERS, Shape, Table, fetch
from forecast.history.tables import read_table
from forecast.history.test_runs import load_test_runs
from forecast.history.traffic_files import connect, read_traffic, unreadable

MASKED = ("outage", "test-window", "bot")


@dataclass(frozen=True)
class TrafficHistory:
    """Traffic of every service that has any, up to an instant.

    series: by service, in the order of the settings. find: the search for findings, or where they are kept.
    reading_notes: what people should know about how it was read.
    """

    series: dict[str, Series]
    known: Known
    find: Callable[[], tuple[Finding, ...]]
    reading_notes: tuple[Text, ...] = ()

    @property
    def services(self) -> tuple[str, ...]:
        return tuple(self.series)

    def hourly(self) -> pd.DataFrame:
        """Mean requests per second by naive-UTC hour without holes, columns = services; NaN where less than half of
        an hour is known."""
        if not any(len(series) for series in self.series.values()):
            return pd.DataFrame(index=pd.DatetimeIndex([]), columns=list(self.services), dtype=np.float64)
        first = min(int(s.starts[0]) for s in self.series.values() if len(s))
        last = max(int(s.ends[-1]) for s in self.series.values() if len(s))
        index = hours_index(first, last)
        columns = {}
        for service, series in self.series.items():
            hours = averaged(series, HOUR_SECONDS)
            column = np.full(len(index), np.nan)
            column[hours.starts // HOUR_SECONDS - first // HOUR_SECONDS] = hours.rates
            columns[service] = column
        return pd.DataFrame(columns, index=index)

    def buckets(self, service: str, starts_at: datetime, ends_at: datetime) -> pd.DataFrame:
        """Buckets that begin in [starts_at, ends_at): `starts_at_utc` (naive UTC), `seconds`, `requests_per_second`.

        A naive argument is UTC. Missing buckets have no row.
        """
        part = self.series[service].within(_epoch(starts_at), _epoch(ends_at))
        return pd.DataFrame(
            {
                "starts_at_utc": naive_utc(part.starts),
                "seconds": part.lengths,
                "requests_per_second": part.rates,
            }
        )

    def finest_seconds(self, service: str, starts_at: datetime, ends_at: datetime) -> int | None:
        """The shortest bucket that begins in the window; None where there is none."""
        part = self.series[service].within(_epoch(starts_at), _epoch(ends_at))
        return int(part.lengths.min()) if len(part) else None

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """Gaps, probable outages, test windows, bots and unnamed surges, by service and time."""
        return self.find()

    @cached_property
    def masked(self) -> pd.DataFrame:
        """Shaped as `hourly`: True where an outage, a load test or a bot makes an hour no witness of demand."""
        hourly = self.hourly()
        mask = pd.DataFrame(False, index=hourly.index, columns=hourly.columns)
        for finding in self.findings:
            if finding.kind in MASKED:
                first = pd.Timestamp(finding.starts_at_utc).tz_localize(None).floor("h")
                last = pd.Timestamp(finding.ends_at_utc).tz_localize(None)
                mask.loc[(mask.index >= first) & (mask.index < last), finding.service] = True
        return mask

    @cached_property
    def notes(self) -> tuple[Text, ...]:
        """How the files were read, and the gaps in them."""
        return (*self.reading_notes, *_gap_notes(self.findings))


def _epoch(moment: datetime) -> int:
    return epoch(moment if moment.tzinfo else moment.replace(tzinfo=UTC))


def _gap_notes(findings: Sequence[Finding]) -> list[Text]:
    gaps: dict[str, list[Finding]] = {}
    for finding in findings:
        if finding.kind == "gap":
            gaps.setdefault(finding.service, []).append(finding)
    return [
        say(
            "{service}: {hours} h are missing in {count} places: taken as unknown, not as zero",
            service=service,
            count=len(found),
            hours=f"{sum(gap.hours for gap in found):.1f}",
        )
        for service, found in gaps.items()
    ]


def open_history(workspace: Workspace, before: datetime | None = None) -> TrafficHistory:
    """Read and check history/traffic*, without what was not yet known at `before`.

    Raises:
        UserError: every problem of every file at once.
    """
    traffic = read_traffic(workspace)
    series, notes = series_by_service(workspace.settings, traffic.series)
    if before is not None:
        series = {name: s.before(_epoch(before)) for name, s in series.items()}
    known = Known(
        zone=workspace.settings.zone,
        settings=workspace.settings.history,
        plans=workspace.plans,
        tests=_windows((*traffic.tests, *load_test_runs(workspace))),
    )
    return TrafficHistory(series, known, _search(workspace, traffic.keys, series, known), (*traffic.notes, *notes))


def _search(
    workspace: Workspace, readings: Sequence[str], series: dict[str, Series], known: Known
) -> Callable[[], tuple[Finding, ...]]:
    """How findings come about: searched for, and in a long history kept for the next time."""
    if sum(map(len, series.values())) < LEAST_BUCKETS:
        return partial(find_all, series, known)
    key = findings_key(readings, series, known, workspace.settings)
    return partial(kept_or_found, workspace.folder, key, partial(find_all, series, known))


def _windows(tests: Sequence[Stretch]) -> tuple[tuple[str, tuple[int, int]], ...]:
    return tuple((test.service, (test.starts_at, test.ends_at)) for test in tests)


def check_history(workspace: Workspace) -> tuple[Text, ...]:
    """Read all of history/ and return what people should know about it.

    Raises:
        UserError: every problem of every file at once. A workspace without any history is not a problem here.
    """
    problems: list[Problem] = []
    notes: tuple[Text, ...] = ()
    readers: dict[str, Callable[[], Sequence[Text]]] = {"traffic": lambda: open_history(workspace).notes}
    readers |= {shape.name: partial(_notes_of, workspace, shape) for shape in (ORDERS, CONTACTS, DESKS)}
    for name, read in readers.items():
        try:
            if workspace.history_files(name):
                notes += tuple(read())
        except UserError as error:
            problems += error.problems
    if problems:
        raise UserError(problems)
    return notes


def read_orders(workspace: Workspace, before: datetime | None = None) -> pd.DataFrame | None:
    """history/orders*: `starts_at_utc` (naive UTC) and `orders`; None where there is no such file.

    Raises:
        UserError: every problem of every file.
    """
    return _read_all(workspace, ORDERS, before)


def read_contacts(workspace: Workspace, before: datetime | None = None) -> pd.DataFrame | None:
    """history/contacts*: `starts_at_utc` (naive UTC), `desk`, `contacts`, and `intent`, `bot_handled`,
    `bot_resolved` (empty or NaN where a file has no such column); None where there is no such file.

    Raises:
        UserError: every problem of every file.
    """
    return _of_known_desks(workspace, CONTACTS, _read_all(workspace, CONTACTS, before))


def read_desks(workspace: Workspace, before: datetime | None = None) -> pd.DataFrame | None:
    """history/desks*: `starts_at_utc` (naive UTC), `desk`, `contacts_offered`, and `contacts_in_time`,
    `contacts_abandoned`, `contacts_waiting`, `agents_logged_in` (NaN where a file does not tell); None where there is
    no such file.

    Raises:
        UserError: every problem of every file.
    """
    return _of_known_desks(workspace, DESKS, _read_all(workspace, DESKS, before))


def _of_known_desks(workspace: Workspace, shape: Shape, frame: pd.DataFrame | None) -> pd.DataFrame | None:
    """The same frame; desks that surgeplan.yaml does not have are a problem."""
    desks = workspace.settings.desk_names
    unknown = sorted(set(frame["desk"]) - desks) if frame is not None and desks else []
    if unknown:
        file = str(workspace.history_files(shape.name)[0].relative_to(workspace.folder))
        raise UserError(
            Problem(say("there is no desk {name} in surgeplan.yaml", name=name), nearest(name, desks), file=file)
            for name in unknown
        )
    return frame


def _notes_of(workspace: Workspace, shape: Shape) -> list[Text]:
    frame, notes = _read_with_notes(workspace, shape)
    if "desk" in shape.keys:
        _of_known_desks(workspace, shape, frame)
    return notes


def _read_all(workspace: Workspace, shape: Shape, before: datetime | None) -> pd.DataFrame | None:
    frame, _notes = _read_with_notes(workspace, shape)
    if frame is None or before is None:
        return frame
    until = pd.Timestamp(before.astimezone(UTC)).tz_localize(None)
    return frame[frame["starts_at_utc"] < until].reset_index(drop=True)


def _read_with_notes(workspace: Workspace, shape: Shape) -> tuple[pd.DataFrame | None, list[Text]]:
    """Every row in order of time, and what people should know about how files were put together."""
    files = workspace.history_files(shape.name)
    if not files:
        return None, []
    wrote = writers(workspace.folder, workspace.settings)
    problems: list[Problem] = []
    with tempfile.TemporaryDirectory(prefix="surgeplan-") as scratch:
        connection = connect(Path(scratch))
        try:
            read = (
                _read_one(connection, workspace, path, shape, number, Path(scratch), problems)
                for number, path in enumerate(files)
            )
            rows = [Rows(*found, wrote.get(path, BY_HAND)) for path, found in zip(files, read, strict=True) if found]
            problems = problems or repeated(connection, rows, shape)
        finally:
            connection.close()
    if problems:
        raise UserError(problems)
    frames, notes = from_one_file(rows, list(wrote.values()), shape)
    keys = ["starts_at_utc", *shape.keys, *shape.optional_keys]
    return pd.concat(frames, ignore_index=True).sort_values(keys, kind="stable", ignore_index=True), notes


def _read_one(
    connection: duckdb.DuckDBPyConnection,
    workspace: Workspace,
    path: Path,
    shape: Shape,
    number: int,
    scratch: Path,
    problems: list[Problem],
) -> tuple[Table, pd.DataFrame] | None:
    name = str(path.relative_to(workspace.folder))
    zone = workspace.settings.zone if workspace.settings.history.naive_times else None
    try:
        table, found = read_table(connection, path, name, shape, f"{shape.name}_{number}", zone, scratch)
    except UserError as error:
        problems += error.problems
        return None
    except duckdb.Error as error:
        problems.append(unreadable(name, error))
        return None
    if table is not None and not found:
        found += _repeated(connection, table)
    problems += found
    if table is None or found:
        return None
    columns = [*shape.keys, *shape.optional_keys, *shape.values, *shape.optional_values]
    selected = ", ".join(c if c in table.columns else f"{_absent(c, shape)} AS {c}" for c in columns)
    there = f"FROM {table.table} WHERE {table.value} IS NOT NULL"
    rows = fetch(connection, f"SELECT instant, rowid AS {RECORD}, {selected} {there}")
    return table, pd.DataFrame({"starts_at_utc": naive_utc(rows.pop("instant")), **rows})


def _absent(column: str, shape: Shape) -> str:
    return "''" if column in shape.optional_keys else "CAST('nan' AS DOUBLE)"


def _repeated(connection: duckdb.DuckDBPyConnection, table: Table) -> list[Problem]:
    keys = ", ".join(["instant", *table.keys])
    count, rows = connection.execute(
        f"SELECT count(*), min(second, 3) FROM (SELECT max(rowid) AS second FROM {table.table} "
        f"GROUP BY {keys} HAVING count(*) > 1)"
    ).fetchone() or (0, [])
    what = say("there is a row for this time already")
    return list(named(connection, table, rows or [], int(count), "starts_at", what, say("keep one of the rows")))
