"""What in history is no witness of ordinary demand: gaps, outages, load tests, bots, surges without a plan."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Literal, TypeVar
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from campaign.plan import Plan
from campaign.settings import HistorySettings, HistoryWindow
from forecast.epochs import epoch, moment_of
from forecast.history.buckets import HOUR_SECONDS, Series, has_no_hole
from forecast.history.outages import DEVIATIONS_LEAST, Stretch, companion, drops
from forecast.history.usual import hourly_rates, usual_at, usual_rates

Kind = Literal["gap", "outage", "test-window", "bot", "surge"]
Source = Literal["found", "marked", "declared"]

GAP_SECONDS = 600
SURGE_RATIO = 1.5
QUIET_RATIO = 1.15
SURGE_HOURS_MOST = 72
PLAN_MARGIN_SECONDS = 2 * HOUR_SECONDS
COUNTED_AT_LEAST = 100.0

Floats = NDArray[np.float64]
One = TypeVar("One")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Finding:
    """A stretch of one service's history.

    ratio_to_usual: mean rate in it over what is usual then (a surge: its busiest hour). source: found by search,
    marked by a run record or the column `load_test`, or declared in surgeplan.yaml.
    """

    kind: Kind
    service: str
    starts_at_utc: datetime
    ends_at_utc: datetime
    ratio_to_usual: float | None = None
    source: Source = "found"

    @property
    def hours(self) -> float:
        return (self.ends_at_utc - self.starts_at_utc).total_seconds() / HOUR_SECONDS


@dataclass(frozen=True)
class Known:
    """What people and records say about history. tests: windows of load tests, by service."""

    zone: ZoneInfo
    settings: HistorySettings = field(default_factory=HistorySettings)
    plans: tuple[Plan, ...] = ()
    tests: tuple[tuple[str, Stretch], ...] = ()


@dataclass(frozen=True)
class Measured:
    """One service's history beside what is usual: hours since 1970 without holes, rates and usual rates in them."""

    series: Series
    hours: NDArray[np.int64]
    rates: Floats
    usual: Floats

    @cached_property
    def ratios(self) -> Floats:
        """Rate over usual rate by hour; NaN where either is unknown or too few requests are usual to tell."""
        telling = self.usual * HOUR_SECONDS >= COUNTED_AT_LEAST
        ratios: Floats = np.divide(self.rates, self.usual, out=np.full(len(self.rates), np.nan), where=telling)
        return ratios

    def highest_ratio(self, stretch: Stretch) -> float | None:
        """The most that any hour which begins in the stretch lies above the usual; None where that is not known."""
        first, last = np.searchsorted(self.hours, [-(-at // HOUR_SECONDS) for at in stretch])
        ratios = self.ratios[first:last]
        known = ratios[~np.isnan(ratios)]
        return float(known.max()) if len(known) else None


def find_all(series: Mapping[str, Series], known: Known) -> tuple[Finding, ...]:
    """Every finding of every service, by service and time."""
    told_of = [name for name, s in series.items() if len(s)]
    measured = dict(zip(told_of, _each(lambda name: _measure(name, series[name], known), told_of), strict=True))
    outages = _outages(measured)
    findings: list[Finding] = []
    for name in measured:
        told = list(_told(name, known))
        found = [
            *_gaps(name, series[name]),
            *(_finding("outage", name, stretch, measured[name]) for stretch in outages[name]),
            *_surges(name, measured, known),
        ]
        findings += told + [f for f in found if not _spoken_for(f, told, known)]
    order = {name: i for i, name in enumerate(series)}
    return tuple(sorted(findings, key=lambda f: (order[f.service], f.starts_at_utc, f.kind)))


def _measure(name: str, series: Series, known: Known) -> Measured:
    hours, rates = hourly_rates(series)
    stretches = [_plan_stretch(plan) for plan in known.plans if plan.touches(name)]
    stretches += [stretch for service, stretch in known.tests if service == name]
    excluded = inside(hours * HOUR_SECONDS, stretches)
    return Measured(series, hours, rates, usual_rates(hours, rates, excluded, known.zone))


def inside(starts: NDArray[np.int64], stretches: Sequence[Stretch]) -> NDArray[np.bool_]:
    """Whether the hour that begins at each start touches any stretch; starts are ordered."""
    marked = np.zeros(len(starts), dtype=np.bool_)
    for first, last in stretches:
        marked[np.searchsorted(starts, first - HOUR_SECONDS, side="right") : np.searchsorted(starts, last)] = True
    return marked


def _plan_stretch(plan: Plan, margin: int = 0) -> Stretch:
    return epoch(plan.starts_at) - margin, epoch(plan.ends_at) + margin


def _outages(measured: Mapping[str, Measured]) -> dict[str, list[Stretch]]:
    """Drops below the usual, and the same drop on services that a campaign kept above it."""
    found = dict(zip(measured, _each(_drops, measured.values()), strict=True))
    seeds = sorted({stretch for stretches in found.values() for stretch in stretches})
    for name, m in measured.items():
        for seed in seeds:
            if not any(_meet(seed, own) for own in found[name]):
                together = companion(m.series, seed)
                found[name] += [together] if together else []
    return {name: sorted(stretches) for name, stretches in found.items()}


def _drops(m: Measured) -> list[Stretch]:
    return drops(m.series, usual_at(m.hours, m.usual, m.series))


def _each(make: Callable[[One], Made], ones: Iterable[One]) -> list[Made]:
    """What is made of each, in order; sums over millions of buckets leave the interpreter to other threads."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(make, ones))


def _meet(one: Stretch, other: Stretch) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _finding(kind: Kind, name: str, stretch: Stretch, m: Measured, source: Source = "found") -> Finding:
    part = m.series.within(*stretch)
    usual = usual_at(m.hours, m.usual, part)
    expected = float(np.nansum(usual * part.lengths))
    came = float(np.nansum(np.where(np.isnan(usual), np.nan, part.rates) * part.lengths))
    ratio = came / expected if expected > 0 else None
    return Finding(kind, name, moment_of(stretch[0]), moment_of(stretch[1]), ratio, source)


def _gaps(name: str, series: Series) -> Iterator[Finding]:
    if has_no_hole(series):
        return
    missing = series.starts[1:] - series.ends[:-1]
    for i in np.flatnonzero(missing >= GAP_SECONDS):
        yield Finding("gap", name, moment_of(series.ends[i]), moment_of(series.starts[i + 1]))


def _told(name: str, known: Known) -> Iterator[Finding]:
    """What records and people say, as it is said."""
    for service, (first, last) in known.tests:
        if service == name:
            yield Finding("test-window", name, moment_of(first), moment_of(last), source="marked")
    declared: tuple[tuple[Kind, tuple[HistoryWindow, ...]], ...] = (
        ("outage", known.settings.outages),
        ("test-window", known.settings.test_windows),
        ("bot", known.settings.bots),
    )
    for kind, windows in declared:
        for window in windows:
            if window.service in (None, name):
                first, last = epoch(window.starts_at), epoch(window.ends_at)
                yield Finding(kind, name, moment_of(first), moment_of(last), source="declared")


def _spoken_for(found: Finding, told: Sequence[Finding], known: Known) -> bool:
    """Whether people or records already say what happened then. A gap stays a gap."""
    if found.kind == "gap":
        return False
    ordinary = [w for w in known.settings.ordinary if w.service in (None, found.service)]
    spans = [(w.starts_at, w.ends_at) for w in ordinary] + [(f.starts_at_utc, f.ends_at_utc) for f in told]
    return any(found.starts_at_utc < end and start < found.ends_at_utc for start, end in spans)


def _surges(name: str, measured: Mapping[str, Measured], known: Known) -> Iterator[Finding]:
    """Runs of hours above 1.5 × usual that no plan explains; one service alone, on and off at once, is a bot."""
    m = measured[name]
    plans = [_plan_stretch(plan, PLAN_MARGIN_SECONDS) for plan in known.plans if plan.touches(name)]
    ratios = np.where(inside(m.hours * HOUR_SECONDS, plans), np.nan, m.ratios)
    with np.errstate(invalid="ignore"):
        high = _closed(ratios > max(SURGE_RATIO, _ordinary_most(ratios)))
    edges = np.flatnonzero(np.diff(np.concatenate([[False], high, [False]]).astype(np.int8)))
    for first, last in zip(edges[::2], edges[1::2], strict=True):
        if last - first > SURGE_HOURS_MOST:
            continue
        stretch = int(m.hours[first]) * HOUR_SECONDS, int(m.hours[last - 1] + 1) * HOUR_SECONDS
        kind: Kind = "bot" if _alone(name, measured, stretch) and _abrupt(m.series, stretch) else "surge"
        most = float(np.nanmax(ratios[first:last]))
        yield Finding(kind, name, moment_of(stretch[0]), moment_of(stretch[1]), most)


def _ordinary_most(ratios: Floats) -> float:
    """The ratio to usual that ordinary hours of this service hardly ever exceed: three robust deviations."""
    logs = np.log(ratios[ratios > 0])
    return float(np.exp(DEVIATIONS_LEAST * 1.4826 * np.median(np.abs(logs)))) if len(logs) else np.inf


def _closed(high: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Runs that a single hour parts are one run."""
    joined = high.copy()
    joined[1:-1] |= high[:-2] & high[2:]
    return joined


def _alone(name: str, measured: Mapping[str, Measured], stretch: Stretch) -> bool:
    """Whether no other service rose with this one; without other services nobody can tell."""
    found = (m.highest_ratio(stretch) for other, m in measured.items() if other != name)
    others = [ratio for ratio in found if ratio is not None]
    return bool(others) and max(others) < QUIET_RATIO


def _abrupt(series: Series, stretch: Stretch) -> bool:
    """Whether the rate jumps by half within two buckets at both ends, as machines do and crowds do not."""
    near = series.within(stretch[0] - HOUR_SECONDS, stretch[1] + HOUR_SECONDS)
    if len(near) < 5:
        return False
    jumps = near.rates[2:] / np.maximum(near.rates[:-2], 1e-9)
    return bool(jumps.max() > SURGE_RATIO and jumps.min() < 1 / SURGE_RATIO)
