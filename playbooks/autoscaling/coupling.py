"""Services that share a quota or a database, stepped together: a mixed-integer programme over the steps' candidates.

Each service's own cheapest cover may hold a high step while another one is high too, though minute by minute both fit.
Then the steps are found together: floors f[service, slot] >= need, changes y binary, at most `steps_most` steps each,
every shared limit kept in every slot, the fewest replica-minutes. Slots are cut at the covers' own steps, since a
service never gains by changing elsewhere unless another forces it to.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import Bounds, LinearConstraint, milp
from scipy.sparse import coo_array, vstack

from campaign.settings import Limit
from playbooks.autoscaling.limits import room, users
from playbooks.autoscaling.steps import StepCover, cheapest_cover, held

RELATIVE_GAP = 0.01
NODES_MOST = 2_000  # a bound on work, not on time: the same inputs give the same plan on any machine
SLOTS_MOST = 250  # services times slots; beyond it the programme takes longer than people wait
FINENESS = (2.0, 1.0, 0.5, 0.25)

Need = Mapping[str, NDArray[np.int64]]


@dataclass(frozen=True)
class Slots:
    """Stretches between candidate instants: `starts` and `minutes` [slot], and each service's need [service, slot]."""

    starts: NDArray[np.int64]
    minutes: NDArray[np.int64]
    need: NDArray[np.int64]


def coupled_covers(need: Need, limits: Sequence[Limit], steps_most: int) -> dict[str, StepCover] | None:
    """Steps of all services together within every per-replica limit; None where so few steps cannot do it."""
    slots = slots_of(need, steps_most)
    services, count = slots.need.shape
    floors = services * count
    changes = services * (count - 1)
    cost = np.concatenate([np.tile(slots.minutes, services), np.zeros(changes)])
    highest = slots.need.max(axis=1)
    lower = np.concatenate([slots.need.ravel(), np.zeros(changes)])
    upper = np.concatenate([np.repeat(highest, count), np.ones(changes)])
    constraints = [_changes(slots, highest), _few_steps(services, count, steps_most)]
    shared = _shared(list(need), limits, count, floors + changes)
    if shared is not None:
        constraints.append(shared)
    found = milp(
        cost,
        integrality=np.ones(floors + changes),
        bounds=Bounds(lower, upper),
        constraints=constraints,
        options={"mip_rel_gap": RELATIVE_GAP, "node_limit": NODES_MOST},
    )
    if found.x is None:
        return None
    solved = np.round(found.x[:floors]).astype(np.int64).reshape(services, count)
    return {name: _cover(slots, slots.need[i], solved[i]) for i, name in enumerate(need)}


def slots_of(need: Need, steps_most: int) -> Slots:
    """Cut the window wherever a cover of any service would change: covers of twice as many steps, or fewer where the
    programme would grow too large."""
    minutes = len(next(iter(need.values())))
    starts: NDArray[np.int64] = np.zeros(1, np.int64)
    for fineness in FINENESS:
        steps = max(int(steps_most * fineness), 1)
        covers = [cheapest_cover(one, steps) for one in need.values()]
        starts = np.array(sorted({start for cover in covers for start in cover.starts}), np.int64)
        if len(starts) * len(need) <= SLOTS_MOST:
            break
    most = np.stack([np.maximum.reduceat(one, starts) for one in need.values()])
    return Slots(starts, np.diff([*starts, minutes]), most)


def _changes(slots: Slots, highest: NDArray[np.int64]) -> LinearConstraint:
    """|f[k] - f[k-1]| <= highest * y[k]: a floor changes only where a step is paid for."""
    services, count = slots.need.shape
    floors = services * count
    rows, columns, values = [], [], []
    row = 0
    for s in range(services):
        for k in range(1, count):
            change = floors + s * (count - 1) + k - 1
            for sign in (1, -1):
                rows += [row, row, row]
                columns += [s * count + k, s * count + k - 1, change]
                values += [sign, -sign, -int(highest[s])]
                row += 1
    matrix = coo_array((values, (rows, columns)), shape=(row, floors + services * (count - 1)))
    return LinearConstraint(matrix.tocsr(), ub=np.zeros(row))


def _few_steps(services: int, count: int, steps_most: int) -> LinearConstraint:
    floors, changes = services * count, services * (count - 1)
    rows = np.repeat(np.arange(services), count - 1)
    matrix = coo_array((np.ones(changes), (rows, floors + np.arange(changes))), shape=(services, floors + changes))
    return LinearConstraint(matrix.tocsr(), ub=np.full(services, steps_most - 1))


def _shared(names: Sequence[str], limits: Sequence[Limit], count: int, variables: int) -> LinearConstraint | None:
    """Each shared limit in each slot."""
    blocks, allowed = [], []
    for limit in (limit for limit in limits if limit.kind == "per_replica"):
        used = users(limit, names)
        if not used:
            continue
        rows = np.tile(np.arange(count), len(used))
        columns = np.concatenate([names.index(name) * count + np.arange(count) for name in used])
        values = np.repeat(list(used.values()), count)
        blocks.append(coo_array((values, (rows, columns)), shape=(count, variables)))
        allowed += [room(limit)] * count
    return LinearConstraint(vstack(blocks).tocsr(), ub=np.array(allowed)) if blocks else None


def _cover(slots: Slots, need: NDArray[np.int64], floor: NDArray[np.int64]) -> StepCover:
    """The solved floor as steps, each lowered to the most that its stretch needs: the gap may have left it higher."""
    begins = np.flatnonzero(np.diff(floor, prepend=floor[0] - 1))
    starts = tuple(int(slots.starts[i]) for i in begins)
    replicas = tuple(int(most) for most in np.maximum.reduceat(need, begins))
    minutes = int(slots.minutes.sum())
    return StepCover(starts, replicas, int(held(starts, replicas, minutes).sum()))
