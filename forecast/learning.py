"""Learning from evidence and predicting a campaign: the two halves that forecasts, back-tests and previews share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from campaign.plan import Plan
from campaign.settings import Settings
from forecast.baseline.growth import Growth, with_growth
from forecast.baseline.prophet_baseline import prophet_log_rates
from forecast.baseline.ridge import Baseline, blended, fit_baseline
from forecast.epochs import DAY, HOUR, epoch, naive_utc
from forecast.evidence import Evidence, horizon_hours, learning_spans, long_known, mask_of, spans_of, undisturbed
from forecast.paths.grid import SIDE_SECONDS, Grid, make_grid
from forecast.paths.joint import Days, Draws, Setting, days_of, draw, joint_paths, setting
from forecast.uplift.episodes import Block, blocks_of, split
from forecast.uplift.layout import Numbers, layout_of, numbers_of
from forecast.uplift.pooled import Uplift, fit_uplift, typical_volumes
from forecast.uplift.remembered import peak_remembered, remembered_blocks
from forecast.uplift.terms import Term, terms_of

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

REQUESTS_PER_VISIT_ASSUMED = 8.0
MINUTE_SD_DEFAULT = 0.03
COARSE_SECONDS = 600
PROPHET_WEIGHT = 0.35
PROPHET_PAST_DAYS = 56
PROPHET_HOURS_MIN = 10 * 24
DEMAND_BEFORE_SECONDS, DEMAND_AFTER_SECONDS = 7 * DAY, 14 * DAY
HORIZON_AFTER_SECONDS = DEMAND_AFTER_SECONDS + 2 * DAY


@dataclass(frozen=True)
class Learned:
    """What history and past campaigns taught, ready to predict the target.

    others: every other plan whose traffic falls between a week before and two weeks after it; past: plans with traffic.
    requests_per_visit: on all services, as the priors of volumes take it.
    """

    target: Plan
    plans: Mapping[str, Plan]
    others: tuple[Plan, ...]
    past: tuple[Plan, ...]
    terms: tuple[Term, ...]
    blocks: tuple[Block, ...]
    numbers: Numbers
    baseline: Baseline
    uplift: Uplift
    minute_sd: Floats
    growth: Growth
    requests_per_visit: float


@dataclass(frozen=True)
class Prediction:
    """Joint paths over a grid, and what they were made of."""

    grid: Grid
    rates: Singles
    draws: Draws
    settings: tuple[Setting, ...]
    services: tuple[str, ...]


def learn(
    evidence: Evidence,
    target: Plan,
    plans: Sequence[Plan],
    settings: Settings,
    as_of: datetime,
    prophet_seed: int | None = None,
) -> Learned:
    """Fit baseline and uplift on what was known at `as_of`; plans of campaigns to come count only where they overlap.

    prophet_seed: mix Prophet in (slower), with this seed.
    """
    end = epoch(target.ends_at) + HORIZON_AFTER_SECONDS
    masked = mask_of(evidence, plans)
    horizon = horizon_hours(evidence, end)
    lead_days = max(epoch(target.starts_at) - int(evidence.hours[-1]), DAY) / DAY
    baseline = fit_baseline(evidence.hourly, masked, horizon, settings.zone, settings.country, lead_days)
    if prophet_seed is not None:
        baseline = _with_prophet(baseline, evidence, masked, settings, prophet_seed)
    baseline, growth = with_growth(baseline, evidence.hourly, masked, lead_days)
    past = past_plans(evidence, target, plans, as_of)
    others = overlapping(target, plans, DEMAND_BEFORE_SECONDS, DEMAND_AFTER_SECONDS)
    by_id = {plan.id: plan for plan in (*past, *others, target)}
    terms = tuple(term for plan in by_id.values() for term in terms_of(plan))
    numbers = numbers_of([by_id[p.id] for p in past], target, others)
    per_visit = requests_per_visit(settings)
    layout = layout_of(terms, by_id, baseline.services, numbers, per_visit)
    touched = touched_services(terms, by_id, baseline.services)
    spans = split(learning_spans(past, epoch(as_of)))
    remembered = [p for p in past if not has_rows(p, evidence)]
    blocks = (
        *blocks_of(undisturbed(evidence), spans, terms, baseline, touched),
        *remembered_blocks(remembered, terms, baseline),
    )
    uplift = fit_uplift(blocks, terms, by_id, layout, numbers, baseline)
    scatter = minute_sds(blocks, baseline)
    return Learned(target, by_id, others, past, terms, blocks, numbers, baseline, uplift, scatter, growth, per_visit)


def past_plans(evidence: Evidence, target: Plan, plans: Sequence[Plan], as_of: datetime) -> tuple[Plan, ...]:
    """The earlier campaigns that teach something: they left rows, or somebody wrote down their peak."""
    before = [p for p in plans if p.id != target.id and p.starts_at < as_of]
    return tuple(p for p in before if has_rows(p, evidence) or peak_remembered(p, as_of))


def overlapping(
    target: Plan, plans: Sequence[Plan], before_seconds: int = SIDE_SECONDS, after_seconds: int = SIDE_SECONDS
) -> tuple[Plan, ...]:
    """The other plans whose traffic falls into the target's window, widened on both sides."""
    starts, ends = epoch(target.starts_at) - before_seconds, epoch(target.ends_at) + after_seconds
    return tuple(
        plan
        for plan in plans
        if plan.id != target.id and any(a < ends and starts < b for a, b in spans_of(plan, 0, HOUR))
    )


def predict(learned: Learned, grid: Grid, paths: int, seed: int) -> Prediction:
    """Joint sample paths of the target and every overlapping plan over the grid."""
    draws, rng = joint_draws(learned, paths, seed)
    settings = target_settings(learned, grid)
    rates = joint_paths(settings, learned.uplift, learned.baseline, draws, learned.minute_sd, rng)
    return Prediction(grid, rates, draws, settings, learned.baseline.services)


def joint_draws(learned: Learned, paths: int, seed: int) -> tuple[Draws, np.random.Generator]:
    """What all services share on each path, and where the paths' own noise is drawn from afterwards."""
    rng = np.random.default_rng([seed, 20261111])
    return draw(learned.uplift, learned.baseline, paths, rng), rng


def target_settings(learned: Learned, grid: Grid, days: Sequence[Days] | None = None) -> tuple[Setting, ...]:
    """Terms and ordinary traffic over the grid for every service, with every plan that reaches into it.

    days: the ordinary traffic, where it is known already.
    """
    own = {learned.target.id, *(plan.id for plan in learned.others)}
    terms = [term for term in learned.terms if term.campaign in own]
    touched = touched_services(terms, learned.plans, learned.baseline.services)
    made = (terms, touched, learned.plans, learned.uplift, learned.numbers, typical_volumes(learned.terms))
    days = days or [days_of(learned.baseline, s, grid) for s in range(len(learned.baseline.services))]
    return tuple(setting(each, *made) for each in days)


def grid_for(target: Plan, others: Sequence[Plan], finest_seconds: int) -> Grid:
    """The campaign and six hours each side."""
    instants = {epoch(at) for plan in (target, *others) for at in plan.instants}
    instants |= {epoch(t) for c in target.channels for s in c.slots for t in (s.starts_at, s.ends_at)}
    if not target.instants:
        instants |= {epoch(target.starts_at)}
    starts, ends = epoch(target.starts_at) - SIDE_SECONDS, epoch(target.ends_at) + SIDE_SECONDS
    return make_grid(starts, ends, np.array(sorted(instants), dtype=np.float64), finest_seconds, COARSE_SECONDS)


def touched_services(
    terms: Sequence[Term], plans: Mapping[str, Plan], services: Sequence[str]
) -> tuple[frozenset[str], ...]:
    on = {name: frozenset(s for s in services if plan.touches(s)) for name, plan in plans.items()}
    return tuple(on[term.campaign] for term in terms)


def requests_per_visit(settings: Settings) -> float:
    """Requests that one visit makes on all services, from the funnel; an assumption where there is none."""
    return funnel_requests(settings) or REQUESTS_PER_VISIT_ASSUMED


def funnel_requests(settings: Settings) -> float:
    """Requests of a visit through the funnel, zero without one."""
    reached, total = 1.0, 0.0
    for stage in settings.funnel:
        total += reached * sum(stage.requests.values())
        reached *= stage.continues_ratio
    return total


def minute_sds(blocks: Sequence[Block], baseline: Baseline) -> Floats:
    """How far single minutes scatter around their neighbours [service], on the log scale, beside counting."""
    found = np.full(len(baseline.services), MINUTE_SD_DEFAULT)
    for s in range(len(baseline.services)):
        steps, counting = [], []
        for block in blocks:
            if block.service == s:
                minute = (block.ends - block.starts) <= 60.0
                both = minute[1:] & minute[:-1]
                steps.append(np.diff(block.log_rates)[both])
                counting.append(1.0 / np.maximum(block.counts[1:][both], 1.0))
        joined = np.concatenate(steps) if steps else np.zeros(0)
        if len(joined) >= 50:
            single = baseline.scatter.counted[s] * float(np.median(np.concatenate(counting)))
            found[s] = np.sqrt(max((1.4826 * float(np.median(np.abs(joined)))) ** 2 / 2.0 - single, 0.0))
    clipped: Floats = np.clip(found, 0.005, 0.5)
    return clipped


def has_rows(plan: Plan, evidence: Evidence) -> bool:
    """Whether any undisturbed bucket of the campaign is known: one that failed throughout teaches nothing."""
    return known_seconds(plan, evidence) > 0


def known_seconds(plan: Plan, evidence: Evidence) -> float:
    """How much of the campaign is known and undisturbed, on the service that is known best."""
    starts, ends = epoch(plan.starts_at), epoch(plan.ends_at)
    most = 0.0
    for stretch in evidence.stretches:
        use = (stretch.starts >= starts) & (stretch.starts < ends) & ~np.isnan(stretch.rates)
        for d in evidence.disturbed:
            if d.service == stretch.service and d.kind != "surge" and d.starts < ends and starts < d.ends:
                use &= (stretch.starts + stretch.seconds <= d.starts) | (stretch.starts >= d.ends)
        most = max(most, float(stretch.seconds[use].sum()))
    return most


def _with_prophet(
    baseline: Baseline, evidence: Evidence, masked: NDArray[np.bool_], settings: Settings, seed: int
) -> Baseline:
    """Prophet's opinion of the total's ordinary hours, brought to the ridge's level and mixed into every service.

    Services of one site share their rhythm, and one fit costs seconds; those that began lately take it from the others.
    """
    hours = pd.DatetimeIndex(naive_utc(baseline.hours))
    ahead = baseline.hours > evidence.hours[-1] - PROPHET_PAST_DAYS * DAY
    long = long_known(evidence.hourly)
    total = evidence.hourly.loc[:, long].sum(axis=1, skipna=False)
    known = ~masked[:, long].any(axis=1) & total.notna().to_numpy()
    if known[-PROPHET_PAST_DAYS * 24 :].sum() < PROPHET_HOURS_MIN:
        return baseline
    opinion = prophet_log_rates(total, known, hours[ahead], settings.zone, settings.country, seed)
    mine = np.log(np.exp(baseline.log_requests_per_second[ahead][:, long]).sum(axis=1))
    recent = baseline.hours[ahead] <= evidence.hours[-1]
    apart = opinion - mine
    apart -= float(np.median(apart[recent][-14 * 24 :]))
    mixed = baseline.log_requests_per_second.copy()
    mixed[ahead] += apart[:, None]
    return blended(baseline, mixed, PROPHET_WEIGHT)
