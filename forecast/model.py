"""`build_traffic_model`: from evidence and plans to the traffic model; records in, records out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from campaign.errors import Problem, UserError
from campaign.language import Text, say
from campaign.plan import Plan
from campaign.settings import Settings
from campaign.traffic import BackTest, LearnedFrom, Peak, Quantiles, Sentence, TrafficModel, TrafficPaths
from forecast.backtest.again import highest_total
from forecast.demand.bots import bot_effects, bot_paths, bots_said, learn_bots
from forecast.epochs import DAY, epoch, moment_of, naive_utc
from forecast.evidence import Evidence, mask_of
from forecast.explain.beyond import beyond_said
from forecast.explain.bridge import bridge_of
from forecast.explain.doubts import doubts_said
from forecast.explain.effects import effects_of, second_profiles
from forecast.learning import (
    REQUESTS_PER_VISIT_ASSUMED,
    Learned,
    Prediction,
    grid_for,
    has_rows,
    learn,
    overlapping,
    predict,
    requests_per_visit,
)
from forecast.paths.calibration import Calibration, calibrated
from forecast.paths.ceiling import AUDIENCE, ceiling_requests_per_second, held_below
from forecast.stack.bending import bend_of, bent_rates
from forecast.stack.boosting import boosting_loads
from forecast.uplift.terms import OPEN_RATIO_ASSUMED

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]

PATHS = 2000
PATHS_BYTES = 128 * 1024 * 1024
HISTORY_DAYS_MIN = 14
HOURS_KNOWN_MIN = 5 * 24
GROWTH_WEIGHT_SAID = 0.1
MINUTE_FACTOR_LOG_MEAN, MINUTE_FACTOR_LOG_SD = 0.24, 0.12


@dataclass(frozen=True)
class Forecast:
    """A traffic model with everything that is written beside it."""

    model: TrafficModel
    paths: TrafficPaths
    learned: Learned
    prediction: Prediction
    assumptions: tuple[Text, ...]


def build_traffic_model(
    evidence: Evidence,
    campaign: Plan,
    plans: Sequence[Plan],
    settings: Settings,
    as_of: datetime,
    seed: int = 0,
    paths: int = PATHS,
    inputs: dict[str, str] | None = None,
    calibration: Calibration | None = None,
    historical: bool = False,
    prophet: bool = True,
) -> Forecast:
    """Forecast one campaign with what was known at `as_of`, every overlapping plan included.

    evidence: traffic before `as_of` (nothing later is looked at: cut it with `known_before`).
    calibration: what back-tests of earlier campaigns say about bias and width; none leaves both as modelled.

    Raises:
        UserError: `as_of` not before the start, less than two weeks of history, or a service without any.
    """
    refuse(evidence, campaign, plans, settings, as_of)
    learned = learn(evidence, campaign, plans, settings, as_of, prophet_seed=seed if prophet else None)
    grid = grid_for(campaign, overlapping(campaign, plans), evidence.finest_seconds)
    count = min(paths, PATHS_BYTES // (4 * len(grid.starts) * len(evidence.services)))
    prediction = predict(learned, grid, count, seed)
    calibration = calibration or Calibration()
    bend = bend_of(prediction, learned, evidence, plans, settings, calibration.stack, seed)
    rates = calibrated(bent_rates(prediction.rates, grid, bend), calibration)
    rates, held_ratio = held_below(rates, *_bounds(prediction, learned, evidence, settings))
    bots = learn_bots(evidence, [plan for plan in learned.past if has_rows(plan, evidence)])
    scalped = bot_paths(bots, evidence, campaign, grid.starts, grid.seconds, count, seed)
    rates = rates if scalped is None else rates + scalped
    sampled = TrafficPaths(rates, learned.baseline.services, naive_utc(grid.starts), grid.seconds)
    factor = minute_factor(evidence.finest_seconds, count, seed)
    services, total = peaks(sampled, campaign, factor)
    said = assumptions(learned, evidence, settings, as_of, calibration)
    said += ceiling_said(campaign, held_ratio)
    said += doubts_said(learned, evidence, plans, as_of) + bots_said(bots, scalped, campaign)
    model = TrafficModel(
        campaign=campaign.id,
        as_of_utc=as_of,
        lead_days=(campaign.starts_at - as_of) / timedelta(days=1),
        historical=historical,
        inputs=inputs or {},
        seed=seed,
        paths=count,
        starts_at_utc=campaign.starts_at,
        ends_at_utc=campaign.ends_at,
        knowledge=knowledge(learned),
        services=services,
        total=total,
        peak_minute_factor=None if factor is None else Quantiles.of(factor),
        second_profiles=second_profiles(learned, grid),
        effects=effects_of(learned, prediction) + bot_effects(scalped, evidence.services, grid.starts),
        bridge=bridge_of(learned, evidence, total),
        back_test=calibration.back_test or BackTest(campaigns=0),
        assumptions=tuple(text.speak("en") for text in said),
        assumptions_said=tuple(Sentence.of(text) for text in said),
        learned_from=learned_from(learned),
        other_plans=tuple(plan.id for plan in overlapping(campaign, plans)),
    )
    return Forecast(model, sampled, learned, prediction, said)


def _bounds(
    prediction: Prediction, learned: Learned, evidence: Evidence, settings: Settings
) -> tuple[Floats, float | None]:
    """Ordinary traffic over the grid, and the most that the audience can add; none while other plans run beside it."""
    ordinary = np.exp(np.array([made.log_base for made in prediction.settings]))
    target = learned.target
    if AUDIENCE not in target.drivers or learned.others:
        return ordinary, None
    past = [plan for plan in learned.past if AUDIENCE in plan.drivers and has_rows(plan, evidence)]
    seen = [(plan, highest_total(plan, evidence)) for plan in past]
    return ordinary, ceiling_requests_per_second(target, requests_per_visit(settings), seen)


def refuse(evidence: Evidence, campaign: Plan, plans: Sequence[Plan], settings: Settings, as_of: datetime) -> None:
    """Say everything that makes a forecast impossible, at once."""
    problems = []
    if as_of >= campaign.starts_at:
        problems.append(
            Problem(
                say(
                    "{as_of} is not before the campaign's start {start}",
                    as_of=as_of.isoformat(),
                    start=campaign.starts_at.isoformat(),
                ),
                say("a forecast made during a campaign is a re-forecast: use an earlier time"),
                key="--as-of",
            )
        )
    problems += missing_services(evidence, settings, as_of)
    problems += _too_short(evidence, plans)
    if problems:
        raise UserError(problems)


def missing_services(evidence: Evidence, settings: Settings, as_of: datetime) -> list[Problem]:
    """A problem for each service of the settings that has no history."""
    return [
        Problem(
            say("there is no traffic of service {name} before {as_of}", name=service.name, as_of=as_of.isoformat()),
            say("add its rows, or say in surgeplan.yaml which service it follows"),
            file="history/traffic",
        )
        for service in settings.services
        if service.name not in evidence.services
    ]


def _too_short(evidence: Evidence, plans: Sequence[Plan]) -> list[Problem]:
    hours = evidence.hours
    days = (int(hours[-1]) - int(hours[0])) / DAY + 1 / 24 if len(hours) else 0.0
    if days < HISTORY_DAYS_MIN:
        what = say("history is {days} days long; a forecast needs two weeks", days=f"{days:.1f}")
        return [Problem(what, say("add older traffic, hourly sums are enough"), file="history/traffic")]
    if not (evidence.hourly > 0).to_numpy().any():
        todo = say("check the column of requests and the services' names: zeros teach nothing")
        return [Problem(say("no service has ever had any traffic"), todo, file="history/traffic")]
    known = (~mask_of(evidence, plans) & evidence.hourly.notna().to_numpy()).sum(axis=0)
    return [
        Problem(
            say("service {name} has only {hours} ordinary hours", name=name, hours=int(count)),
            say("add older traffic: hours inside campaigns and outages do not count"),
            file="history/traffic",
        )
        for name, count in zip(evidence.services, known, strict=True)
        if count < HOURS_KNOWN_MIN
    ]


def peaks(
    paths: TrafficPaths, campaign: Plan, factor: NDArray[np.float64] | None = None
) -> tuple[dict[str, Peak], Peak]:
    """Peak of each service and of the total over [starts_at, ends_at], from each path's own maximum.

    factor [path]: peak minute over its bucket's mean, where buckets are longer than a minute.
    """
    first, last = (np.datetime64(epoch(t), "s") for t in (campaign.starts_at, campaign.ends_at))
    last_included = last + np.timedelta64(1, "s")
    inside = paths.within(first - np.timedelta64(int(paths.seconds.min()) - 1, "s"), last_included)
    services = {
        name: _peak(inside.requests_per_second[:, i], inside.starts_at_utc, factor)
        for i, name in enumerate(paths.services)
    }
    return services, _peak(inside.requests_per_second.sum(axis=1), inside.starts_at_utc, factor)


def _peak(rates: Singles, starts: NDArray[np.datetime64], factor: NDArray[np.float64] | None) -> Peak:
    highest = rates.max(axis=1).astype(np.float64) * (1.0 if factor is None else factor)
    at = starts[int(np.median(rates, axis=0).argmax())]
    return Peak(peak_requests_per_second=Quantiles.of(highest), peak_at_utc=moment_of(int(at.astype(np.int64))))


def minute_factor(finest_seconds: int, paths: int, seed: int) -> NDArray[np.float64] | None:
    """Peak minute over the mean of its bucket [path]; None where buckets are minutes.

    On worldcup98 it is 1.27 at the median for hours (75 %: 1.35, most: 2.0); shorter buckets hide less.
    """
    if finest_seconds <= 60:
        return None
    hidden = np.log(finest_seconds / 60.0) / np.log(60.0)
    drawn = np.random.default_rng([seed, 60]).normal(MINUTE_FACTOR_LOG_MEAN, MINUTE_FACTOR_LOG_SD, paths)
    factor: NDArray[np.float64] = np.exp(np.maximum(drawn, 0.0) * min(hidden, 1.0))
    return factor


def knowledge(learned: Learned) -> Literal["none", "little", "some", "good"]:
    """How much past campaigns of this kind tell: none, little (1-2), some (3-7) or good (8 and more)."""
    alike = sum(plan.kind == learned.target.kind for plan in learned.past)
    return "none" if alike == 0 else "little" if alike < 3 else "some" if alike < 8 else "good"


def learned_from(learned: Learned) -> tuple[LearnedFrom, ...]:
    """Past campaigns with the weight they have: rows of the same kind count fully, others through what is shared."""
    raw = {}
    for plan in learned.past:
        months = max((learned.target.starts_at - plan.starts_at).days, 0) / 30.4
        raw[plan.id] = (1.0 if plan.kind == learned.target.kind else 0.25) * 0.5 ** (months / 24.0)
    total = sum(raw.values()) or 1.0
    ordered = sorted(raw.items(), key=lambda item: (-item[1], item[0]))
    return tuple(LearnedFrom(campaign=name, weight_ratio=round(weight / total, 4)) for name, weight in ordered)


def assumptions(
    learned: Learned, evidence: Evidence, settings: Settings, as_of: datetime, calibration: Calibration
) -> tuple[Text, ...]:
    """Everything the forecast took for granted because nobody said otherwise."""
    said = list(evidence.notes)
    if knowledge(learned) == "none":
        said.append(
            say(
                "no past campaign of kind {kind}: the uplift rests on {count} campaigns of other kinds and on "
                "general experience, so the range is wide",
                kind=learned.target.kind,
                count=len(learned.past),
            )
        )
    late_days = (epoch(as_of) - int(evidence.hours[-1])) / DAY
    if late_days > 1.0:
        said.append(say("history ends {days} days before the forecast's date", days=f"{late_days:.1f}"))
    said += growth_said(learned)
    if not settings.funnel:
        said.append(say("a visit makes {count} requests (no funnel given)", count=f"{REQUESTS_PER_VISIT_ASSUMED:g}"))
    if any(send.open_ratio is None for send in learned.target.sends):
        said.append(say("{percent} % of the people reached open a message", percent=f"{100 * OPEN_RATIO_ASSUMED:g}"))
    if not learned.target.instants:
        said.append(say("the plan names no moment or send: traffic is spread over the whole campaign"))
    said += beyond_said(learned)
    remembered = [plan.id for plan in learned.past if not has_rows(plan, evidence)]
    if remembered:
        said.append(
            say(
                "known only by the peak that was written down, taken as all services together: {plans}",
                plans=", ".join(remembered),
            )
        )
    silent = [name for name in evidence.services if not (evidence.hourly[name] > 0).any()]
    said += [say("service {name} has never had any traffic", name=name) for name in silent]
    return (*said, *calibration_said(calibration))


def ceiling_said(campaign: Plan, held_ratio: float) -> tuple[Text, ...]:
    """Where the audience bounds the range."""
    if held_ratio < 0.01:
        return ()
    return (
        say(
            "no more can come than the audience of {audience}: {percent} % of the paths were held at that",
            audience=f"{campaign.drivers[AUDIENCE]:,.0f}",
            percent=f"{100 * held_ratio:.0f}",
        ),
    )


def calibration_said(calibration: Calibration) -> list[Text]:
    """What back-tests say of the method: nothing, that last week was closer, or that a member is missing."""
    tested = calibration.back_test
    if not calibration.campaigns or tested is None:
        return [say("no past campaign could be forecast for comparison: the range is the model's own")]
    said = []
    if tested.wape_ratio and tested.last_week_wape_ratio and tested.last_week_wape_ratio < tested.wape_ratio:
        said.append(
            say(
                "on {count} past campaigns the same hours a week earlier were closer than this forecast "
                "({floor} % against {own} %): do not rely on it yet",
                count=tested.campaigns,
                floor=f"{100 * tested.last_week_wape_ratio:.0f}",
                own=f"{100 * tested.wape_ratio:.0f}",
            )
        )
    if not boosting_loads():
        said.append(say("LightGBM cannot be loaded: the stack does without gradient boosting"))
    return said


def growth_said(learned: Learned) -> list[Text]:
    """What a long lead adds to the level, where that is more than nothing."""
    growth = learned.growth
    if max(growth.trend_weight, growth.year_weight) < GROWTH_WEIGHT_SAID:
        return []
    return [
        say(
            "over the days until the start ordinary traffic goes on moving: {trend} % of its recent trend, {year} % of "
            "last year's move, as far as past days prove them right",
            trend=f"{100 * growth.trend_weight:.0f}",
            year=f"{100 * growth.year_weight:.0f}",
        )
    ]
