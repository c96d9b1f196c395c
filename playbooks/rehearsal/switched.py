"""A switch pulled from a minute on, come what may: visits stay and make fewer requests, as with the war room's own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from playbooks.rehearsal.inputs import Inputs
from playbooks.simulation.war_room import Act, Option, Seen, WarRoom


def with_switch(inputs: Inputs, switch: str, since: int = 0) -> Inputs:
    """The same without a war room but for one switch, which sheds its share from minute `since` to the end."""
    rows, minutes = len(inputs.services), inputs.demand.minutes
    pulled = Pulled(inputs.switches[switch], since, (rows, minutes))
    return replace(
        inputs,
        war_room=WarRoom(
            rule=pulled,
            options=(Option("switch", switch),),
            syncs=(since,),
            interval_minutes=minutes,
            orders_per_request=np.zeros(rows),
        ),
    )


@dataclass(frozen=True)
class Pulled:
    """The rule that pulls it on every path. shares: by row; shape: services and minutes."""

    shares: Mapping[int, float]
    since: int
    shape: tuple[int, int]

    def __call__(self, sync: int, seen: Seen) -> Sequence[Act]:
        everywhere = np.ones(seen.running.shape[1], bool)
        change = np.zeros(self.shape, np.float32)
        for row, share_ratio in self.shares.items():
            change[row] = -share_ratio
        return (Act(0, everywhere, self.since, self.shape[1], change=change, sheds=True),)
