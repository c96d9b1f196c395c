"""What each sync of a rehearsed event sees ahead: the live re-forecast, and what will be carried without any act.

The re-forecast is worked out once for each sync and answers for every path.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from campaign.traffic import QUANTILES, LiveSettings, TrafficPaths
from forecast.nowcast import Answer, answer
from playbooks.autoscaling.minutes import naive
from playbooks.rehearsal.inputs import Inputs
from playbooks.simulation.fleet import Fleet
from playbooks.simulation.hpa import DOWN_WINDOW_SECONDS, sure_growth, surely_ready
from playbooks.simulation.running import CPU_SECONDS, LAG_SECONDS
from playbooks.simulation.war_room import Seen, Turned
from warroom.live.actions.ahead import HORIZON
from warroom.live.due import LAST

MINUTES = 5
"""Of each interval that a sync looks at."""
DOWN_INTERVALS = DOWN_WINDOW_SECONDS // 60 // MINUTES
REMEMBERED_HALF_LIVES = 20
"""What came before that weighs less than a millionth."""
Counts = NDArray[np.int64]
Floats = NDArray[np.float64]
Singles = NDArray[np.float32]


@dataclass(frozen=True)
class Sync:
    """What one sync knows beforehand, [service, interval ahead] from `first` on.

    floor: planned replicas that are ready, the fewest within the interval. burst: the busiest quarter of a minute over
    the interval's mean. admitted: requests per second that rate limits let in at the forecast's mix, infinite where
    none does.
    """

    minute: int
    first: int
    p90: Answer
    floor: Counts
    burst: Floats
    admitted: Floats

    @property
    def count(self) -> int:
        return int(self.floor.shape[1])

    @property
    def starts(self) -> Floats:
        """Minutes in which the intervals begin."""
        return np.asarray((self.first + np.arange(self.count)) * MINUTES, np.float64)


@dataclass(frozen=True)
class Services:
    """[service] each. per_replica: requests per second that one surely carries. most: replicas that there may be.

    target_ratio: of the HPA, zero where nothing scales by itself. growth: by which its replicas surely grow within
    lag_intervals, until they are ready after demand was seen; lead_minutes: until replicas are ready that somebody asks
    for.
    """

    per_replica: Floats
    most: Counts
    multiple: Counts
    target_ratio: Floats
    growth: Floats
    lag_intervals: Counts
    lead_minutes: Floats

    @classmethod
    def of(cls, fleets: Sequence[Fleet], multiples: Sequence[int]) -> Services:
        slowest = [fleet.start_seconds[1] + (fleet.nodes.wait_seconds[1] if fleet.nodes else 0.0) for fleet in fleets]
        seen = np.array(slowest) + CPU_SECONDS + LAG_SECONDS
        return cls(
            per_replica=np.array([fleet.capacity_requests_per_second_per_replica for fleet in fleets]),
            most=np.array([fleet.ceiling for fleet in fleets], np.int64),
            multiple=np.array(multiples, np.int64),
            target_ratio=np.array([fleet.target_ratio or 0.0 for fleet in fleets]),
            growth=np.array([_growth(fleet) for fleet in fleets]),
            lag_intervals=np.ceil(seen / 60 / MINUTES).astype(np.int64),
            lead_minutes=np.array(slowest) / 60,
        )


@dataclass(frozen=True)
class Ahead:
    """What is expected (p90, in the busiest quarter of a minute) and carried, requests per second [service, path,
    interval ahead]."""

    expected: Floats
    carries: Floats

    def on(self, paths: NDArray[np.bool_] | NDArray[np.intp]) -> Ahead:
        """Some of the paths."""
        return Ahead(self.expected[:, paths], self.carries[:, paths])

    @property
    def over(self) -> Floats:
        return np.maximum(self.expected - self.carries, 0.0)

    def beyond(self) -> Floats:
        """[service, path]: requests per second beyond the capacity, mean over the horizon as of the live levers."""
        found: Floats = self.over.sum(axis=2) / (HORIZON / timedelta(minutes=MINUTES))
        return found


def ahead_of(known: Sync, services: Services, seen: Seen) -> Ahead:
    """As it stands with everything that was decided before.

    Carried are the planned floors and those that were raised, each from a start-up after it is ordered, what the HPA
    has ready by then, within its ceiling, and what runs for as long as the HPA surely does not scale down.
    """
    rates = known.p90.rates(seen.came.swapaxes(0, 1)).swapaxes(0, 1)
    expected = rates * _left(known, seen)
    floor = np.repeat(known.floor[:, None, :], expected.shape[1], axis=1)
    stays = np.arange(known.count) < np.where(services.target_ratio > 0, DOWN_INTERVALS, known.count)[:, None]
    floor = np.maximum(floor, seen.running[:, :, None] * stays[:, None, :])
    for act in seen.acts:
        if act.replicas is not None and act.last > known.minute:
            ready_at = act.first + services.lead_minutes[act.row]
            holds = (known.starts >= ready_at) & (known.starts + MINUTES <= act.last)
            raised = np.where(act.paths, act.replicas, 0)
            floor[act.row] = np.maximum(floor[act.row], raised[:, None] * holds)
    replicas = np.minimum(
        _with_hpa(expected / known.burst[:, None, :], floor, seen, services), services.most[:, None, None]
    )
    return Ahead(expected, np.minimum(replicas * services.per_replica[:, None, None], known.admitted[:, None, :]))


def _left(known: Sync, seen: Seen) -> Floats:
    """[service, path, interval ahead]: of what comes, what switches and sends that were decided on leave."""
    changes = (
        (act, by_interval(known, act.change, act.first, act.last)[:, None, :] * act.paths[None, :, None])
        for act in seen.acts
        if act.change is not None and act.last > known.minute
    )
    return Turned.by(changes, (*seen.running.shape, known.count)).left


def by_interval(known: Sync, change: Singles, first: int, last: int) -> Floats:
    """[service, interval ahead]: the mean of `change` [service, minute] while it works."""
    begins = known.first * MINUTES
    minutes = np.arange(begins, begins + known.count * MINUTES)
    working = np.where((minutes >= first) & (minutes < last), change[:, minutes], 0.0)
    mean: Floats = working.reshape(len(change), known.count, MINUTES).mean(axis=2)
    return mean


def _with_hpa(mean: Floats, floor: Counts, seen: Seen, services: Services) -> Counts:
    """Replicas that are ready by floors and HPA, [service, path, interval ahead]; what runs now is what an HPA grows
    from."""
    before = seen.came[:, :, -int(services.lag_intervals.max()) - 1 :].astype(np.float64)
    asked = np.concatenate([before, mean], axis=2)
    there = np.concatenate([np.broadcast_to(seen.running[:, :, None], before.shape), floor], axis=2)
    found = floor.copy()
    for row, lag in enumerate(services.lag_intervals):
        if services.target_ratio[row] > 0:
            each, growth = float(services.target_ratio[row] * services.per_replica[row]), float(services.growth[row])
            ready = surely_ready(asked[row], there[row], int(lag), DOWN_INTERVALS, each, growth)
            found[row] = ready[:, before.shape[2] :]
    return found


def _growth(fleet: Fleet) -> float:
    return sure_growth(fleet.target_ratio) if fleet.target_ratio and fleet.metric == "cpu" else np.inf


def syncs_of(inputs: Inputs, learned: LiveSettings) -> tuple[Sync | None, ...]:
    """One for each sync of `minutes_of`; None where too little has come by then to say anything."""
    ensemble, admitted = _Ensemble.of(inputs), _admitted(inputs)
    return tuple(_sync(inputs, ensemble, admitted, minute, learned) for minute in minutes_of(inputs))


def minutes_of(inputs: Inputs) -> tuple[int, ...]:
    """As late after each hour as syncs come: which minute it is on the day depends on workspace and campaign."""
    return tuple(m for m in range(inputs.demand.minutes) if timedelta(minutes=inputs.time_of(m).minute) == LAST)


@dataclass(frozen=True)
class _Ensemble:
    """The forecast's paths by interval, [path, service, interval]: what a reading would say, and what must be carried
    in the busiest quarter of the busiest minute."""

    mean: Singles
    most: Singles

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


def _admitted(inputs: Inputs) -> Floats:
    """[service, minute]: what rate limits let in at the middle of the forecast's mix."""
    middle = np.median(inputs.demand.requests_per_second, axis=1).astype(np.float64)
    found = np.full(middle.shape, np.inf)
    for limit in inputs.limits:
        rows = list(limit.used_by)
        used = np.array([limit.used_by[row] for row in rows]) @ middle[rows]
        times = limit.units_per_second / np.maximum(used, 1e-9)
        found[rows] = np.minimum(found[rows], middle[rows] * times)
    return found


def _sync(inputs: Inputs, ensemble: _Ensemble, admitted: Floats, minute: int, learned: LiveSettings) -> Sync | None:
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
    burst = ensemble.most[:, :, ahead].mean(axis=0) / np.maximum(ensemble.mean[:, :, ahead].mean(axis=0), 1e-9)
    floors = np.stack([fleet.ready for fleet in inputs.fleets])
    return Sync(minute, now, p90, _least(floors, ahead), burst.astype(np.float64), _least(admitted, ahead))


def _least(values: NDArray[Any], intervals: range) -> NDArray[Any]:
    """The least of [service, minute] within each interval."""
    first, last = intervals.start * MINUTES, intervals.stop * MINUTES
    least: NDArray[Any] = values[:, first:last].reshape(len(values), -1, MINUTES).min(axis=2)
    return least
