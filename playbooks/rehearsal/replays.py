"""Many rehearsals at once: parts of the paths, or variants of the plan, wherever there is room; the numbers stay.

A path knows nothing of the others and nothing is drawn while it is played, so that parts put together again are the
whole, to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from campaign.spreading import Spread
from playbooks.rehearsal.inputs import Inputs, evenly, on_paths, rehearse
from playbooks.rehearsal.judging import cost, losing, lost_orders
from playbooks.rehearsal.support import Support, of_paths, play_support
from playbooks.rehearsal.support_judging import lost_by_half_hour, supported
from playbooks.simulation.desks import DeskPlayed
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


def rehearsed(inputs: Inputs) -> Rehearsed:
    """Played here."""
    return Rehearsed(inputs, rehearse(inputs))


@dataclass(frozen=True)
class Rehearsed:
    """A plan and what came of it on its paths."""

    inputs: Inputs
    played: Played

    def thinned(self, most: int) -> Rehearsed:
        """On at most so many of the paths, without playing them again."""
        chosen = evenly(self.inputs.demand.paths, most)
        return Rehearsed(on_paths(self.inputs, chosen), self.played.on(chosen))

    @property
    def outcome(self) -> Outcome:
        return outcome_of(self.inputs, self.played)


def rehearse_in_parts(inputs: Inputs, everywhere: Spread) -> Played:
    """All paths, in as many parts as are worth it."""
    parts = _parts(inputs, everywhere)
    if len(parts) == 1:
        return rehearse(inputs)
    return Played.joined(everywhere.run(_part, None, [on_paths(inputs, paths) for paths in parts]))


def support_in_parts(inputs: Inputs, played: Played, everywhere: Spread) -> dict[str, DeskPlayed]:
    """The desks after the event was played, as `supported` has them."""
    support, parts = inputs.support, _parts(inputs, everywhere)
    if support is None or len(parts) == 1:
        return supported(inputs, played)
    lost = lost_by_half_hour(inputs, played, support)
    met = everywhere.run(_support_part, None, [(of_paths(support, paths), lost[paths]) for paths in parts])
    return {desk: DeskPlayed.joined([part[desk] for part in met]) for desk in met[0]}


def _parts(inputs: Inputs, everywhere: Spread) -> list[NDArray[np.integer]]:
    count = min(everywhere.width, max(1, inputs.demand.paths // FEWEST_PATHS))
    return np.array_split(np.arange(inputs.demand.paths), count)


def _support_part(_shared: None, part: tuple[Support, NDArray[np.float64]]) -> dict[str, DeskPlayed]:
    return play_support(*part)


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
