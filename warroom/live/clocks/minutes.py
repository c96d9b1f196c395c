"""One look by the minute: requests and readings pulled from Prometheus, kept, and judged.

A source that does not answer is said and asked again a minute later for all it has not told; the others go on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from campaign.errors import UserError
from campaign.language import Text, say
from campaign.store.live import LiveStore, Measured
from campaign.workspace import Workspace
from metrics.sources.prometheus import fetch_prometheus, fetch_readings
from metrics.sources.pull import known_services
from metrics.sources.records import PrometheusSource, ReadingSource, reading_sources_of, sources_of
from metrics.sources.retries import Passing
from playbooks.readiness.observing import read_replicas
from playbooks.readiness.readings import KubernetesReplicas, PrometheusReplicas
from warroom.chat.targets import Target
from warroom.handed import campaign_events
from warroom.live.clocks.headroom import before_pushes
from warroom.live.clocks.judge import judge
from warroom.live.clocks.outcomes import tell_effects
from warroom.live.due import watched_from
from warroom.live.expected.yardstick import expected_of
from warroom.live.policy import readings_of
from warroom.live.records import Freshness, LiveState, Source
from warroom.live.sources.freshness import as_rows, of_document
from warroom.live.sources.readings import QUEUE, READY
from warroom.live.state import MINUTE_PULL, MINUTE_SECONDS, live_store

ANSWER_SECONDS_MAX = 10.0
LATENESS = timedelta(minutes=3)
"""Prometheus may still change what it tells of the last minutes: late scrapes, rules not yet evaluated."""
LATE = timedelta(minutes=5)
STEP_SECONDS = 60

Fetch = Callable[[datetime, datetime], Iterable[Measured]]


@dataclass(frozen=True)
class Asked:
    """One thing asked every minute: whose it is, and how."""

    name: str
    measure: str
    fetch: Fetch


@dataclass(frozen=True)
class Told:
    """From where the watch looks, and how far a source has told already."""

    begins: datetime
    until: datetime | None

    def since(self, now: datetime) -> datetime:
        """From where to ask: again for what may still have changed, and never for what is to come."""
        return min(max(self.begins, self.until - LATENESS) if self.until else self.begins, now)


def look(workspace: Workspace, campaign: str, now: datetime, targets: Sequence[Target]) -> LiveState:
    """Pull what is new since the last look, keep it, and judge it.

    Raises:
        UserError: no such campaign, settings that are wrong, or the store cannot be read.
    """
    plan, store = workspace.plan(campaign), live_store(workspace)
    ask_all(workspace, campaign, watched_from(plan, now), now)
    events = campaign_events(workspace, campaign)
    expected = expected_of(workspace, plan, events, keeping=True)
    tell_effects(workspace, plan, expected, events, now)
    state = judge(workspace, plan, expected, events, targets, now, hourly=False)
    store.keep(campaign, before_pushes(plan, state))
    return state


def ask_all(workspace: Workspace, campaign: str, begins: datetime, now: datetime) -> None:
    """Pull what every source has not told yet since `begins`, and keep it with how fresh each is.

    Raises:
        UserError: settings that are wrong, or the store cannot be written.
    """
    store = live_store(workspace)
    told = {(s.name, s.measure): s.watermark for s in of_document(store.document(campaign, MINUTE_PULL), now)}
    sources = tuple(
        _asked(each, store, campaign, Told(begins, told.get((each.name, each.measure))), now)
        for each in asked_every_minute(workspace)
    )
    store.write(campaign, MINUTE_PULL, now, {"sources": as_rows(sources)})


def asked_every_minute(workspace: Workspace) -> Iterator[Asked]:
    """Requests from the traffic sources of history, readings, and replicas as checklist.yaml says."""
    settings = workspace.settings
    known = known_services(settings)
    for source in sources_of(settings):
        if isinstance(source, PrometheusSource) and source.measure == "traffic":
            by_minute = source.model_copy(update={"step_seconds": STEP_SECONDS}) if source.gives_rates else source
            if by_minute.step_seconds == STEP_SECONDS:
                yield Asked(source.name, "requests", _requests(by_minute, known))
    readings = reading_sources_of(settings)
    for reading in readings:
        names = known | settings.desk_names if reading.reading == QUEUE else known
        yield Asked(reading.name, reading.reading, _readings(reading, names))
    replicas = readings_of(workspace).replicas
    if replicas is not None and all(reading.reading != READY for reading in readings):
        yield Asked("checklist.yaml", READY, _replicas(replicas, settings.service_names))


def _requests(source: PrometheusSource, known: frozenset[str]) -> Fetch:
    def fetch(since: datetime, until: datetime) -> Iterator[Measured]:
        batch = fetch_prometheus(source, known, since, until, ANSWER_SECONDS_MAX)
        last = until - LATENESS
        for (at, service, *_), (rate, *_) in batch.rows.items():
            final = not batch.partial and int(at) + MINUTE_SECONDS <= last.timestamp()
            yield Measured("requests", str(service), MINUTE_SECONDS, int(at), rate, final)

    return fetch


def _readings(source: ReadingSource, known: frozenset[str]) -> Fetch:
    def fetch(since: datetime, until: datetime) -> Iterator[Measured]:
        found = fetch_readings(source, known, since, until, STEP_SECONDS, ANSWER_SECONDS_MAX)
        for (at, service), value in found.items():
            yield Measured(source.reading, service, MINUTE_SECONDS, at, value, False)

    return fetch


def _replicas(source: PrometheusReplicas | KubernetesReplicas, services: tuple[str, ...]) -> Fetch:
    def fetch(_since: datetime, until: datetime) -> Iterator[Measured]:
        for sample in read_replicas(source, services, until):
            at = math.floor(sample.at_utc.timestamp() / MINUTE_SECONDS) * MINUTE_SECONDS
            for service, ready in sample.ready.items():
                if service in services:
                    yield Measured(READY, service, MINUTE_SECONDS, at, ready, False)

    return fetch


def _asked(asked: Asked, store: LiveStore, campaign: str, told: Told, now: datetime) -> Source:
    """Ask for what is new, keep it, and say how fresh it is."""
    rows, failed, note = _answer(asked, told.since(now), now)
    store.keep(campaign, rows)
    ends = [v.starts_at + (MINUTE_SECONDS if asked.measure == "requests" else 0) for v in rows]
    mark = datetime.fromtimestamp(max(ends), UTC) if ends else told.until
    late = mark is None or now - mark > LATE
    if late and note is None:
        note = say("{source}: no minutes came ({measure})", source=asked.name, measure=asked.measure)
    behind: Freshness = "never" if mark is None else "late" if late else failed
    return Source(
        name=asked.name,
        measure=asked.measure,
        watermark=mark,
        age=now - mark if mark else None,
        final_until=None,
        lateness=LATENESS,
        state="refused" if failed == "refused" else behind,
        note=note,
    )


def _answer(asked: Asked, since: datetime, now: datetime) -> tuple[list[Measured], Freshness, Text | None]:
    """What came, each value once; where nothing could, whether it was away or refused, and why."""
    try:
        return list({(v.name, v.starts_at): v for v in asked.fetch(since, now)}.values()), "fresh", None
    except Passing as failure:
        away = say("does not answer: {reason}", reason=failure.reason)
        return [], "dead", say("{source}: {what}", source=asked.name, what=away)
    except UserError as error:
        return [], "refused", say("{source}: {what}", source=asked.name, what=error.problems[0].what)
