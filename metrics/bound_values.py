"""Daily values that a company's BI already has, bound once to definition ids in `metrics.yaml`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from campaign.errors import Problem, UserError
from campaign.language import say
from metrics.compute import Value
from metrics.dictionary import Dictionary
from metrics.file_checks import check_file, instant_text
from metrics.manifests import BoundSource, manifest_of
from metrics.sql import ADDITIVE, quoted, settling_hours
from metrics.tables import duckdb_session

CHANNEL = "channel"


def bound_files(folder: Path, dictionary: Dictionary) -> list[tuple[BoundSource, Path]]:
    """Every file that a bound source names, in name order."""
    sources = dictionary.bindings.sources
    return [(source, file) for source in sources for file in sorted(folder.glob(source.files)) if file.is_file()]


def read_bound_values(folder: Path, dictionary: Dictionary) -> dict[str, list[Value]]:
    """The values of every metric that a bound source carries per day, split by channel where the source is.

    A source split by more than channels is summed over the rest, where its metrics may be summed. A source's newest
    day over all its files says what is settled.

    Raises:
        UserError: a file has faults, or a row stands in two files; all of them, each with file, row and column.
    """
    problems: list[Problem] = []
    rows: dict[str, list[tuple[Any, ...]]] = {}
    for source, file in bound_files(folder, dictionary):
        manifest = manifest_of(file, dictionary.bindings.sources, folder)
        name = str(file.relative_to(folder))
        problems += [f.problem(name) for f in check_file(file, manifest, dictionary) if f.refused]
        if not problems and source.grain == "day":
            held = rows.setdefault(source.name, [])
            added = _rows(source, file, dictionary)
            problems += _again(held, added, name, len(_split(source)))
            held += added
    if problems:
        raise UserError(problems)
    found: dict[str, list[Value]] = {}
    for source in dictionary.bindings.sources:
        for metric, values in _values(source, rows.get(source.name, []), dictionary):
            found.setdefault(metric, []).extend(values)
    return found


def _split(source: BoundSource) -> list[str]:
    return [CHANNEL] if CHANNEL in source.by else []


def _columns(source: BoundSource, dictionary: Dictionary) -> dict[str, str]:
    """Column by metric; of a source that is summed over other splits only what may be summed."""
    named = {bound.metric.partition("@")[0]: column for column, bound in source.columns.items()}
    if set(source.by) <= {CHANNEL}:
        return named
    return {metric: column for metric, column in named.items() if dictionary.definitions[metric].kind in ADDITIVE}


def _rows(source: BoundSource, file: Path, dictionary: Dictionary) -> list[tuple[Any, ...]]:
    """Local day, channel where there is one, and a value for each of the source's metrics."""
    reader = "read_parquet(?)" if file.suffix == ".parquet" else "read_csv(?, all_varchar = true, header = true)"
    time = f"timezone('{source.time_zone}', CAST({instant_text(source)} AS TIMESTAMPTZ))"
    keys = [f"{time} AS starts_at", *map(quoted, _split(source))]
    values = [f"sum(TRY_CAST({quoted(c)} AS DOUBLE))" for c in _columns(source, dictionary).values()]
    text = f"SELECT {', '.join([*keys, *values])} FROM {reader} GROUP BY ALL ORDER BY ALL"
    with duckdb_session() as connection:
        try:
            return connection.execute(text, [str(file)]).fetchall()
        except duckdb.Error as error:
            reason = str(error).partition("\n")[0]
            raise UserError(Problem(say("cannot be read: {reason}", reason=reason), file=str(file))) from error


def _again(held: list[tuple[Any, ...]], added: list[tuple[Any, ...]], file: str, splits: int) -> list[Problem]:
    """Rows that stand in an earlier file of the source too."""
    known = {row[: 1 + splits] for row in held}
    again = [row for row in added if row[: 1 + splits] in known]
    if not again:
        return []
    what = say("rows that stand in another file of the source too, the first of {day}", day=f"{again[0][0]:%Y-%m-%d}")
    counted = say("{count} × {what}", count=len(again), what=what)
    return [Problem(counted, say("keep one of each"), file=file, key="E_DUP")]


def _values(
    source: BoundSource, rows: list[tuple[Any, ...]], dictionary: Dictionary
) -> Iterator[tuple[str, list[Value]]]:
    newest = max((row[0] for row in rows), default=datetime.min)
    splits = len(_split(source))
    for place, metric in enumerate(_columns(source, dictionary), start=1 + splits):
        settled = timedelta(hours=settling_hours(metric, dictionary.definitions))
        yield (
            metric,
            [Value(row[0], tuple(row[1 : 1 + splits]), row[place], row[0] + settled <= newest) for row in rows],
        )
