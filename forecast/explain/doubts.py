"""What makes a forecast doubtful and is no mistake of anybody: failed or running campaigns, a level that just moved,
services whose source fell silent, kinds that bring less than ordinary days."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from campaign.language import Text, say
from campaign.plan import Plan
from forecast.baseline.ridge import days_silent
from forecast.epochs import HOUR, epoch
from forecast.evidence import Evidence, mask_of
from forecast.learning import Learned, known_seconds, target_settings
from forecast.paths.grid import Grid
from forecast.paths.joint import middle_rate

DAY_HOURS, WEEK_HOURS = 24, 168
HOURS_LEAST = 12
SHIFT_RATIO, STEADY_RATIO = 1.3, 1.15
SILENT_DAYS = 1.0
AWAY_RATIO = 0.1


def doubts_said(learned: Learned, evidence: Evidence, plans: Sequence[Plan], as_of: datetime) -> tuple[Text, ...]:
    """All of them, in words."""
    return (
        *failed_said(learned, evidence, plans, as_of),
        *running_said(evidence, plans, as_of),
        *shift_said(evidence, plans),
        *silence_said(evidence),
        *away_said(learned),
    )


def failed_said(learned: Learned, evidence: Evidence, plans: Sequence[Plan], as_of: datetime) -> list[Text]:
    """Past campaigns inside history of which no undisturbed hour is left."""
    first = int(evidence.hours[0])
    used = {plan.id for plan in learned.past}
    over = [p for p in plans if p.ends_at <= as_of and epoch(p.starts_at) >= first and p.id != learned.target.id]
    failed = [p.id for p in over if p.id not in used]
    if not failed:
        return []
    names = ", ".join(failed)
    return [say("nothing can be learned from past campaigns that failed or left no traffic: {plans}", plans=names)]


def running_said(evidence: Evidence, plans: Sequence[Plan], as_of: datetime) -> list[Text]:
    """Campaigns that are under way when the forecast is made."""
    return [
        say(
            "campaign {name} is not over at the forecast's date: only its first {hours} hours are known",
            name=plan.id,
            hours=f"{known_seconds(plan, evidence) / HOUR:.0f}",
        )
        for plan in plans
        if plan.starts_at < as_of < plan.ends_at
    ]


def shift_said(evidence: Evidence, plans: Sequence[Plan]) -> list[Text]:
    """A last day far from the same day a week earlier, where the day before was not: a new level, or a passing one."""
    rates = evidence.hourly.to_numpy(dtype=np.float64)
    if len(rates) < WEEK_HOURS + 2 * DAY_HOURS:
        return []
    hidden = mask_of(evidence, plans)
    latest, before = (_ratio_to_last_week(rates, hidden, back) for back in (0, DAY_HOURS))
    steady = 1 / STEADY_RATIO < before < STEADY_RATIO
    if np.isnan(latest) or not steady or 1 / SHIFT_RATIO < latest < SHIFT_RATIO:
        return []
    return [
        say(
            "the last day was {ratio} times the same day a week earlier: taken as a new level in part, so the range is "
            "wider",
            ratio=f"{latest:.1f}",
        )
    ]


def silence_said(evidence: Evidence) -> list[Text]:
    """Services whose rows end more than a day before the others': their source died, or they were switched off."""
    days = days_silent(evidence.hourly.to_numpy(dtype=np.float64))
    late = [
        f"{name} ({silent:.1f})"
        for name, silent in zip(evidence.services, days, strict=True)
        if silent > SILENT_DAYS and evidence.hourly[name].notna().any()
    ]
    if not late:
        return []
    return [
        say(
            "rows end days before the other services', so these are forecast from further away: {services}",
            services=", ".join(late),
        )
    ]


def away_said(learned: Learned) -> list[Text]:
    """A kind during which, as far as past ones teach, fewer come than on ordinary days."""
    target, taught = learned.target, sum(plan.kind == learned.target.kind for plan in learned.past)
    starts = np.arange(epoch(target.starts_at), epoch(target.ends_at), HOUR, dtype=np.int64)
    settings = target_settings(learned, Grid(starts, np.full(len(starts), HOUR, dtype=np.int64)))
    ordinary = sum(float(np.exp(made.log_base).sum()) for made in settings)
    ratio = sum(float(middle_rate(made, learned.uplift).sum()) for made in settings) / ordinary
    if not taught or ratio > 1.0 - AWAY_RATIO:
        return []
    return [
        say(
            "campaigns of kind {kind} bring {percent} % less traffic than ordinary days, as {count} past ones did",
            kind=target.kind,
            percent=f"{100 * (1.0 - ratio):.0f}",
            count=taught,
        )
    ]


def _ratio_to_last_week(rates: NDArray[np.float64], hidden: NDArray[np.bool_], back: int) -> float:
    """A day's total over the same hours a week before, over hours that are ordinary in both."""
    end = len(rates) - back
    day, week = slice(end - DAY_HOURS, end), slice(end - DAY_HOURS - WEEK_HOURS, end - WEEK_HOURS)
    usable = ~(hidden[day] | hidden[week] | np.isnan(rates[day]) | np.isnan(rates[week])).any(axis=1)
    usual = float(rates[week][usable].sum())
    return float(rates[day][usable].sum()) / usual if usable.sum() >= HOURS_LEAST and usual > 0 else float("nan")
