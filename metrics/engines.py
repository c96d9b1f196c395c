"""The same definition for engines that hold more data than one machine: SQL rewritten by sqlglot.

Every engine needs the tables of the definition with a column `at_utc`: a timestamp without zone, in UTC. What sqlglot
does not carry over is rewritten here: the wall clock of a zone, the value on the first (or newest) row, quantiles.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import sqlglot
from sqlglot import exp

from campaign.errors import Problem, UserError, nearest
from campaign.language import say
from metrics.sql import Asked, Definitions, query

Engine = Literal["duckdb", "postgres", "clickhouse", "spark", "trino", "bigquery"]
ENGINES: tuple[Engine, ...] = get_args(Engine)

# {column} and {zone} are filled in. at_utc has no zone: it is first said to be UTC, then read off in the zone.
LOCAL_TIME: dict[Engine, str] = {
    "postgres": "timezone({zone}, timezone('UTC', {column}))",
    "clickhouse": "toTimeZone({column}, {zone})",  # a DateTime('UTC') column
    "spark": "from_utc_timestamp({column}, {zone})",
    "trino": "CAST(with_timezone({column}, 'UTC') AT TIME ZONE {zone} AS TIMESTAMP)",
    "bigquery": "DATETIME(TIMESTAMP({column}, 'UTC'), {zone})",  # a DATETIME column
}
ON_FIRST_ROW: dict[Engine, str] = {
    "postgres": "(ARRAY_AGG({value} ORDER BY {at}, {value}) FILTER (WHERE {value} IS NOT NULL))[1]",
    "spark": "MIN_BY({value}, STRUCT({at}, {value}))",
    "trino": "MIN_BY({value}, ROW({at}, {value}))",
    "bigquery": "ARRAY_AGG({value} IGNORE NULLS ORDER BY {at}, {value} LIMIT 1)[SAFE_OFFSET(0)]",
}
ON_NEWEST_ROW: dict[Engine, str] = {
    "postgres": "(ARRAY_AGG({value} ORDER BY {at} DESC) FILTER (WHERE {value} IS NOT NULL))[1]",
    "bigquery": "ARRAY_AGG({value} IGNORE NULLS ORDER BY {at} DESC LIMIT 1)[SAFE_OFFSET(0)]",
}
# Trino's and BigQuery's are approximate: neither has an exact quantile that aggregates.
QUANTILE: dict[Engine, str] = {
    "clickhouse": "quantileExactInclusive({quantile})({value})",
    "spark": "percentile({value}, {quantile})",
    "trino": "approx_percentile({value}, {quantile})",
    "bigquery": "APPROX_QUANTILES({value}, 1000)[OFFSET({permille})]",
}


# Unmatched rows of a join are NULL there, not empty text, and an alias never hides a column.
SETTINGS: dict[Engine, str] = {"clickhouse": "\nSETTINGS join_use_nulls = 1, prefer_column_name_to_alias = 1"}


def known_engine(name: str) -> Engine:
    """An engine by its name.

    Raises:
        UserError: there is none of that name; suggests the nearest.
    """
    for engine in ENGINES:
        if engine == name:
            return engine
    raise UserError(Problem(say("{name} is not an engine surgeplan writes for", name=name), nearest(name, ENGINES)))


def query_for(engine: Engine, name: str, definitions: Definitions, by: Sequence[str] = ()) -> str:
    """The SELECT that computes a metric, in an engine's own SQL."""
    text = query(name, Asked(definitions, tuple(by)))
    if engine == "duckdb":
        return text
    tree = sqlglot.parse_one(text, read="duckdb")
    written = tree.transform(lambda node: _rewritten(node, engine)).sql(dialect=engine, pretty=True)
    return written + SETTINGS.get(engine, "")


def _rewritten(node: exp.Expr, engine: Engine) -> exp.Expr:
    zone = _zone_and_column(node)
    if zone is not None:
        return _filled(LOCAL_TIME[engine], engine, zone=zone[0], column=zone[1])
    if isinstance(node, exp.ArgMin) and engine in ON_FIRST_ROW:
        value, order = node.this, node.expression
        at = order.expressions[0] if isinstance(order, exp.Tuple) else order
        return _filled(ON_FIRST_ROW[engine], engine, value=value, at=at)
    if isinstance(node, exp.ArgMax) and engine in ON_NEWEST_ROW:
        return _filled(ON_NEWEST_ROW[engine], engine, value=node.this, at=node.expression)
    if isinstance(node, exp.PercentileCont) and engine in QUANTILE:
        share = float(node.expression.name)
        return _filled(QUANTILE[engine], engine, value=node.this, quantile=f"{share:g}", permille=f"{1000 * share:.0f}")
    if engine == "bigquery" and isinstance(node, exp.TimestampTrunc):
        return exp.DatetimeTrunc(this=node.this.transform(lambda n: _rewritten(n, engine)), unit=node.args["unit"])
    return node


def _zone_and_column(node: exp.Expr) -> tuple[exp.Expr, exp.Expr] | None:
    """Zone and column of `timezone('Asia/Shanghai', timezone('UTC', column))`."""
    if not (isinstance(node, exp.Anonymous) and node.name.lower() == "timezone" and len(node.expressions) == 2):
        return None
    inner = node.expressions[1]
    if not (isinstance(inner, exp.Anonymous) and inner.name.lower() == "timezone"):
        return None
    return node.expressions[0], inner.expressions[1]


def _filled(template: str, engine: Engine, **parts: exp.Expr | str) -> exp.Expr:
    written = {key: part if isinstance(part, str) else part.sql(dialect=engine) for key, part in parts.items()}
    return sqlglot.parse_one(template.format(**written), read=engine)
