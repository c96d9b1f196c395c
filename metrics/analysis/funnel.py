"""One funnel for both sides: exposure, click, session, order, repurchase, by channel or family (AARRR)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from metrics.daily import Daily, SplitKey
from metrics.pooling import pooled
from metrics.sql import Definitions

STEPS = ("exposures", "clicks", "sessions", "orders")
COSTS = ("cac", "roi", "ltv_cac")
STAYING = ("retention_d1", "retention_d7", "repurchase_d30")
METRICS = (*STEPS, *STAYING, *COSTS)


@dataclass(frozen=True)
class Stream:
    """One channel (or family, or all) over the whole stretch: how many at each step, and what became of them."""

    name: str
    steps: tuple[float | None, ...]
    staying: tuple[float | None, ...]
    costs: tuple[float | None, ...]

    @property
    def passed(self) -> tuple[float | None, ...]:
        """The share of each step that reaches the next."""
        pairs = zip(self.steps, self.steps[1:], strict=False)
        return tuple(after / before if before and after is not None else None for before, after in pairs)


def funnel(daily: Daily, definitions: Definitions, families: dict[str, str] | None = None) -> list[Stream]:
    """Streams in order of name, the total last; by family where families are given."""
    groups: dict[str, list[SplitKey]] = {}
    for channel in daily.channels:
        name = channel if families is None else families.get(channel, "")
        groups.setdefault(name, []).append((channel,))
    rows = [_stream(name, keys, daily, definitions) for name, keys in sorted(groups.items())]
    return [*rows, _stream("", None, daily, definitions)]


def _stream(name: str, keys: Sequence[SplitKey] | None, daily: Daily, definitions: Definitions) -> Stream:
    def figures(metrics: Sequence[str]) -> tuple[float | None, ...]:
        return tuple(_whole(metric, keys, daily, definitions) for metric in metrics)

    return Stream(name, figures(STEPS), figures(STAYING), figures(COSTS))


def _whole(metric: str, keys: Sequence[SplitKey] | None, daily: Daily, definitions: Definitions) -> float | None:
    if metric in daily.missing or not len(daily.days):
        return None
    value = pooled(metric, daily, definitions, keys, len(daily.days))[-1]
    return float(value) if np.isfinite(value) else None
