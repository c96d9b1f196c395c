"""Many rehearsals at once: parts of the paths, or variants of the plan, wherever there is room; the numbers stay.

A path knows nothing of the others and nothing is drawn while it is played, so that parts put together again are the
whole, to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from campaign.spreading import Spread
from playbooks.rehearsal.inputs import Inputs, on_paths, rehearse
from playbooks.rehearsal.judging import cost, losing, lost_orders
from playbooks.simulation.event import Played

FEWEST_PATHS = 250  # in a part: below it every tick costs as much as more paths would


@dataclass(frozen=True)
class Outcome:
    """What a variant of the plan comes to, means over its paths; event_ratio: paths on which an objective broke.

    cost: of the services that have a price; unpriced_hours: replica-hours of the others.
    """

    lost_orders: float
    cost: float | None
    unpriced_hours: float
    replica_hours: float
    event_ratio: float


def rehearse_in_parts(inputs: Inputs, everywhere: Spread) -> Played:
    """All paths, in as many parts as are worth it."""
    parts = min(everywhere.width, max(1, inputs.demand.paths // FEWEST_PATHS))
    if parts == 1:
        return rehearse(inputs)
    chosen = np.array_split(np.arange(inputs.demand.paths), parts)
    played = everywhere.run(_part, None, [on_paths(inputs, paths) for paths in chosen])
    return Played.joined(played)


def _part(_shared: None, inputs: Inputs) -> Played:
    return rehearse(inputs)


def more_cost(before: Outcome, after: Outcome) -> float | None:
    """What a variant costs more; None where that is mostly of services without a price."""
    if before.cost is None or after.cost is None:
        return None
    more = after.cost - before.cost
    unpriced, all_hours = after.unpriced_hours - before.unpriced_hours, after.replica_hours - before.replica_hours
    return None if abs(unpriced) > abs(all_hours - unpriced) else more


def outcomes(variants: Sequence[Inputs], everywhere: Spread) -> list[Outcome]:
    """Each variant played whole."""
    return everywhere.run(_outcome, None, variants)


def _outcome(_shared: None, inputs: Inputs) -> Outcome:
    return outcome_of(inputs, rehearse(inputs))


def outcome_of(inputs: Inputs, played: Played) -> Outcome:
    hours = played.replica_hours.mean(axis=1)
    return Outcome(
        lost_orders=float(lost_orders(inputs, played).mean()),
        cost=cost(inputs, played),
        unpriced_hours=float(sum(hours[i] for i, price in enumerate(inputs.costs_per_replica_hour) if price is None)),
        replica_hours=float(hours.sum()),
        event_ratio=float(losing(inputs, played).any(axis=(0, 2)).mean()),
    )
