"""One hourly sync: what came against the frozen forecast, kept in the store and as files, and the hour's message.

Safe to be cut short and done again, and to be done by two at once: values are laid over values, and every message has a
key of its own.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from campaign.errors import UserError
from campaign.language import Text
from campaign.plan import Plan
from campaign.store.live import LiveStore, Measured
from campaign.workspace import Workspace
from metrics.sources.kept import locked
from metrics.sources.pull import Pulled, pull
from metrics.sources.records import sources_of
from playbooks.readiness.live_evidence import SYNCED
from playbooks.readiness.observing import pull_readings
from warroom.chat.targets import Target
from warroom.handed import campaign_events
from warroom.live.actions.floors import write_floors
from warroom.live.actions.questions import QUESTIONS, as_document, counted_so_far
from warroom.live.clocks.files import write_files
from warroom.live.clocks.judge import judge
from warroom.live.clocks.minutes import ask_all
from warroom.live.clocks.outcomes import decisions_since, tell_effects
from warroom.live.due import HOUR, SETTLING, hour_of, hours_of, minute_watch
from warroom.live.expected.yardstick import TOTAL, expected_of
from warroom.live.messages.digest import Before, Figures, digest
from warroom.live.messages.posting import digest_subject, hours_posted, post
from warroom.live.policy import readings_of
from warroom.live.records import LiveState, Source
from warroom.live.sources.came import Came, hourly_values, minute_values, what_history_says
from warroom.live.sources.freshness import as_rows, final_until, of_document, of_files, of_pulls
from warroom.live.state import HOUR_SECONDS, SYNC, TOLD, live_store

Sleep = Callable[[float], None]


@dataclass(frozen=True)
class Synced:
    """What one sync did. hour: the newest hour it is about, None before the first has closed; words: title and lines
    about it, None without an hour; posted: whether they became the hour's message, which they do once."""

    hour: datetime | None
    state: LiveState
    words: tuple[Text, list[Text]] | None
    posted: bool


def synced_hours(store: LiveStore, plan: Plan) -> frozenset[datetime]:
    """Hours whose sync came to its end."""
    first = hours_of(plan)[0]
    rows = store.measured(plan.id, HOUR_SECONDS, first, plan.ends_at + 2 * SETTLING, [SYNCED])
    return frozenset(datetime.fromtimestamp(row.starts_at, UTC) for row in rows)


def sync(workspace: Workspace, campaign: str, now: datetime, targets: Sequence[Target], sleep: Sleep) -> Synced:
    """Pull every source, compare the closed hours with the frozen forecast, tell what changed.

    Raises:
        UserError: no such campaign, or history, rules or the store cannot be read. Sources that are away are said in
        the state; what they told before is kept.
    """
    plan = workspace.plan(campaign)
    with locked(workspace.folder / "state" / "live", wait=True):
        return _sync(workspace, plan, now, targets, sleep)


def _sync(workspace: Workspace, plan: Plan, now: datetime, targets: Sequence[Target], sleep: Sleep) -> Synced:
    store = live_store(workspace)
    events = campaign_events(workspace, plan.id)
    expected = expected_of(workspace, plan, events, keeping=True)
    before = of_document(store.document(plan.id, SYNC), now)
    pulled = _pulled(workspace, now, sleep)
    services = [name for name in expected.bands if name != TOTAL] if expected else workspace.settings.service_names
    came = what_history_says(workspace, plan, services, now)
    sources = _sources(workspace, pulled, came, before, now)
    finals = final_until(sources)
    store.keep(plan.id, [*hourly_values(came, plan, finals, now), *minute_values(came, finals.get("traffic"))])
    _read_the_system(workspace, plan, now)
    _count_questions(workspace, plan, store, now)
    hour = _newest_hour(plan, now)
    store.write(plan.id, SYNC, now, {"hour": hour.isoformat() if hour else None, "sources": as_rows(sources)})
    tell_effects(workspace, plan, expected, events, now)
    state = judge(workspace, plan, expected, events, targets, now, hourly=True)
    words, posted = _message(workspace, plan, store, state, hour, targets) if hour else (None, False)
    write_files(workspace, plan, state)
    write_floors(workspace, plan.id)
    if hour:
        store.keep(plan.id, [Measured(SYNCED, TOTAL, HOUR_SECONDS, int(hour.timestamp()), now.timestamp(), True)])
    return Synced(hour, state, words, posted)


def _newest_hour(plan: Plan, now: datetime) -> datetime | None:
    """The last closed hour since the campaign's first, its end or not."""
    hour = hour_of(now) - HOUR
    return hour if hour >= hours_of(plan)[0] else None


def _pulled(workspace: Workspace, now: datetime, sleep: Sleep) -> tuple[Pulled, ...] | None:
    """What every source brought; None where there is none, or another pull is at it and this one uses what it has."""
    if not sources_of(workspace.settings):
        return None
    try:
        return pull(workspace, now, sleep)
    except UserError:
        return None


def _sources(
    workspace: Workspace, pulled: Sequence[Pulled] | None, came: Came, before: Sequence[Source], now: datetime
) -> tuple[Source, ...]:
    asked = sources_of(workspace.settings)
    kept = [source for source in before if source.name in {each.name for each in asked}]
    found = of_pulls(pulled, before, now) if pulled is not None else kept
    return (*found, *of_files(came.until, [source.measure for source in asked], now))


def _read_the_system(workspace: Workspace, plan: Plan, now: datetime) -> None:
    """Readings of the last hour where nobody watches its minutes, and replicas and cache hits as checklist.yaml says:
    gates and scaling down are proved by them."""
    if not minute_watch(plan, now):
        ask_all(workspace, plan.id, now - HOUR, now)
    policy = readings_of(workspace)
    if policy.replicas is not None or policy.cache_hits is not None:
        with contextlib.suppress(UserError):  # the items that need it say that they were not read
            pull_readings(workspace, plan.id, now)


def _count_questions(workspace: Workspace, plan: Plan, store: LiveStore, now: datetime) -> None:
    """What people ask, for those who train a bot while the campaign runs."""
    if any(desk.bot for desk in workspace.settings.desks):
        counted = counted_so_far(workspace, plan, now)
        if counted is not None:
            store.write(plan.id, QUESTIONS, now, as_document(counted))


def _message(
    workspace: Workspace, plan: Plan, store: LiveStore, state: LiveState, hour: datetime, targets: Sequence[Target]
) -> tuple[tuple[Text, list[Text]], bool]:
    """The hour in words, and into the outbox where it had no message yet and the campaign still ran in it."""
    kept = store.document(plan.id, TOLD)
    newest = datetime.fromisoformat(kept[1]["hour"]) if kept else None
    letters = hours_posted(store.letters(plan.id))
    known = synced_hours(store, plan)
    before = Before(
        at=kept[0] if kept else None,
        figures=kept[1]["figures"] if kept else {},
        missed=tuple(h for h in hours_of(plan) if h < hour and h not in known and (newest is None or h > newest)),
        lost=tuple(h for h, own in letters.items() if any(letter.state == "unknown" for letter in own))[-1:],
    )
    decided = decisions_since(workspace, plan.id, before.at)
    words = digest(state, plan, hour, before, decided, workspace.settings.zone_of(plan))
    if hour >= plan.ends_at or (newest is not None and newest >= hour):
        return words, False
    post(store, plan.id, digest_subject(hour), words, targets, workspace.settings, state.now)
    store.write(plan.id, TOLD, state.now, {"hour": hour.isoformat(), "figures": figures_of(state), "head": state.head})
    return words, True


def figures_of(state: LiveState) -> Figures:
    """Every figure that is known, as the next message compares with it."""
    return {
        metric.name: {h.starts_at.isoformat(): h.actual for h in metric.hours if h.actual is not None}
        for metric in state.metrics
    }
