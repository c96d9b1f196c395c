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
    refused = [note for each in changed if (note := _tell(workspace, plan, each, state, targets, now))]
    if refused or store.document(plan.id, REFUSED):
        store.write(plan.id, REFUSED, now, {"said": [Sentence.of(note).model_dump() for note in refused]})
    return live_state(workspace, plan.id, now) if changed else state


def _as_decided(plan: Plan, expected: Expected, paths: TrafficPaths, events: Sequence[Event]) -> TrafficPaths:
    """What is to come as it was decided: a send that is held does not come."""
    return as_decided(paths, plan, expected.handed.model.effects, acts_of(events, plan.id).decisions)


def _tell(
    workspace: Workspace, plan: Plan, change: Transition, state: LiveState, targets: Sequence[Target], now: datetime
) -> Text | None:
    """Write a change into the log and its message into the outbox; what the log refused, in words.

    The message goes out even where the log refuses (a clock that was set back): people must hear of it, and its key
    keeps it from being sent twice.
    """

    def once(earlier: Sequence[Event]) -> Act:
        if not transitions_hold(change, told_alerts(earlier, plan.id)):
            raise AlreadyTold
        return change.act(plan.id, now)

    refusal: Text | None = None
    try:
        workspace_log(workspace).append(once)
    except AlreadyTold:
        return None
    except UserError as error:
        refusal = say("the log: {what}", what=error.problems[0].what)
    subject = f"{ALERT}/{change.standing.key}/{change.change}/{change.standing.level}"
    message = words_of(change, _alert_of(workspace, change, state, now))
    post(
        live_store(workspace), plan.id, subject, message, targets, workspace.settings, now,
        urgent=change.change != "cleared",
    )  # fmt: skip
    return refusal


def transitions_hold(change: Transition, told: Sequence[Told]) -> bool:
    """Whether a change is still news."""
    open_now = {t.standing.about: t.standing for t in told if t.cleared_at is None}
    before = open_now.get(change.standing.about)
    if change.change == "fired":
        return before is None
    if change.change == "raised":
        return before is not None and before.level < change.standing.level
    return before is not None


def _alert_of(workspace: Workspace, change: Transition, state: LiveState, now: datetime) -> Alert:
    rules = rules_of(workspace)
    figures = Figures({metric.name: metric for metric in state.metrics}, state.minutes, state.capacities)
    told = Told(change.standing, now if change.change == "cleared" else None)
    return alerts_of([told], figures, workspace.settings, rules.live, rules.response, now)[0]


def words_of(change: Transition, alert: Alert) -> tuple[Text, list[Text]]:
    """The message of one change: what, who does what, and when it ends."""
    if change.change == "cleared":
        return say("Cleared: {alert}", alert=alert.title), []
    words = say("Level {level}: {alert}") if change.change == "fired" else say("Raised to level {level}: {alert}")
    title = Text(words.message, {"level": alert.level, "alert": alert.title})
    asked = say("Asked: @{owner} {action}", owner=ROLE_LABELS[alert.owner], action=alert.action)
    return title, [asked, alert.clears]
