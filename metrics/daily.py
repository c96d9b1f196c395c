"""Daily values of several metrics side by side: days in a row, one array for each metric and split."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

import numpy as np
from numpy.typing import NDArray

from metrics.compute import Value

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]
Days = NDArray[np.datetime64]
SplitKey = tuple[str, ...]
DAY = np.timedelta64(1, "D")


@dataclass(frozen=True)
class Daily:
    """values[metric][split]: NaN where there is none. final: whether it may no longer change.

    Splits are `()` for metrics without one, else `(channel,)`. days: consecutive, in the definitions' zone.
    """

    days: Days
    values: Mapping[str, Mapping[SplitKey, Floats]]
    final: Mapping[str, Mapping[SplitKey, Flags]]
    inputs: Mapping[str, str] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    @property
    def channels(self) -> tuple[str, ...]:
        """Every channel that any metric is split by, in order of name; the unnamed one left out."""
        return tuple(sorted({key[0] for splits in self.values.values() for key in splits if key and key[0]}))

    def splits(self, name: str) -> tuple[SplitKey, ...]:
        return tuple(sorted(self.values.get(name, {})))

    def until(self, last: date) -> Daily:
        """What is known of days up to and including `last`."""
        keep = self.days <= np.datetime64(last)
        values = {n: {k: v[keep] for k, v in splits.items()} for n, splits in self.values.items()}
        final = {n: {k: v[keep] for k, v in splits.items()} for n, splits in self.final.items()}
        return Daily(self.days[keep], values, final, self.inputs, self.missing)


def daily_of(
    found: Mapping[str, Iterable[Value]], inputs: Mapping[str, str] | None = None, missing: tuple[str, ...] = ()
) -> Daily:
    """Lists of values as arrays over all days from the first to the last."""
    listed = {name: list(values) for name, values in found.items()}
    seen = {np.datetime64(v.starts_at.date()) for values in listed.values() for v in values}
    if not seen:
        return Daily(np.array([], "datetime64[D]"), {}, {}, inputs or {}, missing)
    days = np.arange(min(seen), max(seen) + DAY)
    made: dict[str, dict[SplitKey, Floats]] = {}
    final: dict[str, dict[SplitKey, Flags]] = {}
    for name, values in listed.items():
        made[name], final[name] = {}, {}
        for v in values:
            place = int((np.datetime64(v.starts_at.date()) - days[0]) / DAY)
            array = made[name].setdefault(v.by, np.full(len(days), np.nan))
            array[place] = np.nan if v.value is None else v.value
            final[name].setdefault(v.by, np.zeros(len(days), bool))[place] = v.final
    return Daily(days, made, final, inputs or {}, missing)
