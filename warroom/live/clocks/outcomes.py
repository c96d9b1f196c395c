"""Tells what decisions did once their hour is over: each once, whoever looks, and only when the hour is told.

Everything is computed from the store and the log alone, so a look that was cut short is made up for by the next one.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime, timedelta

from campaign.errors import UserError
from campaign.language import Text, say
from campaign.plan import Plan
from campaign.store.events import Act, Event
from campaign.store.live import LiveStore
from campaign.workspace import Workspace
from playbooks.readiness.record import workspace_log
from warroom.handed import campaign_events
from warroom.live.actions.log import EFFECT, Acts, Decision, Outcome, acts_of, effect_of
from warroom.live.actions.outcome import (
    banded_outcome,
    capacity_outcome,
    given_up,
    requests_outcome,
    taken_back_too_soon,
    together_with,
)
from warroom.live.actions.plans import as_decided
from warroom.live.clocks.desk_outcomes import level_told, question_told
from warroom.live.expected.yardstick import Expected
from warroom.live.policy import rules_of
from warroom.live.sources.readings import READY
from warroom.live.state import AROUND, MINUTE_SECONDS, live_store, requests_by_service

LOG = logging.getLogger("surgeplan.live")


class AlreadyTold(Exception):
    """Somebody else told it first."""


def tell_effects(
    workspace: Workspace, plan: Plan, expected: Expected | None, events: Sequence[Event], now: datetime
) -> list[Event]:
    """Write what came of every decision whose hour is over and told; returns the events that were new.

    A log that refuses (a clock that was set back) is asked again by the next look.

    Raises:
        UserError: the store or a file of history cannot be read.
    """
    acts = acts_of(events, plan.id)
    due = [d for d in acts.decisions if d.outcome is None and d.looked_for[1] <= now]
    told = []
    for decision in due:
        outcome = outcome_of(workspace, plan, expected, decision, acts, now)
        if outcome is not None:
            event = _write(workspace, plan, decision, outcome, now)
            told += [event] if event else []
    return told


def _write(workspace: Workspace, plan: Plan, decision: Decision, outcome: Outcome, now: datetime) -> Event | None:
    def once(earlier: Sequence[Event]) -> Act:
        if any(e.kind == EFFECT and e.subject == decision.id and e.campaign == plan.id for e in earlier):
            raise AlreadyTold
        return effect_of(decision, plan.id, outcome, now)

    try:
        return workspace_log(workspace).append(once)
    except AlreadyTold:
        return None
    except UserError as error:
        LOG.warning("%s: the effect of %s is not in the log: %s", plan.id, decision.id, error)
        return None


def outcome_of(
    workspace: Workspace, plan: Plan, expected: Expected | None, decision: Decision, acts: Acts, now: datetime
) -> Outcome | None:
    """What came of one decision; None while its hour is not told and may still be."""
    early = taken_back_too_soon(decision)
    if early is not None:
        return early
    found = _measured(workspace, plan, expected, decision, acts)
    if found is not None:
        return found
    wait = timedelta(hours=rules_of(workspace).live.levers.wait_hours)
    return Outcome("unknown", why=_missing(decision)) if given_up(decision, now, wait) else None


def _measured(
    workspace: Workspace, plan: Plan, expected: Expected | None, decision: Decision, acts: Acts
) -> Outcome | None:
    if decision.effect.measure == "requests":
        return _requests(workspace, plan, expected, decision, acts)
    if decision.effect.measure == "capacity":
        first, last = decision.looked_for
        return capacity_outcome(decision, live_store(workspace).measured(plan.id, MINUTE_SECONDS, first, last, [READY]))
    desk_outcome = question_told if decision.effect.measure == "contacts" else level_told
    return desk_outcome(workspace, plan, decision, together_with(decision, acts.decisions))


def _requests(
    workspace: Workspace, plan: Plan, expected: Expected | None, decision: Decision, acts: Acts
) -> Outcome | None:
    if expected is None:
        return None
    store: LiveStore = live_store(workspace)
    last = decision.looked_for[1]
    values = store.measured(plan.id, MINUTE_SECONDS, plan.starts_at - AROUND, last, ["requests"])
    came, together = requests_by_service(values), together_with(decision, acts.decisions)
    paths, model = expected.paths(), expected.handed.model
    if paths is None:
        band = expected.bands.get(decision.effect.name)
        return banded_outcome(decision, band, came, together) if band else None
    others = [other for other in acts.decisions if other.id != decision.id]
    planned = as_decided(paths, plan, model.effects, others)
    return requests_outcome(decision, planned, came, model.nowcast, together)


def _missing(decision: Decision) -> Text:
    if decision.effect.measure == "capacity":
        return say("nobody read the ready replicas of {service} in that hour", service=decision.effect.name)
    if decision.effect.measure in ("contacts", "service_level"):
        return say("the sources never told all of that hour of {desk}", desk=decision.effect.name)
    return say("the sources never told all of that hour by the minute")


def decisions_since(workspace: Workspace, campaign: str, since: datetime | None) -> tuple[Decision, ...]:
    """Decisions that were made, taken back or told since then, the oldest first; all of them where there is none."""
    decisions = acts_of(campaign_events(workspace, campaign), campaign).decisions
    return tuple(d for d in decisions if since is None or max(_moments(d)) > since)


def _moments(decision: Decision) -> list[datetime]:
    told = decision.outcome.at if decision.outcome else None
    return [moment for moment in (decision.at, decision.ended_at, told) if moment]
