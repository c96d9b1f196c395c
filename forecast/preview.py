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
from forecast.chance import Chance, chance_of
from forecast.epochs import HOUR, MINUTE, epoch, moment_of
from forecast.history.reading import open_history
from forecast.learning import Learned, grid_for, learn, overlapping, target_settings
from forecast.paths.grid import SIDE_SECONDS
from forecast.paths.joint import expected_paths
from forecast.publish import evidence_of, one_thread
from forecast.uplift.layout import holds, numbers_of
from forecast.uplift.shapes import KnownKernels
from forecast.uplift.terms import terms_of

PATHS = 200
PREVIEW_SECONDS = 60
SEED = 0


@dataclass(frozen=True)
class Outlook:
    """The campaign's peak on all services together, and the middle of its course.

    starts: seconds since 1970 [interval]; middle_requests_per_second: median over paths [interval].
    chance, kernels: what it was drawn with.
    """

    peak_p50: float
    peak_p90: float
    peak_at: datetime
    starts: NDArray[np.int64]
    middle_requests_per_second: NDArray[np.float64]
    chance: Chance
    kernels: KnownKernels


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

    Campaigns to come teach nothing, so nothing is learned anew for them. None where one says what has no place in what
    was learned: a channel or landing of its own, a campaign that was not there, or days too far ahead.
    """
    services, layout = learned.baseline.services, learned.uplift.layout
    others = overlapping(plan, plans)
    by_id = {known.id: known for known in (*learned.past, *others, plan)}
    terms = tuple(term for known in by_id.values() for term in terms_of(known))
    numbers = numbers_of([by_id[known.id] for known in learned.past], plan, others)
    wanted = {f"field:{name}" for name in numbers.expected} | {f"campaign:{known}" for known in by_id}
    ends = max(epoch(known.ends_at) for known in (plan, *others)) + SIDE_SECONDS
    if ends > learned.baseline.hours[-1] or not wanted <= layout.index.keys():
        return None
    if not all(holds(layout, term, services) for term in terms):
        return None
    return replace(learned, target=plan, plans=by_id, others=others, terms=terms, numbers=numbers)


def outlook(learned: Learned, like: Outlook | None = None) -> Outlook:
    """Peak and course of the learned plan, from a few hundred joint paths.

    like: of another version of the plan; what chance brought there and the forms in time are used again where they are
    the same, which is most of the work.
    """
    target = learned.target
    grid = grid_for(target, learned.others, PREVIEW_SECONDS)
    kernels = KnownKernels(grid.starts.astype(np.float64), grid.ends.astype(np.float64), like.kernels if like else None)
    with one_thread():
        settings = target_settings(learned, grid)
        kept = like.chance if like and like.chance.holds(learned, settings) else None
        chance = kept or chance_of(learned, settings, PATHS, SEED)
        total = np.zeros((PATHS, len(grid.starts)), dtype=np.float32)
        for s, made in enumerate(settings):
            total += chance.noise[:, s] * expected_paths(made, learned.uplift, chance.draws, s, kernels)
    inside = (grid.ends > epoch(target.starts_at)) & (grid.starts < epoch(target.ends_at))
    p50, p90 = (float(q) for q in np.quantile(total[:, inside].max(axis=1), (0.5, 0.9)))
    middle = np.median(total, axis=0).astype(np.float64)
    at = moment_of(float(grid.starts[inside][middle[inside].argmax()]))
    return Outlook(p50, p90, at, grid.starts, middle, chance, kernels)


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
