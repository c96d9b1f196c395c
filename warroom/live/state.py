"""The live state read back from what syncs stored: no network, no sync, nothing written."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from campaign.errors import UserError
from campaign.language import Text, say
from campaign.plan import Plan
from campaign.store.database import STATE_URL, Database, address
from campaign.store.events import Event
from campaign.store.live import LiveStore, Measured
from campaign.traffic import QUANTILES, Quantiles, Sentence
from campaign.workspace import Workspace
from playbooks.autoscaling.holds import Hold, lowered
from playbooks.autoscaling.plan import AutoscalingPlan, ServicePlan
from warroom.handed import campaign_events
from warroom.live.actions.holding import floors_folder, holds_of
from warroom.live.actions.log import acts_of
from warroom.live.due import clock_of, hours_of, jitter
from warroom.live.expected.percentile import percentile, z_scores
from warroom.live.expected.yardstick import NO_YARDSTICK, TOTAL, Expected, expected_of
from warroom.live.judging.alerts import told_alerts
from warroom.live.judging.capacity import capacities_of, observed_of
from warroom.live.judging.respond import Figures, alerts_of, call_of
from warroom.live.messages.posting import newest_digest
from warroom.live.policy import rules_of
from warroom.live.records import (
    BandSeries,
    Column,
    Held,
    Hour,
    LiveState,
    Metric,
    Minutes,
    Stale,
    Witness,
)
from warroom.live.sources.causes import by_cause
from warroom.live.sources.freshness import as_one, of_document
from warroom.live.sources.readings import newest_readings
from warroom.push.carried import autoscaling_plan
from warroom.retrospective.scores import Band
from warroom.retrospective.timeline import Buckets, Floats, mean_over

HOUR_SECONDS, MINUTE_SECONDS = 3600, 60
BUSY_MS = 5_000
AROUND = timedelta(hours=6)
METRICS: dict[str, tuple[Text, Text]] = {
    "requests": (say("Requests, mean of the hour"), say("requests/s")),
    "peak": (say("Requests, busiest minute of the hour"), say("requests/s")),
    "orders": (say("Orders in the hour"), say("orders")),
    "contacts": (say("Support contacts in the hour"), say("contacts")),
}
Document = tuple[datetime, dict[str, Any]] | None
SYNC, MINUTE_PULL, REFORECAST, REFUSED, TOLD = "sync", "minutes", "reforecast", "refused", "told"


def live_store(workspace: Workspace) -> LiveStore:
    """The workspace's store of live values; a locked file is waited for five seconds at most."""
    return LiveStore(Database(*address(workspace.folder, os.environ.get(STATE_URL)), busy_ms=BUSY_MS))


def live_state(workspace: Workspace, campaign: str, now: datetime) -> LiveState:
    """Everything that is known about a campaign at `now`, from what was stored.

    Raises:
        UserError: no such campaign, the log was edited, rules.yaml is wrong, or the store cannot be read.
    """
    plan, store = workspace.plan(campaign), live_store(workspace)
    events = campaign_events(workspace, campaign)
    expected, stale = _expected(workspace, plan, events)
    sync, pulled, again, told = (store.document(campaign, kind) for kind in (SYNC, MINUTE_PULL, REFORECAST, TOLD))
    since, until = plan.starts_at - AROUND, min(now, plan.ends_at) + AROUND
    hours, minutes = (store.measured(campaign, seconds, since, until) for seconds in (HOUR_SECONDS, MINUTE_SECONDS))
    metrics, series = metrics_of(plan, expected, hours, now), minutes_of(expected, minutes, again)
    rules, settings = rules_of(workspace), workspace.settings
    scaling = autoscaling_plan(workspace.out(campaign) / "playbook" / "autoscaling.json")
    planned = scaling.services if scaling else {}
    decided = holds_of(acts_of(events, campaign), rules.live.levers.scale.hours)
    holds = [hold for hold in decided if hold.ends_at or now < _way_back(scaling, hold.service, plan)]
    capacities = capacities_of(workspace, plan, series, observed_of(minutes, holds, now), now)
    figures = Figures({metric.name: metric for metric in metrics}, series, capacities)
    alerts = alerts_of(told_alerts(events, campaign), figures, settings, rules.live, rules.response, now)
    sources = as_one(of_document(sync, now), of_document(pulled, now), hourly_is_newer=_is_newer(sync, pulled))
    return LiveState(
        campaign=campaign,
        now=now,
        clock=clock_of(plan, now, jitter(workspace.folder, campaign)),
        yardstick=expected.record() if expected else NO_YARDSTICK,
        call=call_of(alerts),
        synced_at=sync[0] if sync else None,
        synced_hour=datetime.fromisoformat(sync[1]["hour"]) if sync and sync[1]["hour"] else None,
        minutes_at=_newest_minute(minutes),
        sources=sources,
        metrics=metrics,
        minutes=series,
        capacities=capacities,
        alerts=alerts,
        readings=newest_readings(workspace, campaign, minutes),
        held=held_now(planned, campaign, holds, now),
        digest=newest_digest(store.letters(campaign)),
        stale=(*stale, *_unread(store, campaign), *by_cause(sources)),
        head=events[-1].hash if events else None,
        witness=Witness(told[1]["head"], told[0]) if told and told[1].get("head") else None,
    )


def _way_back(scaling: AutoscalingPlan | None, service: str, plan: Plan) -> datetime:
    """When floors that are held for no time of their own end."""
    return scaling.returns_at(service) if scaling and service in scaling.services else plan.ends_at


def held_now(
    planned: Mapping[str, ServicePlan], campaign: str, holds: Sequence[Hold], now: datetime
) -> tuple[Held, ...]:
    """The highest floor that holds of each service, also one that is about to be ordered."""
    highest: dict[str, Hold] = {}
    for hold in (hold for hold in holds if not hold.is_over(now)):
        before = highest.get(hold.service)
        highest[hold.service] = hold if before is None or hold.replicas >= before.replicas else before
    return tuple(
        Held(hold, tuple(lowered(planned[name], hold, now)) if name in planned else (), floors_folder(campaign))
        for name, hold in highest.items()
    )


def _is_newer(one: Document, other: Document) -> bool:
    return one is not None and (other is None or one[0] > other[0])


def _newest_minute(minutes: Sequence[Measured]) -> datetime | None:
    newest = max((v.starts_at for v in minutes if v.measure == "requests"), default=None)
    return None if newest is None else datetime.fromtimestamp(newest, UTC)


def _unread(store: LiveStore, campaign: str) -> tuple[Stale, ...]:
    """What the last look at readings could not do, such as an act that the log refused."""
    kept = store.document(campaign, REFUSED)
    if kept is None:
        return ()
    said = {text.speak("en"): text for text in (Sentence(**told).text() for told in kept[1]["said"])}
    return tuple(Stale(text, kept[0]) for text in said.values())  # many acts of one look are refused for one reason


def _expected(workspace: Workspace, plan: Plan, events: Sequence[Event]) -> tuple[Expected | None, tuple[Stale, ...]]:
    """The yardstick; where it is damaged, none and why."""
    try:
        return expected_of(workspace, plan, events), ()
    except UserError as error:
        return None, tuple(Stale(say("the frozen forecast: {what}", what=str(p)), None) for p in error.problems)


def metrics_of(plan: Plan, expected: Expected | None, values: Sequence[Measured], now: datetime) -> tuple[Metric, ...]:
    """Each metric by closed hour; those that neither forecast nor source knows are left out."""
    closed = [hour for hour in hours_of(plan) if hour + timedelta(hours=1) <= now]
    found = {(v.measure, v.starts_at): v for v in values if v.name == TOTAL}
    named = [
        name for name in METRICS if (expected and name in expected.hours) or any(v.measure == name for v in values)
    ]
    return tuple(
        Metric(name, *METRICS[name], tuple(_hour(name, hour, expected, found) for hour in closed)) for name in named
    )


def _hour(name: str, hour: datetime, expected: Expected | None, values: dict[tuple[str, int], Measured]) -> Hour:
    at = int(hour.timestamp())
    value = values.get((name, at))
    band = expected.hours.get(name) if expected else None
    quantiles = quantiles_at(band, at) if band else None
    z = None
    if value is not None and quantiles is not None:
        known = float(z_scores(np.array([value.value]), np.array([list(quantiles.model_dump().values())]).T)[0])
        z = known if np.isfinite(known) else None
    return Hour(
        starts_at=hour,
        actual=None if value is None else value.value,
        frozen=quantiles,
        percentile_ratio=None if z is None else percentile(z),
        z=z,
        preliminary=value is None or not value.final,
    )


def quantiles_at(band: Band, at: int) -> Quantiles | None:
    """A band's quantiles of the interval that begins at `at` (seconds of UTC)."""
    place = int(np.searchsorted(band.starts, at))
    if place == len(band.starts) or band.starts[place] != at:
        return None
    return Quantiles(**dict(zip(QUANTILES, map(float, band.quantiles[:, place]), strict=True)))


def minutes_of(
    expected: Expected | None, values: Sequence[Measured], reforecast: tuple[datetime, dict[str, Any]] | None
) -> dict[str, Minutes]:
    """Actual, frozen and re-forecast requests of every service and their total, on the yardstick's intervals."""
    if expected is None:
        return {}
    came = requests_by_service(values)
    known = [name for name in expected.bands if name != TOTAL]
    if all(name in came for name in known) and known:
        came[TOTAL] = total_of([came[name] for name in known])
    ours = reforecast if reforecast and reforecast[1]["model"] == expected.handed.model_hash else None
    return {name: _series(name, band, came.get(name), ours) for name, band in expected.bands.items()}


def requests_by_service(values: Sequence[Measured]) -> dict[str, Buckets]:
    """Minutes of requests per second by service."""
    rows: dict[str, list[tuple[int, float]]] = {}
    for value in values:
        if value.measure == "requests":
            rows.setdefault(value.name, []).append((value.starts_at, value.value))
    return {name: buckets_of(found) for name, found in rows.items()}


def buckets_of(rows: Sequence[tuple[int, float]]) -> Buckets:
    starts = np.array([at for at, _ in rows], dtype=np.int64)
    return Buckets(starts, np.full(len(rows), MINUTE_SECONDS), np.array([value for _, value in rows]))


def total_of(parts: Sequence[Buckets]) -> Buckets:
    """The sum over the minutes that every part knows."""
    common = parts[0].starts
    for part in parts[1:]:
        common = np.intersect1d(common, part.starts)
    rates = np.sum([part.rates[np.isin(part.starts, common)] for part in parts], axis=0)
    return Buckets(common, np.full(len(common), MINUTE_SECONDS), rates)


def _series(name: str, band: Band, came: Buckets | None, reforecast: tuple[datetime, dict[str, Any]] | None) -> Minutes:
    actual = np.full(len(band.starts), np.nan) if came is None else mean_over(came, band.starts, band.seconds)
    told = reforecast[1]["services"].get(name) if reforecast else None
    ahead = _placed(band, reforecast[1]["starts_at"], told) if reforecast and told else None
    return Minutes(
        service=name,
        starts_at=tuple(band.starts.tolist()),
        seconds=tuple(band.seconds.tolist()),
        actual=column(actual),
        frozen=BandSeries(*(column(row) for row in band.quantiles)),
        reforecast=ahead,
        reforecast_at=reforecast[0] if reforecast and ahead else None,
    )


def _placed(band: Band, starts: list[int], told: dict[str, list[float]]) -> BandSeries:
    """A re-forecast's quantiles on the band's intervals, None before it begins."""
    places = np.isin(band.starts, np.array(starts, dtype=np.int64))
    rows = []
    for name in QUANTILES:
        row = np.full(len(band.starts), np.nan)
        row[places] = told[name][: int(places.sum())]
        rows.append(column(row))
    return BandSeries(*rows)


def column(values: Floats) -> Column:
    """An array with None for what is not known."""
    return tuple(None if value != value else value for value in values.tolist())
