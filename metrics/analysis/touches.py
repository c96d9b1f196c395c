"""Touches: who met which channel when; from a plain table, or from Adjust's and AppsFlyer's raw exports.

`touches*`: at, user_id, channel. `adjust*`: raw export placeholders as headings, with or without braces (created_at,
click_time and installed_at in epoch seconds). `appsflyer*`: raw data report, times in UTC as AppsFlyer exports them,
with up to three contributors before the attributed touch.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import duckdb

from campaign.errors import Problem, UserError
from campaign.language import say
from metrics.sql import quoted
from metrics.tables import ENDINGS, OFFSET

TOUCHES = "touches"
PREFIXES = ("adjust", "appsflyer", "touches")
CONTRIBUTORS = (1, 2, 3)
ADJUST_ACTS = "'click', 'impression', 'install', 'reattribution'"


def has_touches(data: Path) -> bool:
    """Whether a folder holds any export of touches."""
    return any(p.name.endswith(ENDINGS) for prefix in PREFIXES for p in data.glob(f"{prefix}*"))


def load_touches(connection: duckdb.DuckDBPyConnection, data: Path) -> int:
    """Make the table `touches` (user_id, at_utc, channel) of all exports in a folder; returns how many there are.

    Raises:
        UserError: there is none, or one lacks the columns of its shape.
    """
    shapes = zip(PREFIXES, (_adjust, _appsflyer, _plain), strict=True)
    selects: list[str] = []
    problems: list[Problem] = []
    for prefix, shape in shapes:
        for file in sorted(p for p in data.glob(f"{prefix}*") if p.name.endswith(ENDINGS)):
            rows, columns = _read(connection, file)
            try:
                selects += shape(file, rows, columns)
            except UserError as error:
                problems += error.problems
    if not selects and not problems:
        todo = say("export touches.csv (at, user_id, channel), or raw data as adjust*.csv or appsflyer*.csv")
        problems = [Problem(say("there are no touches"), todo, file=str(data))]
    if problems:
        raise UserError(problems)
    union = " UNION ".join(selects)  # the same touch stands beside every event that it is credited with
    connection.execute(f"CREATE TEMP TABLE {TOUCHES} AS SELECT * FROM ({union}) WHERE at_utc IS NOT NULL")
    counted = connection.execute(f"SELECT count(*) FROM {TOUCHES}").fetchone()
    return int(counted[0]) if counted else 0


def _read(connection: duckdb.DuckDBPyConnection, file: Path) -> tuple[str, list[str]]:
    path = str(file).replace("'", "''")
    parquet = file.name.endswith(".parquet")
    rows = f"read_parquet('{path}')" if parquet else f"read_csv('{path}', header = true, all_varchar = true)"
    try:
        described = connection.execute(f"DESCRIBE SELECT * FROM {rows}").fetchall()
    except duckdb.Error as error:
        reason = str(error).partition("\n")[0]
        raise UserError(Problem(say("cannot be read: {reason}", reason=reason), file=str(file))) from error
    return rows, [str(row[0]) for row in described]


def _plain(file: Path, rows: str, columns: list[str]) -> Iterator[str]:
    _require(file, columns, ("at", "user_id", "channel"))
    at = quoted("at")
    at = f"CASE WHEN regexp_matches(CAST({at} AS VARCHAR), '{OFFSET}') THEN TRY_CAST({at} AS TIMESTAMPTZ) END"
    yield _select("CAST(user_id AS VARCHAR)", f"timezone('UTC', {at})", "channel", rows, "true")


def _adjust(file: Path, rows: str, columns: list[str]) -> Iterator[str]:
    named = {column.strip("{}").lower(): quoted(column) for column in columns}
    _require(file, [*named], ("activity_kind", "adid", "network_name", "created_at"))
    who = f"coalesce(nullif({named['user_id']}, ''), {named['adid']})" if "user_id" in named else named["adid"]
    clicked = f"nullif(TRY_CAST({named['click_time']} AS BIGINT), 0)" if "click_time" in named else "NULL"
    seconds = f"coalesce({clicked}, TRY_CAST({named['created_at']} AS BIGINT))"
    channel, kind = named["network_name"], f"lower({named['activity_kind']})"
    wanted = f"{kind} IN ({ADJUST_ACTS}) AND lower({channel}) <> 'organic'"
    yield _select(who, f"make_timestamp({seconds} * 1000000)", channel, rows, wanted)


def _appsflyer(file: Path, rows: str, columns: list[str]) -> Iterator[str]:
    named = {column.lower(): quoted(column) for column in columns}
    _require(file, [*named], ("appsflyer id", "attributed touch time", "media source"))
    who = named["appsflyer id"]
    if "customer user id" in named:
        who = f"coalesce(nullif({named['customer user id']}, ''), {who})"
    pairs = [("attributed touch time", "media source")]
    pairs += [(f"contributor {n} touch time", f"contributor {n} media source") for n in CONTRIBUTORS]
    for time, source in pairs:
        if time in named and source in named:
            wanted = f"coalesce({named[source]}, '') <> '' AND lower({named[source]}) <> 'organic'"
            yield _select(who, f"TRY_CAST({named[time]} AS TIMESTAMP)", named[source], rows, wanted)


def _select(who: str, at_utc: str, channel: str, rows: str, wanted: str) -> str:
    return (
        f"SELECT {who} AS user_id, {at_utc} AS at_utc, CAST({channel} AS VARCHAR) AS channel FROM {rows} WHERE {wanted}"
    )


def _require(file: Path, columns: list[str], wanted: tuple[str, ...]) -> None:
    missing = [name for name in wanted if name not in columns]
    if missing:
        what = say("has no column {name}", name=", ".join(missing))
        raise UserError(Problem(what, say("export raw data with all of these columns"), file=str(file)))
