"""Values of metrics from a folder of event tables, by DuckDB: recomputed, not only claimed.

Every table is read once, every set of distinct things and every part of a ratio is worked out once, however many
metrics are made of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import duckdb

from campaign.errors import Problem, UserError
from campaign.language import say
from metrics.credited import CHANNEL, credited
from metrics.definitions import Definition
from metrics.dictionary import Dictionary
from metrics.faults import GRAIN_SECONDS, Fault
from metrics.row_checks import row_faults
from metrics.sql import Asked, once, query, quoted, settling_hours, tables_of
from metrics.tables import Opened, asked_of, duckdb_session, open_tables


@dataclass(frozen=True)
class Value:
    """One value: the period's start (naive, in the definition's zone), its split, and whether it may still change."""

    starts_at: datetime
    by: tuple[str, ...]
    value: float | None
    final: bool

    def as_json(self) -> dict[str, Any]:
        """As commands print it."""
        at = self.starts_at.isoformat()
        return {"starts_at": at, "by": list(self.by), "value": self.value, "final": self.final}


@dataclass(frozen=True)
class Split:
    """What values are split by. families: each channel's; starts: each campaign's begin, to mark what is before."""

    by: tuple[str, ...] = ()
    families: Mapping[str, str] | None = None
    starts: Mapping[str, datetime] | None = None


@dataclass(frozen=True)
class Computed:
    """Values by metric, what is marked about the rows they were made of, and which have a touch's channel."""

    values: dict[str, list[Value]]
    warnings: tuple[tuple[str, Fault], ...] = ()
    credited: tuple[str, ...] = ()


def compute(name: str, dictionary: Dictionary, data: Path, by: Sequence[str] = ()) -> list[Value]:
    """A metric's values in order of time and split; see `compute_all`."""
    return compute_all([name], dictionary, data, Split(tuple(by))).values[name]


def compute_all(names: Sequence[str], dictionary: Dictionary, data: Path, split: Split = Split()) -> Computed:
    """The values of several metrics, each in order of time and split.

    `data` holds `<table>*.csv|.csv.gz|.parquet`, each with `at` or `starts_at` (with offset) and the columns that the
    definitions name. A value is final once the youngest row of every table is past its settling time.

    Where `data` holds touches, a split by channel has the channel of the touch that a definition's attribution names.

    Raises:
        UserError: a table or column is missing, times have no offset, a spend is negative, or a definition has no
            grain to compute by.
    """
    for name in names:
        _refuse_without_grain(name, dictionary)
    ordered = _parts_first(names, dictionary.definitions)
    definitions = {name: dictionary.definitions[name] for name in ordered}
    with duckdb_session() as connection:
        opened = open_tables(connection, definitions, data, split.by, split.families)
        warnings = row_faults(opened, definitions, split.starts or {})
        changed: dict[str, Definition] = {}
        if CHANNEL in split.by:
            opened, changed = credited(opened, definitions, data)
        asked = asked_of(opened, dict(dictionary.definitions) | changed, split.by)
        values = {}
        for name in ordered:
            asked = _with_values(name, asked, opened, data)
            if name in names:
                values[name] = _fetched(name, asked, opened)
    return Computed({name: values[name] for name in names}, tuple(warnings), tuple(sorted(changed)))


def sample_of(definition: Definition) -> tuple[str, ...]:
    """The metric that counts what is behind each value, where the definition sets a least sample."""
    return tuple(filter(None, [definition.cohort or definition.denominator])) if definition.sample_min else ()


def too_small(name: str, computed: Computed, dictionary: Dictionary) -> set[tuple[object, ...]]:
    """The values (by `key`) with fewer behind them than the definition's least sample."""
    definition = dictionary.definitions[name]
    samples = [value for sample in sample_of(definition) for value in computed.values[sample]]
    return {key(sample) for sample in samples if (sample.value or 0) < (definition.sample_min or 0)}


def key(value: Value) -> tuple[object, ...]:
    """What tells a value from the others of its metric."""
    return (value.starts_at, *value.by)


def _refuse_without_grain(name: str, dictionary: Dictionary) -> None:
    if dictionary.definitions[name].grain == "campaign":
        todo = say("compute it per day, and sum what may be summed")
        what = say("{name} has no period of time to compute by", name=name)
        raise UserError(Problem(what, todo, key=f"metrics.{name}"))


def _parts_first(names: Sequence[str], definitions: Mapping[str, Definition]) -> list[str]:
    """The metrics and all they are made of, parts before wholes."""
    found: list[str] = []

    def visit(name: str) -> None:
        if name not in found:
            for part in definitions[name].references.values():
                visit(part)
            found.append(name)

    for name in names:
        visit(name)
    return found


def _with_values(name: str, asked: Asked, opened: Opened, data: Path) -> Asked:
    """The context with one more metric worked out."""
    definition = asked.definitions[name]
    try:
        if definition.kind == "count_distinct":
            things = quoted(f"things of {name}")
            opened.connection.execute(f"CREATE TEMP TABLE {things} AS {once(definition, asked)}")
            asked = replace(asked, once={**asked.once, name: things})
        values = quoted(f"values of {name}")
        opened.connection.execute(f"CREATE TEMP TABLE {values} AS {query(name, asked)}")
    except duckdb.OutOfMemoryException as error:
        todo = say("compute fewer metrics at once, or send the query of --sql to an engine that holds the data")
        raise UserError(
            Problem(say("does not fit into memory"), todo, file=str(data), key=f"metrics.{name}")
        ) from error
    except duckdb.Error as error:
        reason = str(error).partition("\n")[0]
        tables = ", ".join(tables_of(name, asked.definitions))
        todo = say("its tables are {tables}: add the column, or correct the definition", tables=tables)
        raise UserError(
            Problem(say("cannot be computed: {reason}", reason=reason), todo, file=str(data), key=f"metrics.{name}")
        ) from error
    return replace(asked, values={**asked.values, name: values})


def _fetched(name: str, asked: Asked, opened: Opened) -> list[Value]:
    definition = asked.definitions[name]
    newest = min(opened.newest[table] for table in tables_of(name, asked.definitions))
    settled = GRAIN_SECONDS[definition.grain] + 3600 * settling_hours(name, asked.definitions)
    keys = "".join(f", {quoted(column)}" for column in asked.by)
    start = f"timezone('{definition.time_zone}', starts_at)"
    text = (
        f"SELECT starts_at{keys}, value, epoch({start}) + {settled} <= {newest} FROM {asked.values[name]} ORDER BY ALL"
    )
    rows = opened.connection.execute(text).fetchall()
    return [Value(row[0], tuple(row[1:-2]), row[-2], bool(row[-1])) for row in rows]
