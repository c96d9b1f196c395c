"""Daily values that a company's BI already has, bound once to definition ids in `metrics.yaml`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import duckdb

from campaign.errors import Problem, UserError
from campaign.language import say
from metrics.compute import Value
from metrics.dictionary import Dictionary
from metrics.file_checks import check_file, instant_text
from metrics.manifests import BoundSource, manifest_of
from metrics.sql import quoted, settling_hours
from metrics.tables import duckdb_session

CHANNEL = "channel"


def bound_files(folder: Path, dictionary: Dictionary) -> list[tuple[BoundSource, Path]]:
    """Every file that a bound source names, in name order."""
    sources = dictionary.bindings.sources
    return [(source, file) for source in sources for file in sorted(folder.glob(source.files)) if file.is_file()]


def read_bound_values(folder: Path, dictionary: Dictionary) -> dict[str, list[Value]]:
    """The values of every metric that a bound source carries per day, split by channel where the source is.

    Raises:
        UserError: a file has faults; all of them, each with file, row and column.
    """
    problems: list[Problem] = []
    found: dict[str, list[Value]] = {}
    for source, file in bound_files(folder, dictionary):
        manifest = manifest_of(file, dictionary.bindings.sources, folder)
        name = str(file.relative_to(folder))
        problems += [f.problem(name) for f in check_file(file, manifest, dictionary) if f.refused]
        if problems or source.grain != "day":
            continue
        for metric, values in _values(source, file, dictionary):
            found.setdefault(metric, []).extend(values)
    if problems:
        raise UserError(problems)
    return found


def _values(source: BoundSource, file: Path, dictionary: Dictionary) -> Iterator[tuple[str, list[Value]]]:
    reader = "read_parquet(?)" if file.suffix == ".parquet" else "read_csv(?, all_varchar = true, header = true)"
    split = [CHANNEL] if CHANNEL in source.by else []
    time = f"timezone('{source.time_zone}', CAST({instant_text(source)} AS TIMESTAMPTZ))"
    columns = ", ".join([f"{time} AS starts_at", *map(quoted, split), *map(quoted, source.columns)])
    with duckdb_session() as connection:
        try:
            rows = connection.execute(f"SELECT {columns} FROM {reader} ORDER BY ALL", [str(file)]).fetchall()
        except duckdb.Error as error:
            reason = str(error).partition("\n")[0]
            raise UserError(Problem(say("cannot be read: {reason}", reason=reason), file=str(file))) from error
    newest = max((row[0] for row in rows), default=datetime.min)
    for place, bound in enumerate(source.columns.values(), start=1 + len(split)):
        metric = bound.metric.partition("@")[0]
        settled = timedelta(days=1, hours=settling_hours(metric, dictionary.definitions))
        yield (
            metric,
            [
                Value(
                    row[0],
                    tuple(row[1 : 1 + len(split)]),
                    None if row[place] in (None, "") else float(row[place]),
                    row[0] + settled <= newest + timedelta(days=1),
                )
                for row in rows
            ],
        )
