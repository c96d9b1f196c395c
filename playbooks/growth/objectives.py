"""Shared objectives: where a key result stands, how far it has come, and who owns it together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np

from metrics.daily import Daily, Floats
from metrics.pooling import pooled, pooled_final
from metrics.sql import Definitions
from playbooks.growth.policy import Objective


@dataclass(frozen=True)
class KeyResult:
    """An objective today. progress_ratio: the share of the way from `start` to the target; 1 is reached."""

    objective: Objective
    target: float
    at_most: bool
    start: float | None
    now: float | None
    as_of: date | None
    progress_ratio: float | None

    @property
    def met(self) -> bool:
        return self.now is not None and (self.now <= self.target if self.at_most else self.now >= self.target)


def key_results(
    objectives: Sequence[Objective], daily: Daily, definitions: Definitions, today: date
) -> list[KeyResult]:
    """Every objective, of settled days only."""
    return [_key_result(objective, daily, definitions, today) for objective in objectives]


def _key_result(objective: Objective, daily: Daily, definitions: Definitions, today: date) -> KeyResult:
    definition = definitions[objective.metric]
    assert definition.target is not None
    at_most = definition.target_is == "at_most"
    values = pooled(objective.metric, daily, definitions, None, objective.over_days)
    settled = pooled_final(objective.metric, daily, definitions, None, objective.over_days)
    known = np.where(settled, values, np.nan)
    now = _last(known, daily, today)
    start = _last(known, daily, objective.since or _quarter(today))
    progress = _progress(start[0], now[0], definition.target, at_most) if start and now else None
    value, as_of = now or (None, None)
    return KeyResult(objective, definition.target, at_most, start[0] if start else None, value, as_of, progress)


def _last(values: Floats, daily: Daily, before: date) -> tuple[float, date] | None:
    """The newest known value of a day before `before`."""
    places = np.flatnonzero(np.isfinite(values) & (daily.days < np.datetime64(before)))
    if not len(places):
        return None
    day: date = daily.days[places[-1]].astype(object)
    return float(values[places[-1]]), day


def _progress(start: float, now: float, target: float, at_most: bool) -> float:
    if now <= target if at_most else now >= target:
        return 1.0
    way = target - start
    if way == 0 or (way > 0) == at_most:  # it began beyond the target and has fallen back behind it
        return 0.0
    return float(np.clip((now - start) / way, 0, 1))


def _quarter(today: date) -> date:
    return date(today.year, 3 * ((today.month - 1) // 3) + 1, 1)
