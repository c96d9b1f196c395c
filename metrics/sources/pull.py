"""`history pull`: every source asked for what is new, piece by piece, each piece kept before the next is asked for."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Literal

from campaign.console import Progress, no_progress
from campaign.errors import Problem, UserError, nearest
from campaign.language import Text, say
from campaign.settings import Settings
from campaign.workspace import Workspace
from metrics.sources.databases import fetch_sql
from metrics.sources.differences import change_notes
from metrics.sources.drops import fetch_drops
from metrics.sources.feishu import fetch_feishu
from metrics.sources.inbox import fetch_inbox
from metrics.sources.kept import (
    Changes,
    Ledger,
    SourceState,
    Terms,
    keep,
    locked,
    read_ledger,
    write_ledger,
)
from metrics.sources.one_truth import contradiction_words, contradictions, settled
from metrics.sources.prometheus import fetch_desks, fetch_prometheus
from metrics.sources.records import (
    AnySource,
    Batch,
    FeishuSource,
    PrometheusSource,
    Source,
    SqlSource,
    WebhookSource,
    peers_of,
    sources_of,
)
from metrics.sources.retries import Passing, persistently
from metrics.sources.windows import Asking, asking

LATENESS_SECONDS = {"prometheus": 180.0, "sql": 3600.0, "feishu": 86_400.0, "webhook": 3600.0, "drop": 0.0}
LATENESS_MARGIN = 1.5
LATENESS_MOST_SECONDS = 30 * 86_400.0
LATE_TIMES, LATE_LEAST_SECONDS = 3.0, 7200.0

Status = Literal["ok", "partial", "late", "refused", "dead"]


@dataclass(frozen=True)
class Pulled:
    """What one source brought. problems: why it was refused, or is dead. watermark_utc: where its rows of now end;
    contradicted: what differs between two sources, in words, by the one that counts and the other; it is noted too."""

    source: AnySource
    status: Status
    changes: Changes
    state: SourceState | None
    notes: tuple[Text, ...] = ()
    problems: tuple[Problem, ...] = ()
    watermark_utc: datetime | None = None
    contradicted: Mapping[tuple[str, str], Text] = field(default_factory=dict)


@dataclass(frozen=True)
class Wish:
    """What whoever pulls wants beyond what is new.

    since: ask again from there on; recheck: compare so much of what was pulled before; accept: take what a source now
    says of final rows.
    """

    since: datetime | None = None
    recheck: timedelta | None = None
    accept: bool = False


NOTHING_MORE = Wish()


def pull(
    workspace: Workspace,
    now: datetime,
    sleep: Callable[[float], None],
    *,
    only: str | None = None,
    wish: Wish = NOTHING_MORE,
    progress: Progress = no_progress,
) -> tuple[Pulled, ...]:
    """Ask every source (or `only` one) for what is not final yet and keep it in history/.

    Raises:
        UserError: sources that are written wrongly, none at all, or another pull is running. A source that is away or
        refuses is told in its `Pulled`; the others go on.
    """
    sources = _chosen(sources_of(workspace.settings), only)
    with locked(workspace.folder / "state"):
        return tuple(_pull_one(workspace, source, now, sleep, wish, progress) for source in sources)


def _chosen(sources: Sequence[AnySource], only: str | None) -> Sequence[AnySource]:
    if not sources:
        todo = say("add one under sources: in surgeplan.yaml; docs/sre/history.md shows each kind")
        raise UserError(Problem(say("no source to pull from"), todo, file="surgeplan.yaml", key="sources"))
    if only is None:
        return sources
    chosen = [source for source in sources if source.name == only]
    if not chosen:
        what = say("there is no source {name}", name=only)
        raise UserError(Problem(what, nearest(only, (s.name for s in sources)), key="--source"))
    return chosen


def _pull_one(
    workspace: Workspace,
    source: AnySource,
    now: datetime,
    sleep: Callable[[float], None],
    wish: Wish,
    progress: Progress,
) -> Pulled:
    ledger = read_ledger(workspace.folder)
    before = ledger.sources.get(source.name)
    state = before or SourceState(lateness_seconds=_lateness_at_first(source))
    notes: dict[str, Text] = {}
    said: dict[tuple[str, str], Text] = {}
    peers = peers_of(source, workspace.settings)
    changes = Changes()
    rng = random.Random(f"{source.name} {now.isoformat()}")
    watermark: int | None = None
    holds = False
    try:
        asked = asking(workspace, source, state, now, wish.since, wish.recheck)
        terms = _terms(state, asked, wish)
        for number, (first, until) in enumerate(asked.stretches):
            progress(say("Pulling {source}", source=source.name), number, len(asked.stretches))
            batch = persistently(lambda: _fetch(workspace, source, first, until), sleep, rng)  # noqa: B023
            batch = _of_known_names(batch, source, workspace.settings, notes)
            notes |= {str(note): note for note in batch.notes}
            for found in contradictions(workspace.folder, peers, source, batch):
                said[found.source, found.other] = contradiction_words(found, workspace.settings.zone)
            changes += keep(workspace.folder, source, settled(workspace.folder, peers, source, batch), terms)
            holds = holds or batch.partial
            watermark = max(filter(None, (watermark, batch.watermark)), default=None)
            state = _moved(state, first, until, watermark, holds)
            write_ledger(workspace.folder, _with(ledger, source, state))
    except UserError as error:
        return Pulled(source, "refused", changes, state, tuple(notes.values()), error.problems)
    except Passing as failure:
        what = say("does not answer: {reason}", reason=failure.reason)
        todo = say("what was pulled before is kept; pull again later")
        problem = Problem(what, todo, file="surgeplan.yaml", key=f"sources.{source.name}")
        return Pulled(source, "dead", changes, state, tuple(notes.values()), (problem,))
    state = _learned(state.model_copy(update={"looked_until_utc": asked.looked_until}), changes, before)
    write_ledger(workspace.folder, _with(ledger, source, state))
    notes |= {str(note): note for note in change_notes(source, changes, workspace.settings.zone)}
    status, late = _freshness(source, state, watermark, now)
    status = "partial" if holds and status == "ok" else status
    told = _moment(watermark) if watermark is not None else None
    all_notes = (*notes.values(), *said.values(), *late)
    return Pulled(source, status, changes, state, all_notes, watermark_utc=told, contradicted=said)


def _terms(state: SourceState, asked: Asking, wish: Wish) -> Terms:
    """Rows from the regular beginning to where the last pull asked came late if they are new or different now."""
    pulled = _seconds(state.pulled_until_utc)
    late = (int(asked.regular_from.timestamp()), pulled) if pulled is not None else None
    return Terms(_seconds(state.final_until_utc), late, wish.accept)


def _lateness_at_first(source: AnySource) -> float:
    return source.lateness_seconds if source.lateness_seconds is not None else LATENESS_SECONDS[source.kind]


def _fetch(workspace: Workspace, source: AnySource, since: datetime, until: datetime) -> Batch:
    if isinstance(source, PrometheusSource) and source.measure == "desks":
        return fetch_desks(source, workspace.settings.desk_names, since, until)
    if isinstance(source, PrometheusSource):
        return fetch_prometheus(source, known_services(workspace.settings), since, until)
    if isinstance(source, SqlSource):
        return fetch_sql(source, since, until)
    if isinstance(source, FeishuSource):
        return fetch_feishu(source, since, until)
    if isinstance(source, WebhookSource):
        return fetch_inbox(source, workspace.folder, since, until)
    return fetch_drops(source, workspace.folder, workspace.settings, since, until)


def known_services(settings: Settings) -> frozenset[str]:
    """Names that history may use: today's services and their earlier names."""
    return frozenset({*settings.service_names, *(was.name for service in settings.services for was in service.was)})


def _of_known_names(batch: Batch, source: Source, settings: Settings, notes: dict[str, Text]) -> Batch:
    """The batch without services and desks that the workspace does not have: history would refuse them."""
    known = {"traffic": known_services(settings), "contacts": settings.desk_names, "desks": settings.desk_names}
    names = known.get(source.measure)
    if not names or not batch.keys:
        return batch
    rows = {key: figures for key, figures in batch.rows.items() if key[1] in names}
    strangers = sorted({str(key[1]) for key in batch.rows} - names)
    if strangers:
        listed = ", ".join(strangers[:5]) + (" …" if len(strangers) > 5 else "")
        note = say("{source}: not in surgeplan.yaml, left out: {names}", source=source.name, names=listed)
        notes[str(note)] = note
    return replace(batch, rows=rows)


def _moved(state: SourceState, first: datetime, until: datetime, watermark: int | None, holds: bool) -> SourceState:
    """What is final after a piece: one lateness before its end, never beyond the source's own rows."""
    final = state.final_until_utc
    if watermark is not None and not holds:
        reached = min(until - timedelta(seconds=state.lateness_seconds), _moment(watermark))
        final = max(final, reached) if final else reached
    asked = max(state.pulled_until_utc, until) if state.pulled_until_utc else until
    earliest = min(state.asked_from_utc, first) if state.asked_from_utc else first
    return state.model_copy(update={"asked_from_utc": earliest, "final_until_utc": final, "pulled_until_utc": asked})


def _learned(state: SourceState, changes: Changes, before: SourceState | None) -> SourceState:
    """The lateness that this pull showed: rows that changed after the last pull had asked for them."""
    if changes.oldest_late is None or before is None or before.pulled_until_utc is None:
        return state
    seen = before.pulled_until_utc.timestamp() - changes.oldest_late
    lateness = min(max(state.lateness_seconds, LATENESS_MARGIN * seen), LATENESS_MOST_SECONDS)
    return state.model_copy(update={"lateness_seconds": float(round(lateness))})


def _with(ledger: Ledger, source: Source, state: SourceState) -> Ledger:
    return Ledger(sources=dict(sorted({**ledger.sources, source.name: state}.items())))


def allowed_seconds(lateness_seconds: float) -> float:
    """How old the newest row of a source may be before the source is late."""
    return max(LATE_TIMES * lateness_seconds, LATE_LEAST_SECONDS)


def _freshness(
    source: AnySource, state: SourceState, watermark: int | None, now: datetime
) -> tuple[Status, tuple[Text, ...]]:
    """Late where the newest row is older than three latenesses; a folder of files is never late."""
    if source.kind == "drop":
        return "ok", ()
    if watermark is None:
        return "late", (say("{source}: no rows came", source=source.name),)
    behind = now.timestamp() - watermark
    if behind <= allowed_seconds(state.lateness_seconds):
        return "ok", ()
    hours = f"{behind / 3600:.1f}"
    return "late", (say("{source}: its newest row is {hours} h old", source=source.name, hours=hours),)


def _moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())
