"""Rules over daily values: which fired, which cleared, and what is open now, as a pure function of the values.

Only closed days count: those whose values are final. A rule fires once and clears once, however often it is evaluated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from metrics.daily import Daily, Flags, Floats, SplitKey
from metrics.pooling import pooled, pooled_final
from metrics.sql import Definitions
from playbooks.growth.detect import Readings, Runs, readings, runs
from playbooks.growth.policy import Below, Response, Rule

EVERYBODY = "all"


@dataclass(frozen=True)
class Watched:
    """One rule on one split, day by day. closed: days that are settled and pass the guard."""

    rule: Rule
    split: str
    days: np.ndarray[tuple[int], np.dtype[np.datetime64]]
    values: Floats
    closed: Flags
    found: Readings
    runs: Runs
    impact: Floats


@dataclass(frozen=True)
class Alert:
    """A rule that stands fired. impact: money per day that the shortfall costs, where that can be said.

    red: even the whole 95 % interval is on the wrong side; amber otherwise.
    """

    rule: Rule
    split: str
    fired_on: date
    value: float
    expected: float
    red: bool
    impact: float | None
    due_on: date

    @property
    def key(self) -> str:
        return f"{self.rule.id}/{self.split}"


def watch(rule: Rule, daily: Daily, definitions: Definitions, families: dict[str, str] | None = None) -> list[Watched]:
    """The rule on each of its splits."""
    groups = groups_of(rule, daily, families or {})
    return [_watched(rule, split, keys, daily, definitions) for split, keys in groups.items()]


def groups_of(rule: Rule, daily: Daily, families: dict[str, str]) -> dict[str, list[SplitKey] | None]:
    """The rule's splits by name, and the keys that each holds together; None is everything."""
    if rule.by is None:
        return {EVERYBODY: None}
    if rule.by == "channel":
        return {channel: [(channel,)] for channel in daily.channels}
    grouped: dict[str, list[SplitKey] | None] = {}
    for channel in daily.channels:
        if channel in families:
            held = grouped.setdefault(families[channel], [])
            assert held is not None
            held.append((channel,))
    return grouped


def _watched(rule: Rule, split: str, keys: list[SplitKey] | None, daily: Daily, definitions: Definitions) -> Watched:
    over = rule.when.over_days if isinstance(rule.when, Below) else 1
    values = pooled(rule.metric, daily, definitions, keys, over)
    final = pooled_final(rule.metric, daily, definitions, keys, over)
    guard = rule.guard
    big = np.ones(len(values), bool)
    for name, least in guard.least.items():
        with np.errstate(invalid="ignore"):
            big &= pooled(name, daily, definitions, keys, over) >= least
    sample = pooled(guard.sample, daily, definitions, keys, over) if guard.sample else None
    usable = np.where(final & big, values, np.nan)
    found = readings(usable, sample, rule.when)
    closed = np.isfinite(usable) & np.isfinite(found.expected)
    ran = runs(usable, found, closed, rule.when)
    return Watched(
        rule,
        split,
        daily.days,
        usable,
        closed,
        found,
        ran,
        _impact(rule, keys, usable, ran.expected, daily, definitions),
    )


def _impact(
    rule: Rule, keys: list[SplitKey] | None, values: Floats, expected: Floats, daily: Daily, definitions: Definitions
) -> Floats:
    """Money per day: the shortfall times what the metric divides by, carried to money where the parts allow it."""
    definition = definitions[rule.metric]
    short = np.clip(expected - values, 0, None)
    if definition.kind == "ratio" and definition.denominator:
        below = definitions[definition.denominator]
        if below.currency and definition.unit == "ratio" and below.unit == "money":
            return np.asarray(short * pooled(definition.denominator, daily, definitions, keys))
        if definition.denominator == "cac":
            return np.asarray(short * pooled("ad_cost", daily, definitions, keys))
    if definition.kind == "cohort_ratio" and definition.cohort:
        worth = pooled("ltv", daily, definitions, keys) if "ltv" in daily.values else np.full(len(values), np.nan)
        return np.asarray(short * pooled(definition.cohort, daily, definitions, keys) * worth)
    return np.full(len(values), np.nan)


def open_alerts(watched: Sequence[Watched], response: Response) -> list[Alert]:
    """What stands fired at the end of the values, in the order in which it is answered."""
    return in_response_order([a for w in watched if (a := _alert(w)) is not None], response)


def _alert(watched: Watched) -> Alert | None:
    stands = watched.runs.stands
    if not len(stands) or not stands[-1]:
        return None
    fired = int(np.flatnonzero(watched.runs.fires)[-1])
    newest = int(np.flatnonzero(watched.closed)[-1])
    fired_on = day_of(watched, fired)
    impact = float(watched.impact[newest])
    return Alert(
        watched.rule,
        watched.split,
        fired_on,
        float(watched.values[newest]),
        float(watched.runs.expected[newest]),
        _red(watched, newest),
        impact if np.isfinite(impact) else None,
        working_days_after(fired_on, watched.rule.due_working_days),
    )


def _red(watched: Watched, day: int) -> bool:
    """Still as far down as it takes to fire; for levels, with the whole 95 % interval."""
    when = watched.rule.when
    if isinstance(when, Below):
        return bool(watched.found.certain[day])
    return bool(watched.values[day] <= watched.runs.expected[day] * (1 + when.change_ratio))


def in_response_order(alerts: Sequence[Alert], response: Response) -> list[Alert]:
    """Impact first, then what is put right sooner, then what needs fewer people; the older of equals first.

    An impact that cannot be said counts as the level's: company before operations before marketing, after all that can.
    """

    def key(alert: Alert) -> tuple[object, ...]:
        parts = {
            "impact": (alert.impact is None, -(alert.impact or 0.0), -alert.rule.level),
            "hours": alert.rule.resolve.hours,
            "people": alert.rule.resolve.people,
        }
        return (*(parts[name] for name in response.order_by), alert.fired_on, alert.key)

    return sorted(alerts, key=key)


def day_of(watched: Watched, place: int) -> date:
    """The day at a place of the arrays."""
    found: date = watched.days[place].astype(object)
    return found


def working_days_after(day: date, count: int) -> date:
    """The `count`-th Monday to Friday after a day."""
    while count > 0:
        day += timedelta(days=1)
        count -= day.weekday() < 5
    return day
