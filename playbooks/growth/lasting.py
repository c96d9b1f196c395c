"""Did the peak last? Daily actives after a campaign against its first day and against the days before it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from metrics.daily import Daily
from metrics.pooling import pooled
from metrics.sql import Definitions
from playbooks.growth.policy import Lasting


@dataclass(frozen=True)
class Lasted:
    """One campaign's peak and the days after it.

    kept: actives of D+1 … as a share of the first day's; rise_kept: the share of the rise over the days before that
    is still there. lasted is None while the last day is not there yet.
    """

    campaign: str
    metric: str
    first_day: date
    peak: float
    before: float
    kept: tuple[float | None, ...]
    rise_kept: tuple[float | None, ...]
    lasted: bool | None


def did_it_last(
    campaign: str, first_day: date, daily: Daily, definitions: Definitions, lasting: Lasting
) -> Lasted | None:
    """None where the metric does not reach the campaign's first day, or not the days before it."""
    values = pooled(lasting.metric, daily, definitions)
    by_day = {day.astype(object): float(v) for day, v in zip(daily.days, values, strict=True) if np.isfinite(v)}
    earlier = [by_day[d] for i in range(lasting.baseline_days) if (d := first_day - timedelta(days=i + 1)) in by_day]
    if first_day not in by_day or not earlier:
        return None
    peak, before = by_day[first_day], float(np.median(earlier))
    after = [by_day.get(first_day + timedelta(days=i + 1)) for i in range(lasting.days)]
    kept = tuple(None if v is None else v / peak for v in after)
    rise = tuple(None if v is None or peak <= before else (v - before) / (peak - before) for v in after)
    verdict = None if rise[-1] is None else rise[-1] >= lasting.kept_ratio
    return Lasted(campaign, lasting.metric, first_day, peak, before, kept, rise, verdict)
