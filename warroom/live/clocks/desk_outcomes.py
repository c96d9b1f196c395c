"""What decisions at the service desk did, from history: how the desk served, and what its bot left to people."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pandas as pd

from campaign.language import Text, say
from campaign.plan import Plan
from campaign.workspace import Workspace
from forecast.epochs import epochs
from forecast.history.reading import read_contacts, read_desks
from playbooks.staffing.policy import shipped_policy
from warroom.live.actions.ahead import HOUR_SECONDS
from warroom.live.actions.desks import desks_of
from warroom.live.actions.log import Decision, Outcome
from warroom.live.actions.resolved import Asked, question_outcome, whole_desk
from warroom.live.actions.served import Served, level_outcome

WEEK = timedelta(days=7)


def level_told(workspace: Workspace, plan: Plan, decision: Decision, together: Sequence[str]) -> Outcome | None:
    """What people called in did; None while the hour is not told to its end.

    Raises:
        UserError: a file of history, or of the staffing plan, that cannot be read.
    """
    name = decision.effect.name
    frame = read_desks(workspace, decision.looked_for[1])
    rows = frame[(frame["desk"] == name) & frame["contacts_in_time"].notna()] if frame is not None else None
    if rows is None or rows.empty:
        return Outcome("unknown", why=no_source_serves(name))
    desk = desks_of(workspace, plan.id).get(name)
    if desk is None or desk.table is None:
        return Outcome("unknown", why=say("there is no staffing plan of {desk} any more", desk=name))
    return level_outcome(decision, desk, served_of(rows), tuple(together))


def no_source_serves(desk: str) -> Text:
    """What to set up, where nothing tells how a desk serves."""
    return say(
        "no source tells how {desk} serves while it runs: add one with measure: desks to surgeplan.yaml "
        "(docs/warroom/live.md)",
        desk=desk,
    )


def served_of(rows: pd.DataFrame) -> Served:
    """One desk's rows of `read_desks`."""
    starts = epochs(rows["starts_at_utc"])
    columns = ("contacts_offered", "contacts_in_time", "agents_logged_in")
    return Served(starts, _bucket(rows), *(rows[name].to_numpy(dtype=np.float64) for name in columns))


def question_told(workspace: Workspace, plan: Plan, decision: Decision, together: Sequence[str]) -> Outcome | None:
    """What a trained bot did, by its question where history tells intents, else by all contacts of the desk; None while
    the hour is not told to its end.

    Raises:
        UserError: a file of history that cannot be read.
    """
    name, (first, last) = decision.effect.name, decision.looked_for
    frame = read_contacts(workspace, last)
    own = frame[frame["desk"] == name] if frame is not None else None
    if own is None or own.empty:
        return Outcome("unknown", why=say("no source tells the contacts of {desk}", desk=name))
    own = own[own["bot_resolved"].notna()]
    if own.empty:
        why = say("no source tells what the bot of {desk} resolved: history/contacts needs bot_resolved", desk=name)
        return Outcome("unknown", why=why)
    if int(epochs(own["starts_at_utc"])[-1]) + _bucket(own) < last.timestamp():
        return None
    asked = own[own["intent"].isin(_names(decision.subject.rpartition(":")[2]))]
    for rows, note in ((asked, None), (own, whole_desk())):
        before, after = _before(rows, plan, decision.at), _within(rows, first, last)
        if before is not None and after is not None:
            return question_outcome(decision, before, after, together, note)
    return Outcome("unknown", why=say("nobody asked {desk} in that hour, or nobody before it", desk=name))


def _before(rows: pd.DataFrame, plan: Plan, at: datetime) -> Asked | None:
    """What was asked in the campaign up to a decision; in the week before it, where nothing was."""
    return _within(rows, plan.starts_at, at) or _within(rows, at - WEEK, at)


def _within(rows: pd.DataFrame, first: datetime, last: datetime) -> Asked | None:
    starts = rows["starts_at_utc"].dt.tz_localize(UTC)
    inside = rows[(starts >= first) & (starts < last)]
    sums = inside.groupby("starts_at_utc")[["contacts", "bot_resolved"]].sum()
    if not sums["contacts"].sum() > 0:
        return None
    contacts = sums["contacts"].to_numpy(dtype=np.float64)
    return Asked(contacts, np.clip(contacts - sums["bot_resolved"].to_numpy(dtype=np.float64), 0.0, None))


def _names(intent: str) -> tuple[str, ...]:
    """What history calls a question of the playbook."""
    return next(((one.id, *one.counted_as) for one in shipped_policy().intents if one.id == intent), (intent,))


def _bucket(rows: pd.DataFrame) -> int:
    """Seconds from row to row, an hour at most."""
    times = np.unique(epochs(rows["starts_at_utc"]))
    return min(int(np.diff(times).min()), HOUR_SECONDS) if len(times) > 1 else HOUR_SECONDS
