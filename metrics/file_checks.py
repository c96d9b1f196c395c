"""Checks of a submitted file against the dictionary: what its columns claim, and what can be recomputed from them.

A definition's id shows which meaning was claimed. Only recomputing a ratio from its parts tests that it was used.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from campaign.errors import Problem, UserError, nearest
from campaign.files import sha256
from campaign.language import Text, say
from metrics.definitions import MONEY, Definition
from metrics.dictionary import Dictionary
from metrics.faults import GRAIN_SECONDS, Code, Fault
from metrics.manifests import Binding, Manifest
from metrics.sql import quoted
from metrics.tables import OFFSET, duckdb_session

CURRENCY = "currency"
DATE = r"\d{4}-\d{2}-\d{2}"
SUMMED_ROWS_LEAST = 4  # of two channels and a total, an even half would be taken for a sum
RATIO_TOLERANCE = 1e-3  # reports round ratios to three digits or so


def check_file(path: Path, manifest: Manifest, dictionary: Dictionary) -> list[Fault]:
    """Every fault of a CSV or Parquet file, all at once.

    Raises:
        UserError: the file cannot be read at all.
    """
    faults = list(_claims(manifest, dictionary))
    if manifest.sha256 is not None and manifest.sha256 != sha256(path):
        faults.append(Fault("E_HASH", say("is not the file its manifest describes"), say("send both again together")))
    with duckdb_session() as connection:
        connection.execute("SET preserve_insertion_order = true")  # rows are told by their line
        columns = _open(connection, path, manifest)
        faults += _columns(columns, manifest)
        if not any(fault.code == "E_COLUMN" for fault in faults):
            faults += _contents(connection, manifest, dictionary)
    return faults


def _claims(manifest: Manifest, dictionary: Dictionary) -> Iterator[Fault]:
    """What the manifest says of its columns, against the dictionary."""
    for column, bound in manifest.columns.items():
        name, _, claimed = bound.metric.partition("@")
        if name not in dictionary.ids:
            yield Fault("E_UNKNOWN", say("there is no metric {name}", name=name), nearest(name, dictionary.ids), column)
            continue
        definition, now = dictionary.definitions[name], dictionary.ids[name]
        if claimed != now:
            what = say("claims {claimed}, the dictionary has {name}@{id}", claimed=bound.metric, name=name, id=now)
            yield Fault("E_DEF", what, say("compute it by today's definition, or agree on a new one"), column)
        if bound.unit != _unit(definition):
            what = say("is in {given}, the definition says {unit}", given=bound.unit, unit=_unit(definition))
            yield Fault("E_UNIT", what, say("convert it, and say so in the manifest"), column)
        if manifest.grain != definition.grain:
            what = say("is per {given}, the definition per {grain}", given=manifest.grain, grain=definition.grain)
            yield Fault("E_GRAIN", what, say("send the values at the definition's grain"), column)
        if manifest.time_zone != definition.time_zone:
            what = say("days are those of {given}, the definition's of {zone}", given=manifest.time_zone,
                       zone=definition.time_zone)  # fmt: skip
            yield Fault("E_ZONE", what, say("cut the days in the definition's zone"), column)


def _unit(definition: Definition) -> str:
    """The unit as files name it: the currency in place of the word money."""
    if definition.currency and definition.unit.startswith(MONEY):
        return definition.currency + definition.unit.removeprefix(MONEY)
    return definition.unit


def _open(connection: duckdb.DuckDBPyConnection, path: Path, manifest: Manifest) -> list[str]:
    """Make the table `submitted` (all text, with each row's `_line` and its instant `_at`) and return its columns.

    `_at` is NULL where a time has no offset or cannot be read.
    """
    source = "read_parquet($1)" if path.suffix == ".parquet" else "read_csv($1, all_varchar = true, header = true)"
    try:
        described = connection.execute(f"DESCRIBE SELECT * FROM {source}", [str(path)]).fetchall()
        columns = [str(row[0]) for row in described]
        time, at = "", "NULL"
        if manifest.time_column in columns:
            name = quoted(manifest.time_column)
            time = f" REPLACE ({instant_text(manifest)} AS {name})"
            at = f"CASE WHEN regexp_matches({name}::VARCHAR, '{OFFSET}') THEN TRY_CAST({name} AS TIMESTAMPTZ) END"
        numbered = f"SELECT row_number() OVER () + 1 AS _line, *{time} FROM {source}"
        connection.execute(f"CREATE TABLE submitted AS SELECT *, {at} AS _at FROM ({numbered})", [str(path)])
    except duckdb.Error as error:
        reason = str(error).partition("\n")[0]
        raise UserError(
            Problem(say("cannot be read: {reason}", reason=reason), say("send CSV or Parquet"), file=str(path))
        ) from error
    return columns


def instant_text(binding: Binding) -> str:
    """The time column as text; dates alone become the instants at which they begin, where the binding says so."""
    time = quoted(binding.time_column)
    if binding.dates == "instants":
        return time
    begin = f"timezone('UTC', timezone('{binding.time_zone}', TRY_CAST({time} AS TIMESTAMP)))"
    written = f"strftime({begin}, '%Y-%m-%dT%H:%M:%SZ')"
    return f"CASE WHEN regexp_matches({time}::VARCHAR, '^{DATE}$') THEN {written} ELSE {time}::VARCHAR END"


def _columns(columns: list[str], manifest: Manifest) -> Iterator[Fault]:
    known = {manifest.time_column, *manifest.by, *manifest.columns}
    for name in sorted(known - set(columns)):
        yield Fault("E_COLUMN", say("has no column {name}", name=name), nearest(name, columns))
    for name in sorted(set(columns) - known):
        todo = say("name it in the manifest, or leave it out")
        yield Fault("E_UNKNOWN", say("column {name} is bound to no metric", name=name), todo, name)


def _contents(connection: duckdb.DuckDBPyConnection, manifest: Manifest, dictionary: Dictionary) -> Iterator[Fault]:
    if not _one(connection, "SELECT count(*) FROM submitted")[0]:
        yield Fault("E_EMPTY", say("has no rows"), say("send the file again"))
        return
    time = quoted(manifest.time_column)
    yield from _first(
        connection, f"{time} IS NOT NULL AND NOT regexp_matches({time}::VARCHAR, '{OFFSET}')", "E_TZ",
        manifest.time_column, say("times without an offset"),
        say("write the offset too, such as 2026-11-10T00:00+08:00"),
    )  # fmt: skip
    unreadable = f"{time} IS NULL OR (regexp_matches({time}::VARCHAR, '{OFFSET}') AND _at IS NULL)"
    yield from _first(
        connection, unreadable, "E_TIME", manifest.time_column, say("times that cannot be read"),
        say("write them as 2026-11-10T00:00+08:00"),
    )  # fmt: skip
    yield from _duplicates(connection, manifest)
    yield from _boundaries(connection, manifest)
    for column, bound in manifest.columns.items():
        name = bound.metric.partition("@")[0]
        value = f"TRY_CAST({quoted(column)} AS DOUBLE)"
        yield from _first(
            connection, f"{quoted(column)} IS NOT NULL AND NOT coalesce(isfinite({value}), false)", "E_NUMBER", column,
            say("values that are no numbers"), say("leave a missing value empty"),
        )  # fmt: skip
        if name in dictionary.definitions:
            yield from _values(connection, column, name, manifest, dictionary)


def _duplicates(connection: duckdb.DuckDBPyConnection, manifest: Manifest) -> Iterator[Fault]:
    unread = f"CASE WHEN _at IS NULL THEN {quoted(manifest.time_column)}::VARCHAR END"
    keys = ", ".join(["_at", unread, *map(quoted, manifest.by)])
    most = _one(connection, f"SELECT max(n) FROM (SELECT count(*) AS n FROM submitted GROUP BY {keys})")
    if most[0] == 1:  # numbering every row costs four times as much: only where some stand twice
        return
    again = f"_line IN (SELECT _line FROM submitted QUALIFY row_number() OVER (PARTITION BY {keys} ORDER BY _line) > 1)"
    what = say("rows that stand twice (same time and {by})", by=", ".join(manifest.by) or "-")
    yield from _first(connection, again, "E_DUP", manifest.time_column, what, say("keep one of each"))


def _boundaries(connection: duckdb.DuckDBPyConnection, manifest: Manifest) -> Iterator[Fault]:
    if manifest.grain == "campaign":
        return
    local = f"(_at AT TIME ZONE '{manifest.time_zone}')"
    off = f"date_trunc('{manifest.grain}', {local}) <> {local}"
    what = say("times that do not begin a {grain} in {zone}", grain=manifest.grain, zone=manifest.time_zone)
    yield from _first(connection, off, "E_GRAIN", manifest.time_column, what, say("sum the rows up to the grain"))


def _values(
    connection: duckdb.DuckDBPyConnection, column: str, name: str, manifest: Manifest, dictionary: Dictionary
) -> Iterator[Fault]:
    definition = dictionary.definitions[name]
    value = f"TRY_CAST({quoted(column)} AS DOUBLE)"
    if definition.kind in ("count", "count_distinct") or definition.table == "ads":
        yield from _first(connection, f"{value} < 0", "E_NEGATIVE", column, say("negative values"), None)
    if definition.currency and CURRENCY in manifest.by:
        other = f"upper({CURRENCY}::VARCHAR) <> '{definition.currency.upper()}'"
        what = say("amounts in another currency than {currency}", currency=definition.currency)
        yield from _first(connection, other, "E_CURRENCY", column, what, say("convert them before they are sent"))
    if definition.kind == "cohort_ratio":
        outside = f"{value} NOT BETWEEN 0 AND 1"
        todo = say("write 0.25, not 25")
        yield from _first(connection, outside, "E_RANGE", column, say("shares outside 0 to 1"), todo)
    summed: list[Fault] = []
    if definition.kind in ("ratio", "cohort_ratio") and manifest.by:
        what = say("ratios that are the sum of the other rows' ratios")
        todo = say("sum the parts, then divide once")
        summed = [*_first(connection, _summed(column, manifest), "E_SUMMED", column, what, todo)]
        yield from summed
    if definition.kind == "ratio":
        but = _summed(column, manifest) if summed else "false"
        yield from _ratio(connection, column, definition, manifest, but)
    settles = definition.settles_after_hours
    if settles is not None and manifest.watermark is not None:
        settled = GRAIN_SECONDS[manifest.grain] + 3600 * settles
        young = f"epoch(_at) + {settled} > {manifest.watermark.timestamp()}"
        what = say("values that may still change (they settle after {hours} hours)", hours=f"{settles:g}")
        yield from _first(connection, young, "W_PRELIMINARY", column, what, None)


def _ratio(
    connection: duckdb.DuckDBPyConnection, column: str, definition: Definition, manifest: Manifest, but: str
) -> Iterator[Fault]:
    """Every row must equal numerator / denominator, where the file carries both; rows that are `but` are told apart."""
    parts = {bound.metric.partition("@")[0]: name for name, bound in manifest.columns.items()}
    above, below = parts.get(definition.numerator or ""), parts.get(definition.denominator or "")
    if above is None or below is None:
        missing = ", ".join(str(n) for n in (definition.numerator, definition.denominator) if n not in parts)
        what = say("cannot be recomputed: the file has no {parts}", parts=missing)
        yield Fault("W_UNVERIFIABLE", what, say("send the parts too"), column)
        return
    value, top, bottom = (f"TRY_CAST({quoted(c)} AS DOUBLE)" for c in (column, above, below))
    expected = f"{definition.scale or 1} * {top} / nullif({bottom}, 0)"
    off = f"abs({value} - {expected}) > {RATIO_TOLERANCE} * greatest(abs({expected}), 1e-9)"
    off = f"({off}) AND NOT {but}"
    what = say("values that are not {above} / {below}", above=above, below=below)
    yield from _first(
        connection, off, "E_RATIO", column, what, say("recompute them row by row; never sum or average ratios")
    )


def _summed(column: str, manifest: Manifest) -> str:
    """A total row that added ratios up: its value is the sum of three or more others of the same instant."""
    if not manifest.by:
        return "false"
    at = quoted(manifest.time_column)
    value = f"TRY_CAST({quoted(column)} AS DOUBLE)"
    whole = f"sum({value}) OVER (PARTITION BY {at})"
    rows = f"count({value}) OVER (PARTITION BY {at})"
    near = f"abs(2 * {value} - {whole}) <= {RATIO_TOLERANCE} * abs({value})"
    inner = f"SELECT _line, {rows} AS n, {value} <> 0 AND {near} AS suspect FROM submitted"
    return f"_line IN (SELECT _line FROM ({inner}) WHERE suspect AND n >= {SUMMED_ROWS_LEAST})"


def _first(
    connection: duckdb.DuckDBPyConnection, condition: str, code: Code, column: str, what: Text, todo: Text | None
) -> Iterator[Fault]:
    """One fault for all rows that meet a condition: how many, and the first one's line."""
    count, line = _one(connection, f"SELECT count(*), min(_line) FROM submitted WHERE {condition}")
    if count:
        yield Fault(code, say("{count} × {what}", count=count, what=what), todo, column, int(line))


def _one(connection: duckdb.DuckDBPyConnection, query: str) -> tuple[Any, ...]:
    row = connection.execute(query).fetchone()
    assert row is not None
    return row
