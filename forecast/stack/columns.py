"""What plans say about hours, as regression columns that every member of the stack reads alike."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from campaign.plan import Plan
from forecast.epochs import HOUR, naive_utc
from forecast.uplift.layout import Numbers, numbers_of
from forecast.uplift.pooled import typical_volumes
from forecast.uplift.shapes import kernel_of
from forecast.uplift.terms import Term, terms_of

Floats = NDArray[np.float64]

HOURLY_KERNELS = ("plateau", "opening", "closing", "surge", "pulse", "slot", "spend")
SPREAD_DECAY_SECONDS = {"pulse": 1200.0, "surge": 3000.0}
NEAR_BEFORE_SECONDS, NEAR_AFTER_SECONDS = 6 * HOUR, 24 * HOUR
EDGES = ("opening", "closing")
LEAST_SHARE = 0.02
WINDOW = "campaign/plateau"
FIELD, PART_OF_DAY = "field:", "@"
PART_HOURS = 3


@dataclass(frozen=True)
class EventColumns:
    """Columns by hour [hour, column] with a name each.

    `driver/kernel` is an effect of any campaign, `kind:driver/kernel` what is the target's kind's own, `field:name` a
    number of the plans inside their windows, `...@6` the part of the day that begins at six inside windows.
    """

    names: tuple[str, ...]
    values: Floats

    def without(self, kernels: Sequence[str]) -> EventColumns:
        """The columns that are not of these kernels."""
        kept = [i for i, name in enumerate(self.names) if name.partition(PART_OF_DAY)[0].split("/")[-1] not in kernels]
        return EventColumns(tuple(self.names[i] for i in kept), self.values[:, kept])

    def touched(self) -> NDArray[np.bool_]:
        """Hours that any campaign reaches [hour]."""
        reached: NDArray[np.bool_] = (self.values != 0).any(axis=1)
        return reached


def event_columns(hours: NDArray[np.int64], target: Plan, plans: Sequence[Plan]) -> EventColumns:
    """Every family of effects of the plans, pooled over kinds, and again for plans of the target's kind.

    hours: seconds since 1970. By hour a spike and its slower surge are one thing, so each moment enters once; sends and
    slots count in units of their usual volume.
    """
    usual = typical_volumes([term for plan in plans for term in terms_of(plan)])
    numbers = numbers_of([p for p in plans if p.starts_at < target.starts_at and p.id != target.id], target)
    families: dict[str, list[tuple[Term, float]]] = {}
    for plan in plans:
        for term in (replace(term, soft=False) for term in terms_of(plan)):
            if term.kernel in HOURLY_KERNELS:
                volume = (term.volume or 1.0) / usual.get(term.amplitude, 1.0)
                for name, weight in _entries(term, volume, plan, target, numbers):
                    families.setdefault(name, []).append((term, weight))
    names = tuple(sorted(families))
    columns = [_column(families[name], hours) for name in names]
    return EventColumns(names, np.column_stack(columns) if columns else np.zeros((len(hours), 0)))


def _entries(term: Term, volume: float, plan: Plan, target: Plan, numbers: Numbers) -> Iterator[tuple[str, float]]:
    """The families a term belongs to, with its weight in each."""
    name = f"{term.driver}/{term.kernel}"
    yield name, volume
    if plan.kind == target.kind:
        yield f"{plan.kind}:{name}", volume
    if term.kernel == "plateau":
        for field, score in numbers.scores.get(plan.id, {}).items():
            yield f"{FIELD}{field}", score


def _column(members: Sequence[tuple[Term, float]], hours: NDArray[np.int64]) -> Floats:
    """Sum of the terms' kernels, each one at its top, times their weights."""
    starts = hours.astype(np.float64)
    column = np.zeros(len(hours))
    for term, weight in members:
        near = (hours > term.starts - NEAR_BEFORE_SECONDS) & (hours < term.ends + NEAR_AFTER_SECONDS)
        decay = SPREAD_DECAY_SECONDS.get(term.kernel, 0.0)
        shape = kernel_of(term, starts[near], starts[near] + HOUR, np.zeros(int(near.sum())), decay)
        shape = shape / max(float(shape.max(initial=0.0)), 1e-9)
        column[near] += weight * np.where(shape < LEAST_SHARE, 0.0, shape)
    return column


def with_rhythm(columns: EventColumns, hours: NDArray[np.int64], zone: ZoneInfo, kind: str) -> EventColumns:
    """The same columns and the parts of the day inside windows: a campaign or a holiday has a rhythm of its own."""
    local = pd.DatetimeIndex(naive_utc(hours)).tz_localize("UTC").tz_convert(zone)
    parts = (local.hour.to_numpy() // PART_HOURS)[:, None] == np.arange(24 // PART_HOURS)
    names, values = [*columns.names], [columns.values]
    for name in (WINDOW, f"{kind}:{WINDOW}"):
        if name in columns.names:
            inside = columns.values[:, columns.names.index(name)].clip(0.0, 1.0)
            values.append(parts * inside[:, None])
            names += [f"{name}{PART_OF_DAY}{PART_HOURS * i}" for i in range(parts.shape[1])]
    return EventColumns(tuple(names), np.hstack(values))
