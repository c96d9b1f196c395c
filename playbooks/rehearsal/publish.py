"""`surgeplan rehearse`: reads the plans, plays them, writes `rehearsal.json`, its picture and its page."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from campaign.console import Progress
from campaign.documents import read_json
from campaign.errors import Problem, UserError
from campaign.files import write_json, write_text
from campaign.language import Text, say
from campaign.numbers import local_minute, percent, spoken
from campaign.pages import render
from campaign.spreading import Spread, spread
from campaign.traffic import Quantiles, TrafficModel
from campaign.words import Words
from campaign.workspace import Workspace
from playbooks.autoscaling.policy import read_policy
from playbooks.rehearsal import judging, replays
from playbooks.rehearsal.as_of import require_known_by
from playbooks.rehearsal.certainty import in_range
from playbooks.rehearsal.chart import draw_rehearsal
from playbooks.rehearsal.faults import injected
from playbooks.rehearsal.fleets import PlannedFleets, read_fleets
from playbooks.rehearsal.gather import ERROR_RATIO, gather
from playbooks.rehearsal.inputs import Inputs
from playbooks.rehearsal.levers import curve, levers
from playbooks.rehearsal.measuring import drivers, measure_next
from playbooks.rehearsal.policy import shipped_policy
from playbooks.rehearsal.publish_gameday import publish_game_day
from playbooks.rehearsal.record import CONFIDENCE_RATIO, Break, Rehearsal
from playbooks.rehearsal.settling import TOLD_MOST, settled_in_words, settling
from playbooks.rehearsal.stories import stories
from playbooks.rehearsal.support_judging import desks_assumed, duration, outcomes, with_desks
from playbooks.rehearsal.verdict import IN_WORDS, verdict
from playbooks.rehearsal.verdict import Played as PathsPlayed
from playbooks.rehearsal.war_room import Joined, Joins, Judged, Watched, watched, with_war_room
from playbooks.rehearsal.war_room_words import told_of_war_room, worth_of_war_room
from playbooks.simulation.event import Played

PATHS = 2000
REPLAYED_PATHS = 500  # by levers and curve, twenty replays or so: a difference on the same paths needs fewer
NEGLIGIBLE_RATIO = 1e-3  # of what is lost: below it, capacity is not what loses


@dataclass(frozen=True)
class Wanted:
    """How to rehearse. seed: chooses the paths where fewer are played than there are; None: evenly.

    now: what is newer is refused; None for the model's as-of. workers: processes here, one for each core where None.
    cluster: of a dask scheduler instead. game_day: write the script of the worst two faults as well.
    """

    paths: int = PATHS
    faults: tuple[str, ...] = ()
    seed: int | None = None
    now: datetime | None = None
    workers: int | None = None
    cluster: str | None = None
    game_day: bool = False
    joins: Joins | None = None


def publish_rehearsal(workspace: Workspace, campaign: str, wanted: Wanted, progress: Progress) -> Rehearsal:
    """Rehearse and write. A drill (any fault) writes nothing: the files say what the plan itself would do.

    Raises:
        UserError: whatever is missing, made from another model, or not known.
    """
    faults = wanted.faults
    if faults and wanted.game_day:
        todo = say("leave --inject out: the worst two faults are found and played without it")
        raise UserError(Problem(say("a game day is of the plan, not of a drill"), todo, key="--game-day"))
    planned = read_fleets(workspace, campaign)
    if wanted.now is not None:
        require_known_by(workspace, campaign, wanted.now)
    zone = workspace.settings.zone_of(workspace.plan(campaign))
    as_planned = inputs = gather(workspace, planned, wanted.paths, wanted.seed)
    for fault in faults:
        inputs = injected(inputs, fault, zone)
    with spread(wanted.workers or os.cpu_count() or 1, wanted.cluster, loads=replays.__name__) as everywhere:
        room = None if wanted.joins is None else wanted.joins(workspace, campaign, as_planned)
        progress(say("rehearsal"), 0, 1)
        alone = watched(inputs, room, everywhere)
        progress(say("rehearsal"), 1, 1)
        found = _judged(workspace, planned, alone, wanted, zone, progress, everywhere)
    if not faults:
        out = workspace.out(campaign)
        draw_rehearsal(out / "rehearsal.png", found, zone)
        draw_rehearsal(out / "rehearsal.svg", found, zone)
        write_text(out / "rehearsal.html", page(workspace, found, zone))
        write_json(out / "rehearsal.json", found.model_dump(mode="json"))
        if wanted.game_day:
            publish_game_day(workspace, campaign, alone.plan, progress)
    return found


def _judged(
    workspace: Workspace,
    planned: PlannedFleets,
    alone: Watched,
    wanted: Wanted,
    zone: ZoneInfo,
    progress: Progress,
    everywhere: Spread,
) -> Rehearsal:
    settings, out = workspace.settings, workspace.out(planned.campaign)
    inputs, played, fewer = alone.plan.inputs, alone.plan.played, alone.plan.thinned(REPLAYED_PATHS)
    found, orders = judging.breaks(inputs, played), judging.lost_orders(inputs, played)
    risk, value = settings.risk, settings.risk.value_lost_per_refused_order
    appetite = risk.overload_probability_per_minute or read_policy(workspace.folder).overload_probability_per_minute
    above, limited = float(played.above_capacity_requests.sum()), float(played.limited_requests.sum())
    model = read_json(out / "traffic.json", f"out/{planned.campaign}/traffic.json", TrafficModel)
    paths, now = inputs.demand.paths, wanted.now or model.as_of_utc
    on = PathsPlayed(paths, max(model.paths, paths), above <= NEGLIGIBLE_RATIO * limited)
    outcome, why = verdict(found, appetite, on)
    progress(say("what would make it a GO"), 0, 1)
    settled = settling(inputs, played, appetite, zone, everywhere) if outcome in ("no-go", "too-close") else None
    progress(say("what would make it a GO"), 1, 1)
    support = replays.support_in_parts(inputs, played, everywhere)
    desks = outcomes(inputs.support, support)
    progress(say("war room"), 0, 1)
    joined = with_war_room(alone, support, Judged(appetite, on, zone, value), everywhere)
    progress(say("war room"), 1, 1)
    outcome, why = with_desks(outcome, why, desks)
    driving, missing = drivers(inputs, played, support), tuple(map(Words.of, _missing(planned, inputs)))
    return Rehearsal(
        campaign=planned.campaign,
        model=planned.model,
        playbook=planned.playbook,
        seed=model.seed,
        paths=paths,
        as_of_utc=now,
        historical=now >= workspace.plan(planned.campaign).starts_at,
        paths_available=on.available,
        tick_seconds=15.0,
        injected=wanted.faults,
        never_full=inputs.never_full,
        missing=missing,
        verdict=outcome,
        why=Words.of(why),
        settled_by=settled,
        appetite_probability_per_minute=appetite,
        breaks=found,
        lost_orders=Quantiles.of(orders),
        lost_orders_mean=float(orders.mean()),
        value_lost=None if value is None else Quantiles.of(orders * value),
        value_lost_mean=None if value is None else float(orders.mean() * value),
        currency=settings.currency,
        replica_hours=float(played.replica_hours.mean(axis=1).sum()),
        cost=judging.cost(inputs, played),
        binding=_binding(found, zone),
        war_room=joined and joined.outcome,
        lost_orders_by_stage=_by_stage(inputs, played),
        desks=desks,
        drivers=driving,
        measure_next=measure_next(driving),
        levers=levers(fewer, value, progress, everywhere),
        curve=curve(fewer, progress, everywhere),
        stories=stories(inputs, played, zone, support, joined),
        assumptions=(*missing, *(Words.of(text) for text in _assumptions(workspace, inputs, joined))),
    )


def _by_stage(inputs: Inputs, played: Played) -> dict[str, float]:
    if inputs.funnel is None or played.lost_orders_by_stage is None:
        return {}
    conversion = 1.0 if inputs.uncertain is None else inputs.uncertain.conversion
    means = (played.lost_orders_by_stage * conversion).mean(axis=1)
    return {stage: float(mean) for stage, mean in zip(inputs.funnel.stages, means, strict=True)}


def _binding(found: Sequence[Break], zone: ZoneInfo) -> Words | None:
    first = max(found, key=lambda one: (one.worst_minute_ratio, one.event_ratio))
    if first.event_ratio == 0:
        return None
    text = say(
        "{name} gives way first: in {ratio} of events, most often at {time}",
        name=first.name, ratio=percent(first.event_ratio), time=local_minute(first.worst_at_utc, zone),
    )  # fmt: skip
    return Words.of(text)


def _missing(planned: PlannedFleets, inputs: Inputs) -> Iterator[Text]:
    """What is played instead of what nobody has planned or measured."""
    yield from planned.assumed([name for name in inputs.services if name not in inputs.never_full])
    if inputs.never_full:
        yield say(
            "no capacity is known of {services}: never full here, whatever comes; only limits stop their requests",
            services=", ".join(inputs.never_full),
        )


def _assumptions(workspace: Workspace, inputs: Inputs, joined: Joined | None) -> Iterator[Text]:
    retries, paths = inputs.retries, inputs.demand.paths
    yield say(
        "each path counts {each}: what is rarer is not seen; changes and curve are replayed on {fewer} of {paths}",
        each=f"{100 / paths:.3g} %", fewer=min(paths, REPLAYED_PATHS), paths=paths,
    )  # fmt: skip
    yield say(
        "ranges of probabilities are what {paths} paths allow at {confidence} (Clopper-Pearson); the forecast's own "
        "error is not in them",
        paths=paths, confidence=percent(CONFIDENCE_RATIO),
    )  # fmt: skip
    yield from _drawn()
    yield say(
        "{share} of refused requests come again, up to {tries} times, after {seconds:g} s and then twice as long",
        share=percent(retries.again_ratio), tries=retries.tries_most, seconds=retries.first_seconds,
    )  # fmt: skip
    if inputs.funnel is None:
        yield say("an order is lost where the service that loses most in that minute loses it")
    else:
        yield say(
            "a stage of the funnel fails as often as its worst service loses requests for good; who fails makes no "
            "requests at later stages and orders nothing"
        )
    if any(each is None for each in inputs.orders_per_request):
        yield say("services that the funnel does not name lose no orders here")
    if not inputs.limits:
        yield say("no rate limit of these services is known: nothing is refused before replicas are full")
    prices = zip(inputs.services, inputs.costs_per_replica_hour, strict=True)
    if unpriced := [name for name, price in prices if price is None]:
        yield say(
            "{services}: no cost_per_replica_hour given; cost is that of the other services",
            services=", ".join(unpriced),
        )
    if workspace.settings.risk.value_lost_per_refused_order is None:
        yield say("no value_lost_per_refused_order given: lost orders have no price")
    for name in (n for n in inputs.services if workspace.settings.service(n).slo.error_ratio is None):
        yield say("{service}: no error_ratio given; {ratio} is taken", service=name, ratio=f"{100 * ERROR_RATIO:g} %")
    if joined is not None:
        yield say(
            "the war room meets at twelve past each hour, sees what comes as readings without gaps and does what comes "
            "first in its order of response where a capacity alert (contacts: an hourly alert) stands, each after the "
            "time that rules.yaml gives it; verdict, changes and curve are of the plan alone"
        )
    yield from desks_assumed(workspace.settings, inputs.support)


def _drawn() -> Iterator[Text]:
    """What was drawn for each path, and from what."""
    declared = shipped_policy().declared_capacity
    yield say(
        "what one replica carries is drawn for each path from its measured range; where it was only declared, from "
        "{low} to {high} of that; conversion and contacts per order are each path's own",
        low=percent(declared.low), high=percent(declared.high),
    )  # fmt: skip


def page(workspace: Workspace, found: Rehearsal, zone: ZoneInfo) -> str:
    """`rehearsal.html` in the current language."""
    return render(
        "playbooks",
        "rehearsal.html",
        found=found,
        title=workspace.plan(found.campaign).title,
        verdict=IN_WORDS[found.verdict],
        at=lambda instant: local_minute(instant, zone),
        spoken=spoken,
        count=lambda people: spoken(people if people >= 0.5 else 0.0),  # a mean of a thousandth of a person is nobody
        percent=percent,
        range=in_range,
        settled=settled_in_words(found),
        told_most=TOLD_MOST,
        war_room=told_of_war_room(found),
        worth=worth_of_war_room(found),
        duration=lambda minutes: str(duration(60 * minutes)),
    )
