"""RFM segments of customers, and what each is worth: what such customers paid in the days after, in the data itself.

Scores are fifths by rank (1 to 5; ties share the lower score): how lately, how often, how much. A segment's value ahead
is measured, not modelled: customers are put into segments as of `horizon_days` ago, and their payments since averaged.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import duckdb

from campaign.errors import Problem, UserError
from campaign.language import Text, say
from metrics.definitions import Definition
from metrics.dictionary import Dictionary
from metrics.sql import quoted
from metrics.tables import duckdb_session, open_tables

SALES = "gmv_paid"
NORMAL_95 = 1.959964
LEAST_CUSTOMERS = 30

# In this order; the first that fits.
SEGMENTS = {
    "champions": "r >= 4 AND f >= 4",
    "loyal": "f >= 4 AND r >= 2",
    "lost-loyal": "f >= 4",
    "new": "r >= 4 AND orders = 1",
    "promising": "r >= 4",
    "big-spenders": "m = 5",
    "needs-attention": "r = 3",
    "hibernating": "true",
}
TITLES: dict[str, Text] = {
    "champions": say("champions: lately and often"),
    "loyal": say("loyal: often"),
    "lost-loyal": say("lost loyal: often, but long ago"),
    "new": say("new: one order, lately"),
    "promising": say("promising: lately"),
    "big-spenders": say("big spenders"),
    "needs-attention": say("slipping away"),
    "hibernating": say("hibernating"),
}


@dataclass(frozen=True)
class Segment:
    """One segment today. paid: the customers' mean so far.

    ahead: mean per customer in the next `horizon_days` between the ends of its 95 % interval, from `measured`
    customers; None where fewer than thirty were in the segment then.
    """

    name: str
    customers: int
    paid: float
    ahead: tuple[float, float, float] | None
    measured: int


@dataclass(frozen=True)
class Segmented:
    """Segments in the order of the table, and who is in which."""

    as_of: date
    horizon_days: int
    segments: tuple[Segment, ...]
    members: dict[str, list[str]]

    def audience(self, names: list[str]) -> int:
        return sum(len(self.members.get(name, [])) for name in names)


def segment(dictionary: Dictionary, data: Path, horizon_days: int) -> Segmented:
    """Every paying customer's segment as of the newest row.

    Raises:
        UserError: the orders are missing or lack a column, or nobody paid.
    """
    definition = dictionary.definitions[SALES]
    with duckdb_session() as connection:
        opened = open_tables(connection, {SALES: definition}, data, ("user_id",))
        newest = datetime.fromtimestamp(opened.newest[definition.table or ""], UTC).replace(tzinfo=None)
        try:
            now = _segmented(connection, definition, newest)
            then = newest - timedelta(days=horizon_days)
            earlier = _segmented(connection, definition, then)
            after = _paid_after(connection, definition, then)
        except duckdb.Error as error:
            reason = str(error).partition("\n")[0]
            raise UserError(Problem(say("cannot be computed: {reason}", reason=reason), file=str(data))) from error
    if not now:
        raise UserError(Problem(say("nobody paid yet"), say("export orders of at least a few weeks"), file=str(data)))
    members = {name: [who for who, (segment, _) in now.items() if segment == name] for name in SEGMENTS}
    made = tuple(_segment(name, now, earlier, after) for name in SEGMENTS)
    return Segmented(newest.date(), horizon_days, made, members)


Scored = dict[str, tuple[str, float]]


def _segmented(connection: duckdb.DuckDBPyConnection, definition: Definition, as_of: datetime) -> Scored:
    """Each customer's segment and payments as of an instant."""
    cases = " ".join(f"WHEN {condition} THEN '{name}'" for name, condition in SEGMENTS.items())
    score = "least(5, 1 + CAST(floor(5 * percent_rank() OVER (ORDER BY {0})) AS INTEGER))"
    text = f"""
        WITH customers AS (
            SELECT CAST(user_id AS VARCHAR) AS who, max(at_utc) AS newest, count(*) AS orders,
                CAST(sum({definition.value}) AS DOUBLE) AS paid
            FROM {quoted(definition.table or "")}
            WHERE ({definition.filter or "true"}) AND at_utc <= TIMESTAMP '{as_of}' AND user_id IS NOT NULL GROUP BY 1
        ), scored AS (
            SELECT *, {score.format("newest")} AS r, {score.format("orders")} AS f, {score.format("paid")} AS m
            FROM customers
        )
        SELECT who, CASE {cases} END, paid FROM scored ORDER BY who
    """
    return {row[0]: (row[1], row[2]) for row in connection.execute(text).fetchall()}


def _paid_after(connection: duckdb.DuckDBPyConnection, definition: Definition, since: datetime) -> dict[str, float]:
    text = f"""
        SELECT CAST(user_id AS VARCHAR), CAST(sum({definition.value}) AS DOUBLE)
        FROM {quoted(definition.table or "")}
        WHERE ({definition.filter or "true"}) AND at_utc > TIMESTAMP '{since}' AND user_id IS NOT NULL GROUP BY 1
    """
    return {row[0]: row[1] for row in connection.execute(text).fetchall()}


def _segment(name: str, now: Scored, earlier: Scored, after: dict[str, float]) -> Segment:
    here = [paid for segment, paid in now.values() if segment == name]
    then = [after.get(who, 0.0) for who, (segment, _) in earlier.items() if segment == name]
    paid = sum(here) / len(here) if here else 0.0
    return Segment(name, len(here), paid, _mean(then) if len(then) >= LEAST_CUSTOMERS else None, len(then))


def _mean(values: list[float]) -> tuple[float, float, float]:
    """Low, mean and high of the 95 % interval of a mean."""
    count, mean = len(values), sum(values) / len(values)
    variance = sum((v - mean) ** 2 for v in values) / (count - 1)
    half = NORMAL_95 * (variance / count) ** 0.5
    return mean - half, mean, mean + half
