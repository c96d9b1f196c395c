"""Many rehearsals at once: parts of the paths, or variants of the plan, wherever there is room; the numbers stay.

A path knows nothing of the others and nothing is drawn while it is played, so that parts put together again are the
whole, to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from campaign.spreading import Spread
from playbooks.rehearsal.inputs import Inputs, on_paths, rehearse
from playbooks.rehearsal.judging import cost, losing, lost_orders
from playbooks.simulation.event import Played

FEWEST_PATHS = 250  # in a part: below it every tick costs as much as more paths would


@dataclass(frozen=True)
class Outcome:
    """What a variant of the plan comes to, means over its paths; event_ratio: paths on which an objective broke."""

    lost_orders: float
    cost: float | None
    replica_hours: float
    event_ratio: float


def rehearse_in_parts(inputs: Inputs, everywhere: Spread) -> Played:
    """All paths, in as many parts as are worth it."""
    parts = min(everywhere.width, max(1, inputs.demand.paths // FEWEST_PATHS))
    if parts == 1:
        return rehearse(inputs)
    chosen = np.array_split(np.arange(inputs.demand.paths), parts)
    played = everywhere.run(_part, None, [on_paths(inputs, paths) for paths in chosen])
    return Played(*(np.concatenate([getattr(part, f.name) for part in played], axis=1) for f in fields(Played)))


def _part(_shared: None, inputs: Inputs) -> Played:
    return rehearse(inputs)


def outcomes(variants: Sequence[Inputs], everywhere: Spread) -> list[Outcome]:
    """Each variant played whole."""
    return everywhere.run(_outcome, None, variants)


def _outcome(_shared: None, inputs: Inputs) -> Outcome:
    return outcome_of(inputs, rehearse(inputs))


def outcome_of(inputs: Inputs, played: Played) -> Outcome:
    return Outcome(
        lost_orders=float(lost_orders(inputs, played).mean()),
        cost=cost(inputs, played),
        replica_hours=float(played.replica_hours.mean(axis=1).sum()),
        event_ratio=float(losing(inputs, played).any(axis=(0, 2)).mean()),
    )
