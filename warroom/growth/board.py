"""What every rule says of every channel now, by level: a pure function of the values that rules look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np

from metrics.daily import Daily, Floats
from metrics.pooling import pooled
from metrics.sql import Definitions
from playbooks.growth.agenda import Agenda
from playbooks.growth.evaluate import Alert, Watched
from playbooks.growth.objectives import KeyResult
from playbooks.growth.policy import Below, Rule

DAYS = 28
"""How many days a line shows."""
OBJECTIVE_DAYS = 84

State = Literal["red", "amber", "well", "unknown"]
STATES: tuple[State, ...] = ("red", "amber", "well", "unknown")
Points = tuple[float | None, ...]


@dataclass(frozen=True)
class Row:
    """One rule on one split. value, limit: on `day`, the newest that could be judged, None where there is none.

    values, limits: of the last days, None where a day was not judged. limit: the value at which the rule is hit.
    """

    split: str
    state: State
    value: float | None
    limit: float | None
    values: Points
    limits: Points
    day: date | None


@dataclass(frozen=True)
class Warning:
    """A rule with its splits, the worst first; missing: the metrics for want of which it is not judged."""

    rule: Rule
    rows: tuple[Row, ...]
    missing: tuple[str, ...]

    @property
    def state(self) -> State:
        return self.rows[0].state if self.rows else "unknown"


@dataclass(frozen=True)
class Level:
    """1 marketing, 2 operations, 3 the whole company."""

    level: int
    warnings: tuple[Warning, ...]


@dataclass(frozen=True)
class Board:
    """Everything the page shows. trends: an objective's values over time, by metric."""

    levels: tuple[Level, ...]
    agenda: Agenda
    trends: Mapping[str, Points]


def levels_of(
    rules: Iterable[Rule], watched: Sequence[Watched], alerts: Sequence[Alert], missing: Mapping[str, tuple[str, ...]]
) -> tuple[Level, ...]:
    """Every enabled rule under its level."""
    standing = {alert.key: alert for alert in alerts}
    warnings = [
        Warning(
            rule,
            tuple(sorted((_row(w, standing) for w in watched if w.rule.id == rule.id), key=_worst_first)),
            missing.get(rule.id, ()),
        )
        for rule in rules
        if rule.enabled
    ]
    return tuple(
        Level(level, tuple(w for w in warnings if w.rule.level == level))
        for level in sorted({w.rule.level for w in warnings})
    )


def _worst_first(row: Row) -> tuple[int, str]:
    return STATES.index(row.state), row.split


def _row(watched: Watched, standing: Mapping[str, Alert]) -> Row:
    alert = standing.get(f"{watched.rule.id}/{watched.split}")
    judged = np.flatnonzero(watched.closed)
    limits = limit_of(watched)
    values = np.where(watched.closed, watched.values, np.nan)
    newest = int(judged[-1]) if len(judged) else None
    state: State = ("red" if alert.red else "amber") if alert else "unknown" if newest is None else "well"
    return Row(
        watched.split,
        state,
        None if newest is None else float(values[newest]),
        None if newest is None else float(limits[newest]),
        points(values[-DAYS:]),
        points(limits[-DAYS:]),
        None if newest is None else watched.days[newest].astype("datetime64[D]").item(),
    )


def limit_of(watched: Watched) -> Floats:
    """At which value each day would be hit: the level, or so far below what is expected."""
    when = watched.rule.when
    if isinstance(when, Below):
        return np.full(len(watched.days), when.below)
    return np.asarray(watched.runs.expected * (1 + when.change_ratio))


def trends_of(results: Iterable[KeyResult], daily: Daily, definitions: Definitions) -> dict[str, Points]:
    """Each objective's own figure (of its days taken together) over the last weeks."""
    return {
        result.objective.metric: points(
            pooled(result.objective.metric, daily, definitions, None, result.objective.over_days)[-OBJECTIVE_DAYS:]
        )
        for result in results
    }


def points(values: Floats) -> Points:
    """None for what is not known."""
    return tuple(float(value) if np.isfinite(value) else None for value in values)
