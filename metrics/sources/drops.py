"""Files that somebody drops into a folder: exports as `init --from` reads them, and Parquet with history's columns."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import groupby
from pathlib import Path

from campaign.console import Progress, no_progress
from campaign.errors import Problem, UserError
from campaign.language import Text, say
from campaign.settings import Settings
from metrics.intake.folder import read_folder
from metrics.intake.markers import MEASURE as LOAD_TEST
from metrics.intake.records import Answers, Buckets
from metrics.sources.records import VALUES, Batch, DropSource, batch_of

MEASURES = {"traffic": "requests", "orders": "orders", "contacts": "contacts"}


def fetch_drops(
    source: DropSource,
    workspace: Path,
    settings: Settings,
    since: datetime,
    until: datetime,
    progress: Progress = no_progress,
) -> Batch:
    """Rows of every file in the folder that begin in [since, until).

    Raises:
        Unanswered: a file leaves something open that the source does not say.
        UserError: the folder or a file cannot be used.
    """
    folder = workspace / source.folder
    if not folder.is_dir():
        problem = Problem(say("is no folder"), say("make it, or correct sources.{name}.folder", name=source.name))
        raise UserError(Problem(problem.what, problem.todo, file=source.folder, key=source.name))
    files = sorted(folder.glob("*.parquet"))
    if files:
        return _parquet(source, files, since, until)
    answers = Answers(
        time_zone=settings.zone,
        values=source.values,
        requests_per_session=source.requests_per_session,
        service=source.service,
        day_first=source.day_first,
    )
    intake = read_folder(folder, answers, progress)
    parts = [b for found in intake.recognised for b in found.buckets if b.measure == MEASURES[source.measure]]
    tests = {key for found in intake.recognised for b in found.buckets if b.measure == LOAD_TEST for key in b.values}
    notes = [say("{file}: nothing in it was recognised", file=place.file) for place in intake.unknown]
    return _batch(source, parts, tests, notes, since, until)


def _batch(
    source: DropSource,
    parts: list[Buckets],
    tests: set[tuple[str, int]],
    notes: list[Text],
    since: datetime,
    until: datetime,
) -> Batch:
    """Files by name: a later one holds where two have the same row.

    Traffic comes as requests per second, with 1 where a file marks a load test and 0 elsewhere.
    """
    traffic = source.measure == "traffic"
    values = ("requests_per_second", LOAD_TEST) if traffic else VALUES[source.measure][:1]
    keys = {"traffic": ("service",), "contacts": ("desk",), "orders": ()}[source.measure]
    first, end = since.timestamp(), until.timestamp()
    rows: dict[tuple[int | str, ...], tuple[float, ...]] = {}
    for figures in _finest(parts):
        for (name, at), figure in figures.items():
            if first <= at < end:
                marker = (float((name, at) in tests),) if traffic else ()
                rows[(at, source.rename.get(name, name)) if keys else (at,)] = (figure, *marker)
    return Batch(keys, values, rows, max((int(key[0]) for key in rows), default=None), notes=tuple(notes))


def _finest(parts: Iterable[Buckets]) -> Iterator[dict[tuple[str, int], float]]:
    """Figures of each part, the finest first; coarser buckets whose time finer ones have are left out."""
    covered: dict[str, set[int]] = defaultdict(set)
    for seconds, same in groupby(sorted(parts, key=lambda part: part.seconds), key=lambda part: part.seconds):
        minutes: dict[str, set[int]] = defaultdict(set)
        for part in same:
            found = {}
            for (name, at), figure in part.values.items():
                span = range(at // 60, (at + seconds) // 60)
                if covered[name].isdisjoint(span):
                    found[name, at] = figure
                    minutes[name].update(span)
            yield found
        for name, those in minutes.items():
            covered[name] |= those


def _parquet(source: DropSource, files: list[Path], since: datetime, until: datetime) -> Batch:
    import duckdb

    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'; SET enable_progress_bar = false")
        try:
            relation = connection.read_parquet([str(file) for file in files])
            columns = [c for c in relation.columns if c != "starts_at"]
            names = ", ".join(f'"{column}"' for column in columns)
            found = connection.execute(
                f"SELECT CAST(epoch_us(CAST(starts_at AS TIMESTAMPTZ)) // 1000000 AS BIGINT), {names} FROM relation "
                "WHERE epoch(CAST(starts_at AS TIMESTAMPTZ)) >= ? AND epoch(CAST(starts_at AS TIMESTAMPTZ)) < ?",
                [since.timestamp(), until.timestamp()],
            ).fetchall()
        except duckdb.Error as error:
            reason = str(error).partition("\n")[0]
            what = say("cannot be read: {reason}", reason=reason)
            raise UserError(
                Problem(what, say("export the files again"), file=source.folder, key=source.name)
            ) from error
    return batch_of(source, columns, [(int(row[0]), row[1:]) for row in found], source.folder)
