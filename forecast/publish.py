"""Reads the workspace, forecasts, and writes `out/<id>/traffic.*`, `demand.*` and `effects.json`."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from campaign.console import Progress, no_progress
from campaign.demand import DemandPaths
from campaign.errors import Problem, UserError
from campaign.files import SIGNIFICANT_DIGITS, write_json, write_text
from campaign.language import Text, say
from campaign.plan import Plan
from campaign.traffic import QUANTILES, Sentence, TrafficModel, TrafficPaths
from campaign.workspace import Workspace, default_as_of
from forecast.backtest.again import calibrating, campaigns_known, testable
from forecast.backtest.cache import campaigns_again, method
from forecast.backtest.judged import calibration_of
from forecast.backtest.leads import nearest_lead
from forecast.backtest.live import live_settings
from forecast.demand.lateness import lateness_of, widened
from forecast.demand.people import LAG_REACH_HOURS, demand_paths, learn_demand
from forecast.epochs import HOUR, epoch, epochs, moment_of
from forecast.evidence import Disturbed, Evidence, learning_spans
from forecast.explain.chart import draw_forecast
from forecast.explain.effects_file import EffectsFile, effects_file
from forecast.explain.why import why_page
from forecast.history.reading import TrafficHistory, open_history, read_contacts, read_orders
from forecast.learning import (
    DEMAND_AFTER_SECONDS,
    DEMAND_BEFORE_SECONDS,
    grid_for,
    overlapping,
    past_plans,
    predict,
    requests_per_visit,
)
from forecast.many.running import CHUNK_SERVICES, forecast_all
from forecast.many.spread import chunks_of, put_together, shared_of
from forecast.many.total import View, total_view
from forecast.model import PATHS, PATHS_BYTES, Forecast, build_traffic_model, missing_services
from forecast.paths.grid import Grid
from forecast.retrospectives import read_reach, retrospective_hashes
from forecast.threads import one_thread
from forecast.uplift.episodes import Stretch
from forecast.uplift.promised import as_first_planned, as_promised, habits_of, known_by, promised_said
from metrics.sources.behind import behind_notes

STEP = say("Forecasting")
CACHE = Path("out") / "backtest-cache.json"
MANY_SERVICES = 40
PATHS_LEAST = 50
MASKING = ("outage", "test-window", "bot", "surge")


@dataclass(frozen=True)
class Places:
    """Where many services are computed: how many processes, or the address of a dask scheduler."""

    workers: int | None = None
    cluster: str | None = None


def publish_forecast(
    workspace: Workspace,
    campaign_id: str,
    as_of: datetime | None,
    now: datetime,
    seed: int = 0,
    progress: Progress = no_progress,
    workers: int | None = None,
    cluster: str | None = None,
) -> TrafficModel:
    """Forecast a campaign as of a moment (default: the earlier of `now` and three days before) and write its files.

    workers, cluster: for workspaces with many services: processes here (default: one per core), or the address of a
    dask scheduler.

    Raises:
        UserError: unknown campaign, `as_of` not before the start, history missing, wrong or too short.
    """
    plan = workspace.plan(campaign_id)
    moment = (as_of or default_as_of(plan, now)).astimezone(UTC).replace(microsecond=0)
    refuse_early(plan, moment)
    progress(STEP, 0, 5)
    history = open_history(workspace, before=moment)
    evidence = evidence_of(history, workspace, moment)
    progress(STEP, 1, 5)
    with one_thread():
        return _publish(workspace, plan, evidence, moment, now, seed, progress, Places(workers, cluster))


def _publish(
    workspace: Workspace,
    plan: Plan,
    evidence: Evidence,
    moment: datetime,
    now: datetime,
    seed: int,
    progress: Progress,
    places: Places,
) -> TrafficModel:
    many = len(evidence.services) > MANY_SERVICES
    settings, every = workspace.settings, evidence
    reached = known_by(read_reach(workspace), workspace.plans, moment)
    plans = as_promised(workspace.plans, reached, moment)
    promised_plan = next(p for p in plans if p.id == plan.id)
    view = View(evidence, promised_plan, plans, settings)
    if many:
        if missing := missing_services(evidence, settings, moment):
            raise UserError(missing)
        view = total_view(evidence, promised_plan, plans, settings)
    evidence = view.evidence
    lead_days = nearest_lead(plan, moment)
    known_by_then = testable(evidence, view.plans, lead_days, moment)
    tested = campaigns_again(
        evidence,
        [as_first_planned(p, workspace.plans, reached, lead_days) for p in calibrating(known_by_then, view.plan)],
        view.plans,
        view.settings,
        lead_days,
        workspace.folder / CACHE,
        progress,
    )
    known = campaigns_known(past_plans(evidence, view.plan, view.plans, moment), plan, evidence)
    progress(STEP, 2, 5)
    forecast = build_traffic_model(
        evidence,
        view.plan,
        view.plans,
        view.settings,
        moment,
        seed,
        paths=affordable_paths(plan, workspace.plans, every),
        inputs=workspace.input_hashes() | retrospective_hashes(workspace),
        calibration=calibration_of(tested, plan.kind, known, lead_days),
        historical=plan.starts_at <= now,
    )
    progress(STEP, 3, 5)
    demand, assumed = demand_of(workspace, forecast, evidence, moment, seed)
    behind = tuple(behind_notes(workspace, moment))
    forecast = with_assumptions(forecast, assumed + behind + promised_said(plan, habits_of(reached)))
    lived = live_settings([one.live for one in tested], forecast.paths, plan.starts_at, plan.ends_at)
    added = {"nowcast": lived, "demand_assumptions_said": tuple(Sentence.of(text) for text in assumed + behind)}
    forecast = replace(forecast, model=forecast.model.model_copy(update=added))
    if many:
        forecast = over_services(workspace, plan, forecast, every, evidence, seed, places, progress)
    progress(STEP, 4, 5)
    write_forecast(workspace, plan, forecast, demand, evidence)
    progress(STEP, 5, 5)
    return forecast.model


def affordable_paths(plan: Plan, plans: Sequence[Plan], evidence: Evidence) -> int:
    """Fewer paths rather than more memory than the paths of every service may take."""
    grid = grid_for(plan, overlapping(plan, plans), evidence.finest_seconds)
    return max(min(PATHS, PATHS_BYTES // (4 * len(grid.starts) * len(evidence.services))), PATHS_LEAST)


def over_services(
    workspace: Workspace,
    plan: Plan,
    forecast: Forecast,
    every: Evidence,
    whole: Evidence,
    seed: int,
    places: Places,
    progress: Progress,
) -> Forecast:
    """The total's forecast spread over every service, in chunks that survive an interruption."""
    shared = shared_of(forecast, whole, workspace.settings, seed)
    chunks = chunks_of(every, plan, workspace.plans, CHUNK_SERVICES)
    kept = workspace.out(plan.id) / ".services"
    workers = places.workers or os.cpu_count() or 1
    made = forecast_all(shared, chunks, kept, method(), workers, places.cluster, progress)
    together = put_together(forecast, every, workspace.plans, made)
    shutil.rmtree(kept, ignore_errors=True)
    return together


def refuse_early(plan: Plan, as_of: datetime) -> None:
    """Refuse a date that no forecast can have, before history is read."""
    if as_of >= plan.starts_at:
        what = say(
            "{as_of} is not before the campaign's start {start}",
            as_of=as_of.isoformat(),
            start=plan.starts_at.isoformat(),
        )
        todo = say("a forecast made during a campaign is a re-forecast: use an earlier time")
        raise UserError(Problem(what, todo, key="--as-of"))


def evidence_of(history: TrafficHistory, workspace: Workspace, as_of: datetime) -> Evidence:
    """What the forecast may know, from the workspace's history."""
    hourly = history.hourly()
    if hourly.empty:
        raise UserError(
            Problem(
                say("there is no traffic before {as_of}", as_of=as_of.isoformat()),
                say("add history/traffic.csv with starts_at, service, requests"),
                file="history/traffic",
            )
        )
    spans = learning_spans(workspace.plans, epoch(as_of))
    stretches = tuple(_stretch(history, service, spans) for service in history.services)
    disturbed = tuple(
        Disturbed(f.service, epoch(f.starts_at_utc), epoch(f.ends_at_utc), f.kind)
        for f in history.findings
        if f.kind in MASKING
    )
    recent = as_of - timedelta(days=28)
    lengths = [history.finest_seconds(service, recent, as_of) for service in history.services]
    # Any campaign with minutes teaches their shape, even where the newest history has only hours.
    lengths += [int(s.seconds.min()) for s in stretches if len(s.seconds)]
    finest = min((length for length in lengths if length), default=HOUR)
    return Evidence(hourly, stretches, disturbed, max(finest, 60), history.notes)


def _stretch(history: TrafficHistory, service: str, spans: list[tuple[int, int]]) -> Stretch:
    frames = [history.buckets(service, moment_of(starts), moment_of(ends)) for starts, ends in spans]
    kept = [frame for frame in frames if len(frame)]
    if not kept:
        empty = np.zeros(0, dtype=np.int64)
        return Stretch(service, empty, empty, np.zeros(0))
    return Stretch(
        service,
        np.concatenate([epochs(frame["starts_at_utc"]) for frame in kept]),
        np.concatenate([frame["seconds"].to_numpy(dtype=np.int64) for frame in kept]),
        np.concatenate([frame["requests_per_second"].to_numpy(dtype=np.float64) for frame in kept]),
    )


def demand_of(
    workspace: Workspace, forecast: Forecast, evidence: Evidence, as_of: datetime, seed: int
) -> tuple[DemandPaths, tuple[Text, ...]]:
    """Demand from a week before the start to two weeks after the end, and what it assumes."""
    settings = workspace.settings
    orders = read_orders(workspace, as_of)
    contacts = read_contacts(workspace, as_of)
    learned = learn_demand(evidence.hourly, orders, contacts, settings, requests_per_visit(settings))
    rules = widened(learned, lateness_of(orders, contacts, settings, as_of), settings)
    target = forecast.learned.target
    first = (epoch(target.starts_at) - DEMAND_BEFORE_SECONDS) // HOUR * HOUR
    last = -(-(epoch(target.ends_at) + DEMAND_AFTER_SECONDS) // HOUR) * HOUR
    hours = np.arange(first - LAG_REACH_HOURS * HOUR, last, HOUR, dtype=np.int64)
    rates = hourly_paths(forecast, evidence, hours, seed)
    made = demand_paths(rules, hours, rates, first, settings, seed)
    return made, rules.assumptions


def with_assumptions(forecast: Forecast, assumed: tuple[Text, ...]) -> Forecast:
    """The forecast with what the demand behind it takes for granted added to its own assumptions."""
    said = (*forecast.assumptions, *assumed)
    model = forecast.model.model_copy(
        update={
            "assumptions": tuple(text.speak("en") for text in said),
            "assumptions_said": tuple(Sentence.of(text) for text in said),
        }
    )
    return replace(forecast, model=model, assumptions=said)


def hourly_paths(forecast: Forecast, evidence: Evidence, hours: NDArray[np.int64], seed: int) -> NDArray[np.float32]:
    """Hourly rates [path, service, hour]: history where it is known, the same draws as the traffic afterwards."""
    count = forecast.model.paths
    known_until = int(evidence.hours[-1]) + HOUR
    past, ahead = hours[hours < known_until], hours[hours >= known_until]
    rates = np.empty((count, len(evidence.services), len(hours)), dtype=np.float32)
    actual = evidence.hourly.reindex(np.asarray(past, dtype="datetime64[s]")).to_numpy(dtype=np.float64)
    ordinary = np.exp(_baseline_at(forecast, past))
    rates[:, :, : len(past)] = np.where(np.isnan(actual), ordinary, actual).T
    grid = Grid(ahead, np.full(len(ahead), HOUR, dtype=np.int64))
    rates[:, :, len(past) :] = predict(forecast.learned, grid, count, seed).rates
    return rates


def _baseline_at(forecast: Forecast, hours: NDArray[np.int64]) -> NDArray[np.float64]:
    baseline = forecast.learned.baseline
    return np.column_stack([baseline.log_at(s, hours + HOUR // 2) for s in range(len(baseline.services))])


def write_forecast(
    workspace: Workspace,
    plan: Plan,
    forecast: Forecast,
    demand: DemandPaths,
    evidence: Evidence,
) -> None:
    """Write every file of the forecast, the model last: its presence says that the others are complete."""
    folder = workspace.out(plan.id)
    forecast.paths.save(folder / "traffic_paths.npz")
    demand.save(folder / "demand_paths.npz")
    write_text(folder / "traffic.csv", traffic_csv(forecast.paths))
    write_text(folder / "demand.csv", demand_csv(demand))
    fitted: EffectsFile = effects_file(forecast)
    write_json(folder / "effects.json", fitted.model_dump(mode="json"))
    pictures = [folder / f"traffic.{ending}" for ending in ("png", "svg")]
    draw_forecast(pictures, forecast, evidence, workspace.settings)
    picture = (folder / "traffic.svg").read_text("utf-8")
    write_text(folder / "traffic.html", why_page(forecast.model, plan, demand, picture, workspace.settings))
    write_json(folder / "traffic.json", forecast.model.model_dump(mode="json"))


def traffic_csv(paths: TrafficPaths) -> str:
    """One row per service and interval, in time order within each service."""
    lines = ["starts_at_utc,seconds,service," + ",".join(f"requests_per_second_{name}" for name in QUANTILES)]
    times = [f"{t}Z" for t in paths.starts_at_utc.astype("datetime64[s]").astype(str)]
    for service in paths.services:
        quantiles = paths.quantiles(service)
        for i, at in enumerate(times):
            values = ",".join(_short(float(value)) for value in quantiles[:, i])
            lines.append(f"{at},{paths.seconds[i]},{service},{values}")
    return "\n".join(lines) + "\n"


def demand_csv(demand: DemandPaths) -> str:
    """Long table: hourly sessions and orders, half-hourly contacts per desk."""
    lines = ["starts_at_utc,seconds,measure,desk," + ",".join(QUANTILES)]
    lines += _measure(demand.sessions, demand.hours_utc, HOUR, "sessions", "")
    lines += _measure(demand.orders, demand.hours_utc, HOUR, "orders", "")
    for desk in demand.desks:
        lines += _measure(demand.of_desk(desk), demand.half_hours_utc, HOUR // 2, "contacts", desk)
    return "\n".join(lines) + "\n"


def _measure(
    draws: NDArray[np.float32], times: NDArray[np.datetime64], seconds: int, measure: str, desk: str
) -> Iterator[str]:
    quantiles = np.quantile(draws.astype(np.float64), list(QUANTILES.values()), axis=0)
    for i, at in enumerate(times.astype("datetime64[s]").astype(str)):
        values = ",".join(_short(float(value)) for value in quantiles[:, i])
        yield f"{at}Z,{seconds},{measure},{desk},{values}"


def _short(value: float) -> str:
    return f"{value:.{SIGNIFICANT_DIGITS}g}"
