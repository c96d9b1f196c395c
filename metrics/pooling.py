"""Days and channels taken together: sums are summed, ratios are made again from their parts, cohorts are weighted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from metrics.daily import Daily, Flags, Floats, SplitKey
from metrics.definitions import Definition
from metrics.sql import ADDITIVE, Definitions


def pooled(
    name: str, daily: Daily, definitions: Definitions, splits: Sequence[SplitKey] | None = None, over_days: int = 1
) -> Floats:
    """A metric of each day's last `over_days` days, of these splits together (all where left out); NaN where unknown.

    A ratio without its parts is known only for one day and one split: ratios are neither summed nor averaged.
    """
    definition = definitions[name]
    if definition.kind in ADDITIVE:
        return _over(_summed(name, daily, splits), over_days)
    if definition.kind == "ratio" and _has_parts(definition, daily, definitions):
        above = pooled(definition.numerator or "", daily, definitions, splits, over_days)
        below = pooled(definition.denominator or "", daily, definitions, splits, over_days)
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.where(below != 0, (definition.scale or 1) * above / below, np.nan)
    if definition.cohort and _known(definition.cohort, daily, definitions):
        return _weighted(name, definition.cohort, daily, splits, over_days)
    keys = _keys(name, daily, splits)
    return daily.values[name][keys[0]].copy() if len(keys) == 1 and over_days == 1 else np.full(len(daily.days), np.nan)


def pooled_final(
    name: str, daily: Daily, definitions: Definitions, splits: Sequence[SplitKey] | None = None, over_days: int = 1
) -> Flags:
    """Whether a pooled value may no longer change: every value in it is final."""
    definition = definitions[name]
    parts = [*definition.references.values()] if definition.kind == "ratio" else []
    if name not in daily.final and parts:
        flags = [pooled_final(part, daily, definitions, splits, over_days) for part in parts]
        return np.asarray(np.logical_and.reduce(flags))
    keys = _keys(name, daily, splits)
    if not keys:
        return np.zeros(len(daily.days), bool)
    open_days = np.logical_or.reduce([~daily.final[name][k] & np.isfinite(daily.values[name][k]) for k in keys])
    return np.asarray(_over(open_days.astype(float), over_days) == 0)


def _keys(name: str, daily: Daily, splits: Sequence[SplitKey] | None) -> list[SplitKey]:
    held = daily.values.get(name, {})
    return [key for key in (held if splits is None else splits) if key in held]


def _known(name: str, daily: Daily, definitions: Definitions) -> bool:
    return name in daily.values or (
        definitions[name].kind == "ratio" and _has_parts(definitions[name], daily, definitions)
    )


def _has_parts(definition: Definition, daily: Daily, definitions: Definitions) -> bool:
    return all(_known(part, daily, definitions) for part in definition.references.values())


def _summed(name: str, daily: Daily, splits: Sequence[SplitKey] | None) -> Floats:
    keys = _keys(name, daily, splits)
    if not keys:
        return np.full(len(daily.days), np.nan)
    stack = np.stack([daily.values[name][key] for key in keys])
    return np.asarray(np.where(np.isfinite(stack).any(axis=0), np.nansum(stack, axis=0), np.nan))


def _over(values: Floats, days: int) -> Floats:
    """The sum of the last `days` days; NaN before there are as many, and where none of them has a value."""
    if days == 1:
        return values
    if len(values) < days:
        return np.full(len(values), np.nan)
    windows = np.lib.stride_tricks.sliding_window_view(values, days)
    sums = np.where(np.isfinite(windows).any(axis=-1), np.nansum(windows, axis=-1), np.nan)
    return np.concatenate([np.full(days - 1, np.nan), sums])


def _weighted(name: str, cohort: str, daily: Daily, splits: Sequence[SplitKey] | None, over_days: int) -> Floats:
    keys = [key for key in _keys(name, daily, splits) if key in daily.values.get(cohort, {})]
    if not keys:
        return np.full(len(daily.days), np.nan)
    values = np.stack([daily.values[name][key] for key in keys])
    people = np.stack([daily.values[cohort][key] for key in keys])
    counted = np.isfinite(values) & np.isfinite(people)
    total = _over(np.where(counted, values * people, 0.0).sum(axis=0), over_days)
    weight = _over(np.where(counted, people, 0.0).sum(axis=0), over_days)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(weight > 0, total / weight, np.nan)
