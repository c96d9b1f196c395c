"""What a changed plan would do, at once: the model as it was last learned, asked again with other terms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from campaign.plan import Channel, Plan, Send
from campaign.workspace import Workspace, default_as_of
from forecast.ahead import Ahead, ahead_of
from forecast.epochs import HOUR, MINUTE, epoch, moment_of
from forecast.ground import Ground, Laid, ground_of, laid_on, otherwise
from forecast.history.reading import open_history
from forecast.learning import Learned, grid_for, learn, overlapping, target_settings
from forecast.paths.grid import SIDE_SECONDS
from forecast.publish import evidence_of
from forecast.threads import one_thread
from forecast.uplift.layout import layout_of, numbers_of
from forecast.uplift.pooled import with_unlearned
from forecast.uplift.shapes import KnownKernels
from forecast.uplift.terms import terms_of

PATHS = 200
PREVIEW_SECONDS = 60
SEED = 0


@dataclass(frozen=True)
class Outlook:
    """The campaign's peak on all services together, and the middle of its course.

    starts: seconds since 1970 [interval]; middle_requests_per_second: median over paths [interval].
    ground, laid, kernels: what it was drawn from; total: requests per second on all services [path, interval].
    """

    peak_p50: float
    peak_p90: float
    peak_at: datetime
    starts: NDArray[np.int64]
    middle_requests_per_second: NDArray[np.float64]
    ground: Ground
    laid: tuple[Laid, ...]
    kernels: KnownKernels
    total: NDArray[np.float32]


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


def with_plan(learned: Learned, plan: Plan, plans: Sequence[Plan]) -> Learned | None:
    """The same knowledge of another version of the plan, beside the other plans as they are now.

    Campaigns to come teach nothing, so nothing is learned anew for them; a channel, a landing or a campaign without a
    past is what it is before learning. None where the plan lies too far ahead, or gives a number that past plans give
    too and that was not compared.
    """
    others = overlapping(plan, plans)
    by_id = {known.id: known for known in (*learned.past, *others, plan)}
    numbers = numbers_of([by_id[known.id] for known in learned.past], plan, others)
    compared = {f"field:{name}" for name in numbers.expected} <= learned.uplift.layout.index.keys()
    if epoch(plan.ends_at) + SIDE_SECONDS > learned.baseline.hours[-1] or not compared:
        return None
    ours = tuple(term for known in (*others, plan) for term in terms_of(known))
    past = {known.id for known in learned.past} - {known.id for known in (*others, plan)}
    terms = (*(term for term in learned.terms if term.campaign in past), *ours)
    wanted = layout_of(ours, by_id, learned.baseline.services, numbers, learned.requests_per_visit)
    uplift = with_unlearned(learned.uplift, wanted)
    return replace(learned, target=plan, plans=by_id, others=others, terms=terms, numbers=numbers, uplift=uplift)


def outlook(learned: Learned, like: Outlook | None = None) -> Outlook:
    """Peak and course of the learned plan, from a few hundred joint paths.

    like: of another version of the plan; only what this one has otherwise is then drawn, on the same ground.
    """
    target = learned.target
    grid = grid_for(target, learned.others, PREVIEW_SECONDS)
    kernels = KnownKernels(grid.starts.astype(np.float64), grid.ends.astype(np.float64), like.kernels if like else None)
    days = like.ground.days(learned, grid) if like else None
    settings = target_settings(learned, grid, days)
    same = like if like and days and like.ground.holds(settings) else None
    ground = same.ground.known_of(learned) if same else ground_of(learned, settings, PATHS, SEED)
    laid = tuple(laid_on(made, ground.draws) for made in settings)
    total = same.total.copy() if same else ground.staying.sum(axis=1)
    for s, new in enumerate(laid):
        total += ground.rates(s, otherwise(new, same.laid[s] if same else {}), kernels)
    inside = (grid.ends > epoch(target.starts_at)) & (grid.starts < epoch(target.ends_at))
    p50, p90 = (float(q) for q in np.quantile(total[:, inside].max(axis=1), (0.5, 0.9)))
    middle = _middle(total)
    at = moment_of(float(grid.starts[inside][middle[inside].argmax()]))
    return Outlook(p50, p90, at, grid.starts, middle, ground, laid, kernels, total)


def _middle(paths: NDArray[np.float32]) -> NDArray[np.float64]:
    """Median over paths [interval]."""
    lower, upper = (len(paths) - 1) // 2, len(paths) // 2
    ordered = np.partition(np.ascontiguousarray(paths.T), sorted({lower, upper}), axis=1)
    middle: NDArray[np.float64] = ordered[:, lower : upper + 1].mean(axis=1, dtype=np.float64)
    return middle


def hours_from(learned: Learned, starts: datetime, hours: int) -> Ahead:
    """The same paths minute by minute from a full hour on; the same draws for the same learned plan."""
    return ahead_of(learned, epoch(starts), hours * HOUR // MINUTE, PATHS, SEED)


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
