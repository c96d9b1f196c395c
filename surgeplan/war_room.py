"""The war room of a rehearsal: hourly syncs with the forecast's re-forecast and the live desk's rule for scaling.

Both are the functions that run on the day. The re-forecast is worked out once for each sync and answers for every
path; `playbooks.simulation` plays what follows.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from campaign.documents import read_json
from campaign.traffic import QUANTILES, LiveSettings, TrafficModel, TrafficPaths
from campaign.workspace import Workspace
from forecast.nowcast import Answer, answer
from playbooks.autoscaling.minutes import naive
from playbooks.rehearsal.inputs import Inputs
from playbooks.simulation.war_room import WarRoom
from warroom.live.actions.ahead import HORIZON
from warroom.live.actions.scaling import replicas_short
from warroom.live.due import FIRST
from warroom.live.expected.reforecast import as_learned
from warroom.live.policy import rules_of

MINUTES = 5
"""Of each interval that a sync looks at."""
REMEMBERED_HALF_LIVES = 20
"""What came before that weighs less than a millionth."""
Counts = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Sync:
    """What one sync knows beforehand. floor: planned replicas [service, interval ahead], the fewest within it.

    helps: [service, interval ahead], those in which replicas that are decided on now can be ready.
    """

    p90: Answer
    floor: Counts
    helps: NDArray[np.bool_]


@dataclass(frozen=True)
class RaiseFloors:
    """The rule: where the re-forecast's p90 is more than the planned floor and what runs carry, the floor that does.

    syncs: None where too little has come by then. per_replica, multiple: [service].
    """

    syncs: tuple[Sync | None, ...]
    per_replica: Floats
    multiple: Counts

    def __call__(self, sync: int, came: NDArray[np.float32], running: Counts) -> Counts:
        """Floors [service, path] for what `came` [service, path, interval]; zero where what is there will do."""
        known = self.syncs[sync]
        if known is None:
            return np.zeros_like(running)
        each, multiple = self.per_replica[:, None], self.multiple[:, None]
        base = np.maximum(known.floor, running.T[:, :, None])
        short = replicas_short(known.p90.rates(came.swapaxes(0, 1)), base * each, each, multiple)
        wanted = np.where((short > 0) & known.helps, base + short, 0)
        floors: Counts = wanted.max(axis=2).T
        return floors


def war_room(workspace: Workspace, campaign: str, inputs: Inputs) -> WarRoom | None:
    """The war room of the plan as it is now; its re-forecast knows `inputs`' paths as they were forecast.

    None where no sync has anything to look ahead to.

    Raises:
        UserError: rules.yaml or the traffic model cannot be read.
    """
    model = read_json(workspace.out(campaign) / "traffic.json", f"out/{campaign}/traffic.json", TrafficModel)
    rule = rules_of(workspace).live.levers.scale
    multiples = [workspace.settings.service(name).replicas.multiple_of or 1 for name in inputs.services]
    return war_room_of(inputs, as_learned(model.nowcast), rule.hours * 3600, multiples)


def war_room_of(
    inputs: Inputs, learned: LiveSettings, reaction_seconds: float, multiples: list[int] | None = None
) -> WarRoom | None:
    """The same from records. multiples: replicas of a service come in so many at once; one where None."""
    minutes = [m for m in range(inputs.demand.minutes) if _is_sync(inputs, m)]
    ensemble = _Ensemble.of(inputs)
    syncs = tuple(_sync(inputs, ensemble, minute, learned, reaction_seconds) for minute in minutes)
    if not any(syncs):
        return None
    per_replica = np.array([fleet.capacity_requests_per_second_per_replica for fleet in inputs.fleets])
    return WarRoom(
        rule=RaiseFloors(syncs, per_replica, np.array(multiples or [1] * len(inputs.fleets), np.int64)),
        syncs=tuple(minutes),
        interval_minutes=MINUTES,
        reaction_seconds=reaction_seconds,
        hold_minutes=HORIZON // timedelta(minutes=1),
    )


def _is_sync(inputs: Inputs, minute: int) -> bool:
    """As early after each hour as syncs come: which minute it is on the day depends on workspace and campaign."""
    return timedelta(minutes=inputs.time_of(minute).minute) == FIRST


@dataclass(frozen=True)
class _Ensemble:
    """The forecast's paths by interval, [path, service, interval]: what a reading would say, and what must be carried
    in the busiest quarter of the busiest minute."""

    mean: NDArray[np.float32]
    most: NDArray[np.float32]

    @classmethod
    def of(cls, inputs: Inputs) -> _Ensemble:
        demand = inputs.demand
        whole = demand.minutes // MINUTES * MINUTES
        rates = demand.requests_per_second[:, :, :whole]
        busiest = rates
        if demand.quarters is not None:
            busiest = rates * demand.quarters.max(axis=2)[:, None, :whole].astype(np.float32)
        shape = (*rates.shape[:2], -1, MINUTES)
        return cls(
            np.ascontiguousarray(rates.reshape(shape).mean(axis=3).swapaxes(0, 1)),
            np.ascontiguousarray(busiest.reshape(shape).max(axis=3).swapaxes(0, 1)),
        )


def _sync(
    inputs: Inputs, ensemble: _Ensemble, minute: int, learned: LiveSettings, reaction_seconds: float
) -> Sync | None:
    now = minute // MINUTES
    remembered = int(REMEMBERED_HALF_LIVES * learned.half_life_seconds / 60 / MINUTES) + 1
    known = range(max(0, now - remembered), now)
    ahead = range(now, min(ensemble.mean.shape[2], now + HORIZON // timedelta(minutes=MINUTES)))
    if not ahead:
        return None
    rates = np.concatenate([ensemble.mean[:, :, known], ensemble.most[:, :, ahead]], axis=2)
    starts = np.array([naive(inputs.time_of(interval * MINUTES)) for interval in (*known, *ahead)])
    paths = TrafficPaths(rates, inputs.services, starts, np.full(len(starts), MINUTES * 60))
    p90 = answer(paths, inputs.time_of(now * MINUTES), QUANTILES["p90"], learned)
    if p90 is None:
        return None
    ends = (np.array(ahead) + 1) * MINUTES * 60
    ready = [minute * 60 + reaction_seconds + fleet.start_seconds[1] for fleet in inputs.fleets]
    return Sync(p90, _least_floors(inputs, ahead), ends > np.array(ready)[:, None])


def _least_floors(inputs: Inputs, intervals: range) -> Counts:
    first, last = intervals.start * MINUTES, intervals.stop * MINUTES
    floors = np.stack([fleet.floor[first:last] for fleet in inputs.fleets])
    least: Counts = floors.reshape(len(inputs.fleets), -1, MINUTES).min(axis=2)
    return least
