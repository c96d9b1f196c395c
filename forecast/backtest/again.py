"""Every past campaign forecast again as of its own lead, with nothing later than that known, and scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from campaign.plan import Plan
from campaign.settings import Settings
from campaign.traffic import TrafficPaths
from forecast.backtest.live import LiveScore, live_scores
from forecast.epochs import DAY, HOUR, epoch, epochs, naive_utc
from forecast.evidence import Evidence, begun_by, known_before, undisturbed
from forecast.learning import grid_for, has_rows, learn, overlapping, predict
from forecast.paths.calibration import OTHER_KIND, Score
from forecast.paths.grid import Grid
from forecast.paths.tail import Z90
from forecast.stack.members import members_of
from forecast.stack.stack import STRUCTURAL, hours_since

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

PATHS = 400
HISTORY_DAYS = 14
HOURS_LEAST = 6
CALIBRATING = 10
TOP_HOURS = 8


@dataclass(frozen=True)
class Tops:
    """The busiest hours of each path: which ones, as positions in the test's hours, and their rates [path, rank]."""

    at: NDArray[np.int64]
    rates: Floats

    @staticmethod
    def of(paths: Floats) -> Tops:
        """Of paths by hour [path, hour]."""
        count = min(TOP_HOURS, paths.shape[1])
        at = np.argpartition(-paths, count - 1, axis=1)[:, :count].astype(np.int64)
        return Tops(at, np.take_along_axis(paths, at, axis=1))

    def bent(self, ratio: Floats) -> Tops:
        """With every hour multiplied by its `ratio` [hour]."""
        return Tops(self.at, self.rates * ratio[self.at])

    @property
    def highest(self) -> Floats:
        """The busiest hour [path]."""
        return np.asarray(self.rates.max(axis=1))


@dataclass(frozen=True)
class Tested:
    """A past campaign's forecast beside what came, hour by hour on the total of all services.

    hours: seconds since 1970; since_start: which hour of the campaign each is; actual, middle, last_week: mean requests
    per second [hour], NaN where not known.
    peak_hours: the forecast's busiest hour on each path [path]; tops: the busiest few, among which the busiest is found
    when hours are bent; members: the middle of each member of the stack [hour]; live: how re-forecasts during the
    campaign would have done.
    """

    score: Score
    as_of: datetime
    hours: NDArray[np.int64]
    since_start: NDArray[np.int64]
    actual: Floats
    middle: Floats
    last_week: Floats
    peak_hours: Floats
    tops: Tops
    members: Mapping[str, Floats]
    live: LiveScore


def there_then(evidence: Evidence, as_of: datetime) -> Evidence:
    """The services that a forecast of then could have been made for: one that began later says nothing of it."""
    return begun_by(evidence, epoch(as_of) - HISTORY_DAYS * DAY)


def testable(evidence: Evidence, plans: Sequence[Plan], lead_days: float, until: datetime) -> tuple[Plan, ...]:
    """Past campaigns that are over, have traffic, and two weeks of history before their own lead."""
    if evidence.hourly.empty:
        return ()
    first = int(evidence.hours[0])
    return tuple(
        plan
        for plan in plans
        if plan.ends_at <= until
        and epoch(plan.starts_at) - lead_days * DAY - first >= HISTORY_DAYS * DAY
        and _known_seconds(evidence, plan, lead_days) >= 0.5 * (plan.ends_at - plan.starts_at).total_seconds()
    )


def _known_seconds(evidence: Evidence, plan: Plan, lead_days: float) -> float:
    evidence = there_then(evidence, plan.starts_at - timedelta(days=lead_days))
    starts, ends = epoch(plan.starts_at), epoch(plan.ends_at)
    known = [
        float(s.seconds[(s.starts >= starts) & (s.starts < ends) & ~np.isnan(s.rates)].sum())
        for s in undisturbed(evidence)
    ]
    return min(known, default=0.0)


def calibrating(candidates: Sequence[Plan], target: Plan) -> tuple[Plan, ...]:
    """The campaigns worth forecasting again for this one: the latest of its kind first, ten at most."""
    latest = sorted(candidates, key=lambda plan: plan.starts_at, reverse=True)
    chosen = sorted(latest, key=lambda plan: plan.kind != target.kind)[:CALIBRATING]
    return tuple(sorted(chosen, key=lambda plan: plan.starts_at))


def forecast_again(
    evidence: Evidence,
    plan: Plan,
    plans: Sequence[Plan],
    settings: Settings,
    lead_days: float,
    seed: int = 0,
) -> Tested | None:
    """Forecast one past campaign as of its lead and score it; None where nothing ordinary was known by then.

    The paths are the structural model's, neither stacked nor calibrated: `forecast.backtest.judged` does that in order.
    """
    as_of = plan.starts_at - timedelta(days=lead_days)
    evidence = there_then(evidence, as_of)
    before = known_before(evidence, epoch(as_of))
    if before.hourly.notna().sum().min() < HISTORY_DAYS * 24 * 0.8:
        return None
    grid = grid_for(plan, overlapping(plan, plans), finest_of(evidence, plan))
    known_plans = [p for p in plans if p.starts_at < plan.ends_at + timedelta(days=21)]
    learned = learn(before, plan, known_plans, settings, as_of)
    rates = predict(learned, grid, PATHS, seed).rates
    each = actual_on(evidence, grid)
    actual = each.sum(axis=0)
    inside = (grid.starts >= epoch(plan.starts_at)) & (grid.starts < epoch(plan.ends_at)) & ~np.isnan(actual)
    if not inside.any():
        return None
    hours, by_hour = hourly_of(grid, inside, actual[inside])
    _, paths_by_hour = hourly_of(grid, inside, rates.sum(axis=1)[:, inside])
    middle = np.median(paths_by_hour, axis=0)
    touched = [i for i, name in enumerate(learned.baseline.services) if plan.touches(name)]
    _, mine = hourly_of(grid, inside, rates[:, touched].sum(axis=1)[:, inside])
    rest = middle - np.median(mine, axis=0)
    found = members_of(before, plan, known_plans, settings, learned.baseline, hours, seed)
    members = {STRUCTURAL: middle, **{name: values + rest for name, values in found.items()}}
    past = last_week(evidence, hours, as_of)
    known = campaigns_known(learned.past, plan, before)
    score = _score(plan, known, actual[inside], rates.sum(axis=1)[:, inside], by_hour, paths_by_hour, past)
    paths = TrafficPaths(rates, learned.baseline.services, naive_utc(grid.starts), grid.seconds)
    live = live_scores(paths, dict(zip(paths.services, each, strict=True)), plan.starts_at, plan.ends_at)
    tops = Tops.of(paths_by_hour)
    since = hours_since(epoch(plan.starts_at), epoch(plan.ends_at), hours)
    return Tested(score, as_of, hours, since, by_hour, middle, past, tops.highest, tops, members, live)


def finest_of(evidence: Evidence, plan: Plan) -> int:
    """The shortest bucket inside a past campaign."""
    starts, ends = epoch(plan.starts_at), epoch(plan.ends_at)
    lengths = [s.seconds[(s.starts >= starts) & (s.starts < ends)] for s in evidence.stretches]
    return max(min((int(found.min()) for found in lengths if len(found)), default=HOUR), 60)


def _score(
    plan: Plan, known: float, actual: Floats, total: Singles, by_hour: Floats, paths_by_hour: Floats, past: Floats
) -> Score:
    middle, volumes = np.median(paths_by_hour, axis=0), paths_by_hour.mean(axis=1)
    p10, p50, p90, p99 = (float(q) for q in np.quantile(total.max(axis=1), [0.1, 0.5, 0.9, 0.99]))
    both = ~np.isnan(past)
    return Score(
        campaign=plan.id,
        kind=plan.kind,
        wape_ratio=wape(by_hour, middle),
        peak_actual=float(actual.max()),
        peak_p10=p10,
        peak_p50=p50,
        peak_p90=p90,
        peak_p99=p99,
        volume_actual=float(by_hour.mean()),
        volume_middle=float(middle.mean()),
        volume_sd=float(np.log(np.quantile(volumes, 0.9) / np.median(volumes))) / Z90,
        floor_wape_ratio=wape(by_hour[both], past[both]) if both.any() else float("nan"),
        floor_peak=float(np.max(past[both])) if both.any() else float("nan"),
        campaigns_known=known,
    )


def campaigns_known(past: Sequence[Plan], target: Plan, evidence: Evidence) -> float:
    """How many past campaigns a forecast rests on, of those whose traffic is known; another kind counts a third."""
    return sum(1.0 if plan.kind == target.kind else OTHER_KIND for plan in past if has_rows(plan, evidence))


def wape(actual: Floats, forecast: Floats) -> float:
    """Sum of absolute errors over the sum of actuals."""
    return float(np.abs(actual - forecast).sum() / max(float(actual.sum()), 1e-9))


def actual_on(evidence: Evidence, grid: Grid) -> Floats:
    """What came, as means over the grid's intervals [service, interval]; NaN where a bucket is missing or censored."""
    found = []
    for stretch in undisturbed(evidence):
        total = np.concatenate([[0.0], np.cumsum(np.nan_to_num(stretch.rates) * stretch.seconds)])
        known = np.concatenate([[0.0], np.cumsum(~np.isnan(stretch.rates) * stretch.seconds)])
        sums, covered = (_between(values, stretch.starts, stretch.seconds, grid) for values in (total, known))
        found.append(np.where(covered > 0.99 * grid.seconds, sums / np.maximum(covered, 1e-9), np.nan))
    return np.array(found)


def together(each: Floats) -> Floats:
    """What came on all services together [interval], of what came on each [service, interval]: one without any of it
    was not there, one that lacks an interval leaves that unknown."""
    there = ~np.isnan(each).all(axis=1)
    return np.asarray(each[there].sum(axis=0)) if there.any() else np.full(each.shape[1], np.nan)


def _between(cumulated: Floats, starts: NDArray[np.int64], seconds: NDArray[np.int64], grid: Grid) -> Floats:
    """Growth of a step-wise linear cumulated sum over each interval; holes between buckets add nothing."""
    ends = starts + seconds
    times = np.stack([starts, ends], axis=1).ravel().astype(np.float64)
    values = np.stack([cumulated[:-1], cumulated[1:]], axis=1).ravel()
    if len(times) == 0:
        return np.zeros(len(grid.starts))
    growth: Floats = np.interp(grid.ends, times, values) - np.interp(grid.starts, times, values)
    return growth


def hourly_of(grid: Grid, inside: NDArray[np.bool_], values: NDArray[np.floating]) -> tuple[NDArray[np.int64], Floats]:
    """Means over whole hours (seconds since 1970) of values [..., interval] on the grid's chosen intervals."""
    starts, seconds = grid.starts[inside], grid.seconds[inside]
    at = np.flatnonzero(np.concatenate([[True], np.diff(starts // HOUR) != 0]))
    means = np.add.reduceat(values * seconds, at, axis=-1) / np.add.reduceat(seconds, at)
    return starts[at] // HOUR * HOUR, np.asarray(means, dtype=np.float64)


def actual_peak(plan: Plan, evidence: Evidence) -> tuple[int, float] | None:
    """When the total was highest (seconds since 1970) and how high, by minute; None where it never was whole."""
    starts = np.arange(epoch(plan.starts_at), epoch(plan.ends_at), 60, dtype=np.int64)
    actual = together(actual_on(evidence, Grid(starts, np.full(len(starts), 60, dtype=np.int64))))
    if np.isnan(actual).all():
        return None
    top = int(np.nanargmax(actual))
    return int(starts[top]), float(actual[top])


def highest_total(plan: Plan, evidence: Evidence) -> float:
    """The highest minute that a past campaign brought on all services together; zero where nothing is known."""
    top = actual_peak(plan, evidence)
    return 0.0 if top is None else top[1]


def last_week(evidence: Evidence, hours: NDArray[np.int64], as_of: datetime) -> Floats:
    """The plainest forecast there is: the same hour of the last week that was known at `as_of`, on the total."""
    total = evidence.hourly.sum(axis=1, skipna=False).to_numpy(dtype=np.float64)
    position = {int(hour): i for i, hour in enumerate(epochs(evidence.hourly.index))}
    weeks = np.maximum(np.ceil((hours - epoch(as_of) + HOUR) / (7 * DAY)), 1).astype(np.int64)
    wanted = hours - weeks * 7 * DAY
    return np.array([total[position[int(h)]] if int(h) in position else np.nan for h in wanted])
