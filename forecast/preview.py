"""What a changed plan would do, at once: the model as it was last learned, asked again with other terms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from campaign.plan import Channel, Plan, Send
from campaign.workspace import Workspace, default_as_of
from forecast.epochs import epoch, moment_of
from forecast.history.reading import open_history
from forecast.learning import Learned, grid_for, learn, overlapping, predict
from forecast.paths.grid import Grid
from forecast.publish import evidence_of, one_thread
from forecast.uplift.terms import terms_of

MINUTE = 60
PATHS = 200
PREVIEW_SECONDS = 60
SEED = 0


@dataclass(frozen=True)
class Outlook:
    """The campaign's peak on all services together, and the middle of its course.

    starts: seconds since 1970 [interval]; middle_requests_per_second: median over paths [interval].
    """

    peak_p50: float
    peak_p90: float
    peak_at: datetime
    starts: NDArray[np.int64]
    middle_requests_per_second: NDArray[np.float64]


def learned_for(workspace: Workspace, plan: Plan, now: datetime) -> Learned:
    """Everything that history and past campaigns teach for a plan, which need not be saved yet (takes seconds).

    Raises:
        UserError: no history, or too little.
    """
    as_of = default_as_of(plan, now)
    others = tuple(other for other in workspace.plans if other.id != plan.id)
    evidence = evidence_of(open_history(workspace, before=as_of), workspace, as_of)
    with one_thread():
        return learn(evidence, plan, (*others, plan), workspace.settings, as_of)


def with_plan(learned: Learned, plan: Plan) -> Learned | None:
    """The same knowledge of another version of the plan; None where it names what was never learned about."""
    known = {(term.amplitude, term.lands_on) for term in learned.terms}
    terms = terms_of(plan)
    if {(term.amplitude, term.lands_on) for term in terms} - known or set(plan.drivers) - set(learned.target.drivers):
        return None
    plans = {**learned.plans, plan.id: plan}
    others = overlapping(plan, [p for p in learned.plans.values() if p.id != plan.id])
    kept = tuple(term for term in learned.terms if term.campaign != plan.id)
    return replace(learned, target=plan, plans=plans, others=others, terms=(*kept, *terms))


def outlook(learned: Learned) -> Outlook:
    """Peak and course of the learned plan, from a few hundred joint paths."""
    target = learned.target
    grid = grid_for(target, learned.others, PREVIEW_SECONDS)
    with one_thread():
        total = predict(learned, grid, PATHS, SEED).rates.sum(axis=1)
    inside = (grid.ends > epoch(target.starts_at)) & (grid.starts < epoch(target.ends_at))
    p50, p90 = (float(q) for q in np.quantile(total[:, inside].max(axis=1), (0.5, 0.9)))
    middle = np.median(total, axis=0).astype(np.float64)
    at = moment_of(float(grid.starts[inside][middle[inside].argmax()]))
    return Outlook(p50, p90, at, grid.starts, middle)


def minutes_of(learned: Learned, starts: datetime, length: timedelta) -> NDArray[np.float32]:
    """Requests per second [path, service, minute] from a full minute on; the same draws for the same learned plan."""
    first = epoch(starts) // MINUTE * MINUTE
    count = int(length / timedelta(minutes=1))
    grid = Grid(first + MINUTE * np.arange(count, dtype=np.int64), np.full(count, MINUTE, dtype=np.int64))
    with one_thread():
        return np.asarray(predict(learned, grid, PATHS, SEED).rates)


def with_send(plan: Plan, channel: str, send: Send) -> Plan:
    """The plan with one more send on a channel, which is new where the plan has none of that name."""
    channels: Sequence[Channel] = plan.channels
    if all(known.name != channel for known in channels):
        channels = (*channels, Channel(name=channel))
    changed = tuple(
        known.model_copy(update={"sends": (*known.sends, send)}) if known.name == channel else known
        for known in channels
    )
    return plan.model_copy(update={"channels": changed})
