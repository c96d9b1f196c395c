"""A definition as SQL (DuckDB's): what a number means, written so that it can be run.

Every table has `at_utc`, naive UTC. A query returns `starts_at` (naive, in the definition's zone), the `by` columns as
text, and `value`. Distinct things are counted once, where they were first seen: values of a split add up to the whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from campaign.settings import minutes_of_day
from metrics.definitions import Definition

Definitions = Mapping[str, Definition]
ADDITIVE = ("sum", "count", "count_distinct")


def query(name: str, definitions: Definitions, by: Sequence[str] = ()) -> str:
    """The SELECT that computes a metric, split by columns of its tables."""
    definition = definitions[name]
    if definition.kind == "ratio":
        return _ratio(definition, definitions, by)
    if definition.kind == "cohort_ratio":
        return _cohort_ratio(definition, definitions, by)
    if definition.kind == "cohort_value":
        return _cohort_value(definition, definitions, by)
    return _of_table(definition, by)


def tables_of(name: str, definitions: Definitions) -> tuple[str, ...]:
    """Every table that a metric is computed from."""
    definition = definitions[name]
    own = {definition.table} if definition.table else set()
    return tuple(sorted(own.union(*(tables_of(part, definitions) for part in definition.references.values()))))


def settling_hours(name: str, definitions: Definitions) -> float:
    """How long after a period's end its value may still change: settling of all parts, and the wait for returns."""
    definition = definitions[name]
    wait = definition.return_days.last + 1 if definition.return_days else definition.horizon_days or 0
    parts = [settling_hours(part, definitions) for part in definition.references.values()]
    return max([definition.settles_after_hours or 0.0, *parts]) + 24.0 * wait


def _of_table(definition: Definition, by: Sequence[str]) -> str:
    values = {
        "sum": f"CAST(sum({definition.value}) AS DOUBLE)",
        "count": "CAST(count(*) AS DOUBLE)",
        "count_distinct": "CAST(count(*) AS DOUBLE)",
        "quantile": f"quantile_cont({definition.value}, {definition.quantile})",
        "gauge": {"max": "max({0})", "mean": "avg({0})", "last": "arg_max({0}, at_utc)"}[
            definition.reading or "last"
        ].format(definition.value),
    }
    source = f"({_once(definition, by)})" if definition.kind == "count_distinct" else f"({_rows(definition)})"
    columns = ", ".join([f"{_period(definition, 'at_utc')} AS starts_at", *_split(by)])
    return f"SELECT {columns}, {values[definition.kind]} AS value FROM {source} GROUP BY ALL"


def _rows(definition: Definition) -> str:
    return f"SELECT * FROM {_quoted(definition.table or '')} WHERE ({definition.filter or 'true'})"


def _once(definition: Definition, by: Sequence[str]) -> str:
    """One row for each thing that counts: `who`, when it was first seen, and where."""
    who = definition.identity
    firsts = [f"arg_min({_quoted(column)}, at_utc) AS {_quoted(column)}" for column in by]
    if definition.dedupe in ("first_ever", "per_day"):
        day = f", {_day(definition, 'at_utc')}" if definition.dedupe == "per_day" else ""
        columns = ", ".join([f"{who} AS who", "min(at_utc) AS at_utc", *firsts])
        return f"SELECT {columns} FROM ({_rows(definition)}) WHERE {who} IS NOT NULL GROUP BY {who}{day}"
    columns = ", ".join([f"{who} AS who", "at_utc", *map(_quoted, by)])
    rows = f"SELECT {columns} FROM ({_rows(definition)}) WHERE {who} IS NOT NULL"
    if definition.dedupe == "none":
        return rows
    gap = "at_utc - lag(at_utc) OVER (PARTITION BY who ORDER BY at_utc)"
    return f"{rows} QUALIFY coalesce({gap} > INTERVAL '{definition.window_minutes:g} minutes', true)"


def _ratio(definition: Definition, definitions: Definitions, by: Sequence[str]) -> str:
    above, below = definition.numerator or "", definition.denominator or ""
    top = "coalesce(n.value, 0)" if definitions[above].kind in ADDITIVE else "n.value"
    otherwise = "0" if definition.zero_denominator == "zero" else "NULL"
    value = f"CASE WHEN d.value = 0 THEN {otherwise} ELSE {definition.scale or 1:g} * {top} / d.value END"
    keys = ", ".join(["starts_at", *map(_quoted, by)])
    numerator, denominator = query(above, definitions, by), query(below, definitions, by)
    return f"SELECT {keys}, {value} AS value FROM ({numerator}) n FULL JOIN ({denominator}) d USING ({keys})"


def _cohort_ratio(definition: Definition, definitions: Definitions, by: Sequence[str]) -> str:
    cohort, returns = definitions[definition.cohort or ""], definitions[definition.returns or ""]
    assert definition.return_days
    first, last = definition.return_days.first, definition.return_days.last
    if definition.return_window == "calendar":
        seen = f"SELECT DISTINCT {cohort.identity} AS who, {_day(cohort, 'at_utc')} AS day FROM ({_rows(returns)})"
        within = f"date_diff('day', {_day(cohort, 'c.at_utc')}, r.day) BETWEEN {first} AND {last}"
    else:
        seen = f"SELECT {cohort.identity} AS who, at_utc FROM ({_rows(returns)})"
        within = f"r.at_utc >= c.at_utc + INTERVAL '{first} days' AND r.at_utc < c.at_utc + INTERVAL '{last + 1} days'"
    columns = ", ".join([f"{_period(definition, 'c.at_utc')} AS starts_at", *_split(by, "c.")])
    value = "CAST(count(DISTINCT r.who) AS DOUBLE) / count(DISTINCT c.who)"
    return (
        f"SELECT {columns}, {value} AS value FROM ({_once(cohort, by)}) c "
        f"LEFT JOIN ({seen}) r ON r.who = c.who AND {within} GROUP BY ALL"
    )


def _cohort_value(definition: Definition, definitions: Definitions, by: Sequence[str]) -> str:
    cohort, returns = definitions[definition.cohort or ""], definitions[definition.returns or ""]
    paid = f"SELECT {cohort.identity} AS who, at_utc, {returns.value} AS amount FROM ({_rows(returns)})"
    within = f"r.at_utc >= c.at_utc AND r.at_utc < c.at_utc + INTERVAL '{definition.horizon_days} days'"
    columns = ", ".join([f"{_period(definition, 'c.at_utc')} AS starts_at", *_split(by, "c.")])
    value = "CAST(coalesce(sum(r.amount), 0) AS DOUBLE) / count(DISTINCT c.who)"
    return (
        f"SELECT {columns}, {value} AS value FROM ({_once(cohort, by)}) c "
        f"LEFT JOIN ({paid}) r ON r.who = c.who AND {within} GROUP BY ALL"
    )


def _split(by: Sequence[str], of: str = "") -> list[str]:
    return [f"coalesce(CAST({of}{_quoted(column)} AS VARCHAR), '') AS {_quoted(column)}" for column in by]


def _local(definition: Definition, column: str) -> str:
    shift = minutes_of_day(definition.day_starts)
    return f"(timezone('{definition.time_zone}', timezone('UTC', {column})) - INTERVAL '{shift} minutes')"


def _day(definition: Definition, column: str) -> str:
    return f"date_trunc('day', {_local(definition, column)})"


def _period(definition: Definition, column: str) -> str:
    return f"date_trunc('{definition.grain}', {_local(definition, column)})"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
