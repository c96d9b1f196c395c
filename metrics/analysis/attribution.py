"""Which touch gets the credit: first, last, linear or position, within a window before the act.

Position gives 40 % to the first, 40 % to the last and shares 20 % among those between (halves where there are two).
An act without any touch in its window is `organic`. Under every model the credits add up to the metric itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from campaign.errors import Problem, UserError
from campaign.language import say
from metrics.analysis.touches import TOUCHES, load_touches
from metrics.definitions import Definition
from metrics.dictionary import Dictionary
from metrics.sql import Asked, once, quoted
from metrics.tables import duckdb_session, open_tables

MODELS = ("first", "last", "linear", "position")
ORGANIC = "organic"
DEFAULT_WINDOW_HOURS = 168.0
USER = "user_id"

WEIGHTS = {
    "first": "CASE WHEN place = 1 THEN 1.0 ELSE 0.0 END",
    "last": "CASE WHEN place = touches THEN 1.0 ELSE 0.0 END",
    "linear": "1.0 / touches",
    "position": (
        "CASE WHEN touches = 1 THEN 1.0 WHEN touches = 2 THEN 0.5 WHEN place IN (1, touches) THEN 0.4 "
        "ELSE 0.2 / (touches - 2) END"
    ),
}


@dataclass(frozen=True)
class Credit:
    """What a channel is credited with, under each model in the order of `MODELS`."""

    channel: str
    credits: tuple[float, ...]


@dataclass(frozen=True)
class Attributed:
    """Credits by channel, the most by the definition's own model first; touches: how many were read."""

    metric: str
    model: str
    window_hours: float
    touches: int
    credits: tuple[Credit, ...]


def attribute(name: str, dictionary: Dictionary, data: Path, window_hours: float | None = None) -> Attributed:
    """A sum's or count's credit by channel under all four models.

    The window is the definition's unless given. The metric's table needs a column `user_id`, the one that touches have.

    Raises:
        UserError: the metric is no sum or count, or tables, columns or touches are missing.
    """
    definition = dictionary.definitions[name]
    if definition.kind not in ("sum", "count", "count_distinct"):
        todo = say("attribute its numerator instead") if definition.kind == "ratio" else None
        raise UserError(Problem(say("a {kind} has no acts to give credit for", kind=definition.kind), todo, key=name))
    given = definition.attribution
    hours = window_hours or (given.window_hours if given else DEFAULT_WINDOW_HOURS)
    with duckdb_session() as connection:
        touches = load_touches(connection, data)
        open_tables(connection, {name: definition}, data, (USER,))
        rows = _credits(connection, name, definition, dictionary, hours)
    model = given.model if given else "last"
    credits = [Credit(row[0], tuple(map(float, row[1:]))) for row in rows]
    order = sorted(credits, key=lambda c: (-c.credits[MODELS.index(model)], c.channel))
    return Attributed(name, model, hours, touches, tuple(order))


def _credits(
    connection: duckdb.DuckDBPyConnection, name: str, definition: Definition, dictionary: Dictionary, hours: float
) -> Sequence[tuple[Any, ...]]:
    sums = ", ".join(f"sum(value * {WEIGHTS[model]}) AS {quoted(model)}" for model in MODELS)
    text = f"""
        WITH acts AS (SELECT row_number() OVER () AS act, * FROM ({_acts(definition, dictionary)})),
        met AS (
            SELECT a.act, a.value, t.channel,
                row_number() OVER (PARTITION BY a.act ORDER BY t.at_utc, t.channel) AS place,
                count(*) OVER (PARTITION BY a.act) AS touches
            FROM acts AS a LEFT JOIN {TOUCHES} AS t
            ON t.user_id = a.user_id AND t.at_utc <= a.at_utc AND t.at_utc >= a.at_utc - INTERVAL '{hours:g} hours'
        )
        SELECT coalesce(channel, '{ORGANIC}') AS credited, {sums} FROM met GROUP BY 1 ORDER BY 1
    """
    try:
        return connection.execute(text).fetchall()
    except duckdb.Error as error:
        reason = str(error).partition("\n")[0]
        todo = say("its table needs the column {column}, as the touches have it", column=USER)
        raise UserError(
            Problem(say("cannot be computed: {reason}", reason=reason), todo, key=f"metrics.{name}")
        ) from error


def _acts(definition: Definition, dictionary: Dictionary) -> str:
    """user_id, at_utc and value of every act that counts."""
    if definition.kind == "count_distinct":
        things = once(definition, Asked(dictionary.definitions, (USER,)))
        return f"SELECT CAST({USER} AS VARCHAR) AS user_id, at_utc, 1.0 AS value FROM ({things})"
    value = definition.value if definition.kind == "sum" else "1.0"
    table, filtered = quoted(definition.table or ""), definition.filter or "true"
    return f"SELECT CAST({USER} AS VARCHAR) AS user_id, at_utc, {value} AS value FROM {table} WHERE ({filtered})"
