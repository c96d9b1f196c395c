"""What follows from what was just stored: the re-forecast, the alerts that changed, and their messages.

Both clocks end here. Everything is computed from the store and the log alone, so a look that was cut short is made up
for by the next one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from campaign.errors import UserError
from campaign.language import Text, say
from campaign.plan import Plan
from campaign.store.events import Act, Event
from campaign.traffic import Sentence, TrafficPaths
from campaign.workspace import Workspace
from playbooks.growth.live_policy import LiveRule
from playbooks.readiness.labels import ROLE_LABELS
from playbooks.readiness.record import workspace_log
from warroom.chat.targets import Target
from warroom.live.actions.log import acts_of
from warroom.live.actions.plans import as_decided
from warroom.live.due import BEFORE, minute_watch, watched_from
from warroom.live.expected.reforecast import as_document, reforecast
from warroom.live.expected.yardstick import Expected
from warroom.live.judging.alerts import (
    Change,
    Standing,
    Told,
    Transition,
    capacity_standing,
    hourly_standing,
    minute_standing,
    told_alerts,
    transitions,
)
from warroom.live.judging.respond import Figures, alerts_of
from warroom.live.messages.posting import ALERT, post
from warroom.live.policy import rules_of
from warroom.live.records import Alert, LiveState
from warroom.live.state import (
    AROUND,
    MINUTE_SECONDS,
    REFORECAST,
    REFUSED,
    live_state,
    live_store,
    requests_by_service,
)


class AlreadyTold(Exception):
    """Somebody else told it first."""


def judge(
    workspace: Workspace,
    plan: Plan,
    expected: Expected | None,
    events: Sequence[Event],
    targets: Sequence[Target],
    now: datetime,
    *,
    hourly: bool,
) -> LiveState:
    """Forecast the rest again, tell the alerts that changed, and return the live state after it.

    hourly: whether hours were synced; without it the hourly rule keeps what stands.
    """
    store = live_store(workspace)
    paths = expected.paths() if expected else None
    values = store.measured(plan.id, MINUTE_SECONDS, plan.starts_at - AROUND, now + AROUND, ["requests"])
    came = requests_by_service(values)
    if expected and paths is not None and now < plan.ends_at + AROUND:
        learned = expected.handed.model.nowcast
        ahead = reforecast(_as_decided(plan, expected, paths, events), came, now, learned)
        if len(ahead.seconds):
            store.write(plan.id, REFORECAST, now, as_document(ahead, expected.handed.model_hash, learned))
    state = live_state(workspace, plan.id, now)
    rules, told = rules_of(workspace).live, told_alerts(events, plan.id)
    looked: set[LiveRule] = {"capacity", "hourly"} if hourly else {"capacity"}
    standing: list[Standing] = []
    if plan.starts_at - BEFORE <= now < plan.ends_at:
        standing += capacity_standing(state.capacities.values(), told, now, rules)
    if hourly:
        standing += hourly_standing(state.metrics, rules)
    if paths is not None:
        looked.add("minute")
        if minute_watch(plan, now):
            standing += minute_standing(paths, came, watched_from(plan, now), now, rules)
    changed = transitions(standing, told, frozenset(looked))
    refused = _tell(workspace, plan, changed, state, targets, now)
    if refused or store.document(plan.id, REFUSED):
        store.write(plan.id, REFUSED, now, {"said": [Sentence.of(note).model_dump() for note in refused]})
    return live_state(workspace, plan.id, now) if changed else state


def _as_decided(plan: Plan, expected: Expected, paths: TrafficPaths, events: Sequence[Event]) -> TrafficPaths:
    """What is to come as it was decided: a send that is held does not come."""
    return as_decided(paths, plan, expected.handed.model.effects, acts_of(events, plan.id).decisions)


def _tell(
    workspace: Workspace,
    plan: Plan,
    changes: Sequence[Transition],
    state: LiveState,
    targets: Sequence[Target],
    now: datetime,
) -> list[Text]:
    """Write changes into the log, and one message for those that are alike into the outbox: what makes one service jump
    makes all. Returns what the log refused, in words.

    A message goes out even where the log refuses (a clock that was set back): people must hear of it, and its key keeps
    it from being sent at every look, so that one stands alone.
    """
    alike: dict[tuple[str, ...], list[Transition]] = {}
    refused: list[Text] = []
    for each in changes:
        standing = each.standing
        kind: tuple[str, ...] = (each.change, standing.rule, standing.direction, str(standing.level))
        try:
            _log(workspace, plan, each, now)
        except AlreadyTold:
            continue
        except UserError as error:
            refused.append(say("the log: {what}", what=error.problems[0].what))
            kind = (*kind, standing.key)
        alike.setdefault(kind, []).append(each)
    for told in alike.values():
        _post(workspace, plan, told, state, targets, now)
    return refused


def _log(workspace: Workspace, plan: Plan, change: Transition, now: datetime) -> None:
    def once(earlier: Sequence[Event]) -> Act:
        if not transitions_hold(change, told_alerts(earlier, plan.id)):
            raise AlreadyTold
        return change.act(plan.id, now)

    workspace_log(workspace).append(once)


def _post(
    workspace: Workspace,
    plan: Plan,
    alike: Sequence[Transition],
    state: LiveState,
    targets: Sequence[Target],
    now: datetime,
) -> None:
    first = alike[0]
    subject = f"{ALERT}/{first.standing.key}/{first.change}/{first.standing.level}"
    message = words_of(first.change, _alerts_of(workspace, alike, state, now))
    post(
        live_store(workspace), plan.id, subject, message, targets, workspace.settings, now,
        urgent=first.change != "cleared",
    )  # fmt: skip


def transitions_hold(change: Transition, told: Sequence[Told]) -> bool:
    """Whether a change is still news."""
    open_now = {t.standing.about: t.standing for t in told if t.cleared_at is None}
    before = open_now.get(change.standing.about)
    if change.change == "fired":
        return before is None
    if change.change == "raised":
        return before is not None and before.level < change.standing.level
    return before is not None


def _alerts_of(
    workspace: Workspace, changes: Sequence[Transition], state: LiveState, now: datetime
) -> tuple[Alert, ...]:
    """In response order."""
    rules = rules_of(workspace)
    figures = Figures({metric.name: metric for metric in state.metrics}, state.minutes, state.capacities)
    told = [Told(each.standing, now if each.change == "cleared" else None) for each in changes]
    return alerts_of(told, figures, workspace.settings, rules.live, rules.response, now)


def words_of(change: Change, alerts: Sequence[Alert]) -> tuple[Text, list[Text]]:
    """The message of alerts that changed alike, the first to answer first: what, who does what, and when they end."""
    first, *others = alerts
    title = say("{alert}; {n} more like it", alert=first.title, n=len(others)) if others else first.title
    more = [each.title for each in others]
    if change == "cleared":
        return say("Cleared: {alert}", alert=title), more
    words = say("Level {level}: {alert}") if change == "fired" else say("Raised to level {level}: {alert}")
    asked = [say("Asked: @{owner} {action}", owner=ROLE_LABELS[each.owner], action=each.action) for each in alerts]
    lines = [*more, *_different(asked), *_different([each.clears for each in alerts])]
    return Text(words.message, {"level": first.level, "alert": title}), lines


def _different(texts: Sequence[Text]) -> list[Text]:
    """Each of them once, in their order."""
    return [text for place, text in enumerate(texts) if text not in texts[:place]]
