"""A definition as SQL (DuckDB's): what a number means, written so that it can be run.

Every table has `at_utc`, naive UTC. A query returns `starts_at` (naive, in the definition's zone), the `by` columns as
text, and `value`. Distinct things are counted once, where they were first seen: values of a split add up to the whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from campaign.settings import minutes_of_day
from metrics.definitions import Definition

Definitions = Mapping[str, Definition]
ADDITIVE = ("sum", "count", "count_distinct")


@dataclass(frozen=True)
class Asked:
    """What a query is written for, and what already exists to write it on.

    values, once: relations that hold a metric's values, or its distinct things, by the metric's name.
    days: the column of every table that holds a row's local day, by (time zone, start of the day).
    """

    definitions: Definitions
    by: Sequence[str] = ()
    values: Mapping[str, str] = field(default_factory=dict)
    once: Mapping[str, str] = field(default_factory=dict)
    days: Mapping[tuple[str | None, str], str] = field(default_factory=dict)

    def relation(self, name: str) -> str:
        """The values of a metric, to select from."""
        return self.values.get(name) or f"({query(name, self)})"

    def things(self, name: str) -> str:
        """The distinct things of a metric, to select from."""
        return self.once.get(name) or f"({once(self.definitions[name], self)})"

    def row_day(self, definition: Definition) -> str:
        """The local day of a row of a metric's table."""
        return self.days.get((definition.time_zone, definition.day_starts)) or _day(definition, "at_utc")


def query(name: str, asked: Asked) -> str:
    """The SELECT that computes a metric, split by columns of its tables."""
    definition = asked.definitions[name]
    if definition.kind == "ratio":
        return _ratio(definition, asked)
    if definition.kind == "cohort_ratio":
        return _cohort_ratio(definition, asked)
    if definition.kind == "cohort_value":
        return _cohort_value(definition, asked)
    return _of_table(name, definition, asked)


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


def _of_table(name: str, definition: Definition, asked: Asked) -> str:
    values = {
        "sum": f"CAST(sum({definition.value}) AS DOUBLE)",
        "count": "CAST(count(*) AS DOUBLE)",
        "count_distinct": "CAST(count(*) AS DOUBLE)",
        "quantile": f"quantile_cont({definition.value}, {definition.quantile})",
        "gauge": {"max": "max({0})", "mean": "avg({0})", "last": "arg_max({0}, at_utc)"}[
            definition.reading or "last"
        ].format(definition.value),
    }
    distinct = definition.kind == "count_distinct"
    source = asked.things(name) if distinct else f"({_rows(definition)})"
    period = _period(definition, "at_utc")
    if definition.grain == "day" and not (distinct and definition.dedupe != "per_day"):
        period = f"CAST({'day' if distinct else asked.row_day(definition)} AS TIMESTAMP)"
    columns = ", ".join([f"{period} AS starts_at", *_split(asked.by)])
    return f"SELECT {columns}, {values[definition.kind]} AS value FROM {source} AS t {_grouped(asked.by)}"


def _grouped(by: Sequence[str]) -> str:
    return "GROUP BY " + ", ".join(str(place + 1) for place in range(len(by) + 1))


def _rows(definition: Definition) -> str:
    return f"SELECT * FROM {quoted(definition.table or '')} WHERE ({definition.filter or 'true'})"


def once(definition: Definition, asked: Asked) -> str:
    """One row for each thing that counts: `who`, when it was first seen (and which `day`, if per day), and where."""
    who, rows = definition.identity, f"({_rows(definition)}) AS r"
    if definition.dedupe in ("first_ever", "per_day"):
        days = [asked.row_day(definition)] if definition.dedupe == "per_day" else []
        named = [f"{who} AS who", *(f"{day} AS day" for day in days)]
        columns = ", ".join([*named, "min(at_utc) AS at_utc", *map(_where_first, asked.by)])
        return f"SELECT {columns} FROM {rows} WHERE {who} IS NOT NULL GROUP BY {', '.join([str(who), *days])}"
    splits = "".join(f", {quoted(column)}" for column in asked.by)
    things = f"SELECT {who} AS who, at_utc{splits} FROM {rows} WHERE {who} IS NOT NULL"
    if definition.dedupe == "none":
        return things
    gap = "at_utc - lag(at_utc) OVER (PARTITION BY who ORDER BY at_utc)"
    fresh = f"coalesce({gap} > INTERVAL '{definition.window_minutes:g}' MINUTE, true) AS fresh"
    return f"SELECT who, at_utc{splits} FROM (SELECT *, {fresh} FROM ({things}) AS n) AS w WHERE fresh"


def _where_first(column: str) -> str:
    """The column's value on the first row; of several at that instant the smallest, so that the answer is one."""
    name = quoted(column)
    return f"arg_min({name}, (at_utc, {name})) AS {name}"


def _ratio(definition: Definition, asked: Asked) -> str:
    above, below = definition.numerator or "", definition.denominator or ""
    top = "coalesce(n.value, 0)" if asked.definitions[above].kind in ADDITIVE else "n.value"
    otherwise = "0" if definition.zero_denominator == "zero" else "NULL"
    value = f"CASE WHEN d.value = 0 THEN {otherwise} ELSE {definition.scale or 1:g} * {top} / d.value END"
    keys = ", ".join(["starts_at", *map(quoted, asked.by)])
    joined = f"{asked.relation(above)} AS n FULL JOIN {asked.relation(below)} AS d USING ({keys})"
    return f"SELECT {keys}, {value} AS value FROM {joined}"


def _cohort_ratio(definition: Definition, asked: Asked) -> str:
    name = definition.cohort or ""
    cohort, returns = asked.definitions[name], asked.definitions[definition.returns or ""]
    assert definition.return_days
    first, last = definition.return_days.first, definition.return_days.last
    if definition.return_window == "calendar":
        seen = _days_seen(cohort, definition.returns or "", asked)
        day_zero = f"CAST({_day(cohort, 'c.at_utc')} AS DATE)"
        within = f"date_diff('day', {day_zero}, CAST(r.day AS DATE)) BETWEEN {first} AND {last}"
    else:
        seen = f"SELECT {cohort.identity} AS who, at_utc FROM ({_rows(returns)}) AS b"
        within = f"r.at_utc >= c.at_utc + INTERVAL '{first}' DAY AND r.at_utc < c.at_utc + INTERVAL '{last + 1}' DAY"
    columns = ", ".join([f"{_period(definition, 'c.at_utc')} AS starts_at", *_split(asked.by, "c.")])
    value = "CAST(count(DISTINCT r.who) AS DOUBLE) / count(DISTINCT c.who)"
    return (
        f"SELECT {columns}, {value} AS value FROM {asked.things(name)} AS c "
        f"LEFT JOIN ({seen}) AS r ON r.who = c.who AND {within} {_grouped(asked.by)}"
    )


def _days_seen(cohort: Definition, name: str, asked: Asked) -> str:
    """The days on which each member of a cohort came back; from what is already counted per day, where that is it."""
    returns = asked.definitions[name]
    same_days = (cohort.time_zone, cohort.day_starts) == (returns.time_zone, returns.day_starts)
    if name in asked.once and returns.dedupe == "per_day" and returns.identity == cohort.identity and same_days:
        return f"SELECT who, day FROM {asked.once[name]}"
    return f"SELECT DISTINCT {cohort.identity} AS who, {asked.row_day(cohort)} AS day FROM ({_rows(returns)}) AS b"


def _cohort_value(definition: Definition, asked: Asked) -> str:
    name = definition.cohort or ""
    cohort, returns = asked.definitions[name], asked.definitions[definition.returns or ""]
    paid = f"SELECT {cohort.identity} AS who, at_utc, {returns.value} AS amount FROM ({_rows(returns)}) AS b"
    within = f"r.at_utc >= c.at_utc AND r.at_utc < c.at_utc + INTERVAL '{definition.horizon_days}' DAY"
    columns = ", ".join([f"{_period(definition, 'c.at_utc')} AS starts_at", *_split(asked.by, "c.")])
    value = "CAST(coalesce(sum(r.amount), 0) AS DOUBLE) / count(DISTINCT c.who)"
    return (
        f"SELECT {columns}, {value} AS value FROM {asked.things(name)} AS c "
        f"LEFT JOIN ({paid}) AS r ON r.who = c.who AND {within} {_grouped(asked.by)}"
    )


def _split(by: Sequence[str], of: str = "") -> list[str]:
    return [f"coalesce(CAST({of}{quoted(column)} AS VARCHAR), '') AS {quoted(column)}" for column in by]


def local_time(zone: str | None, day_starts: str, column: str) -> str:
    """The wall clock of a naive UTC column, moved so that the day begins at midnight."""
    shift = minutes_of_day(day_starts)
    local = f"timezone('{zone}', timezone('UTC', {column}))"
    return f"({local} - INTERVAL '{shift}' MINUTE)" if shift else local


def _day(definition: Definition, column: str) -> str:
    return f"date_trunc('day', {local_time(definition.time_zone, definition.day_starts, column)})"


def _period(definition: Definition, column: str) -> str:
    return f"date_trunc('{definition.grain}', {local_time(definition.time_zone, definition.day_starts, column)})"


def quoted(name: str) -> str:
    """A name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'
