"""A whole event on every path: demand, rate limits, fleets that scale, and refused requests that come again.

One service without limits and retries is the autoscaling replay exactly: both run the same fleets. Faults are what a
drill injects: capacity that is lost at an instant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from playbooks.simulation.fleet import EVERY_SYNC, FULL_RATIO, Demand, Fleet, Ticks
from playbooks.simulation.funnel import Funnel, Visits
from playbooks.simulation.hpa import Counts, Rates
from playbooks.simulation.limits import Gates, RateLimit
from playbooks.simulation.minutes import Coming, Written
from playbooks.simulation.retries import NO_RETRIES, RetryPolicy, Waiting
from playbooks.simulation.running import Running
from playbooks.simulation.war_room import Done, Meeting, WarRoom


@dataclass(frozen=True)
class Outage:
    """At this minute a row loses a share of its ready replicas and their nodes; they are created anew at once."""

    minute: int
    row: int
    share_ratio: float


@dataclass(frozen=True)
class Event:
    """Everything planned. fleets: one row each. Rows that share a demand may stand for plans to compare.

    capacity: [row, path] requests per second that one replica really carries; the planned one where None. funnel: whose
    rows are the fleets'; None where refusals at one service keep nobody from the next. war_room: None where floors stay
    as they are planned, whatever comes.
    """

    demand: Demand
    fleets: Sequence[Fleet]
    limits: Sequence[RateLimit] = ()
    retries: RetryPolicy = NO_RETRIES
    outages: Sequence[Outage] = ()
    ticks: Ticks = field(default=EVERY_SYNC)
    capacity: Rates | None = None
    funnel: Funnel | None = None
    war_room: WarRoom | None = None


@dataclass(frozen=True)
class Played:
    """What came of it, totals [row, path] and minutes [row, path, minute].

    offered_requests: fresh ones. tried_requests: with those that came again. above_capacity_requests: let in but beyond
    the ready replicas. limited_requests: kept out by a limit. lost_requests: that gave up for good; those still
    waiting to come again at the end are lost in the last minute. utilization_ratio: the worst tick's tries over what
    could be carried. With a funnel, lost_orders_by_minute [path, minute] and lost_orders_by_stage [stage, path]. With a
    war room, what it did.
    """

    overloaded_minutes: Counts
    offered_requests: Rates
    tried_requests: Rates
    above_capacity_requests: Rates
    limited_requests: Rates
    lost_requests: Rates
    replica_hours: Rates
    most_replicas: Counts
    utilization_ratio: NDArray[np.float32]
    lost_by_minute: NDArray[np.float32]
    lost_orders_by_minute: NDArray[np.float32] | None = None
    lost_orders_by_stage: Rates | None = None
    done: Done | None = None

    @classmethod
    def joined(cls, parts: Sequence[Played]) -> Played:
        """Parts of the paths put together again, in their order. What was not counted stays None."""
        if any(part.done is not None and part.done.asked_ratio is not None for part in parts):
            parts = [part.with_whole_shares() for part in parts]
        found: Played = _joined(parts)
        return found

    def with_whole_shares(self) -> Played:
        """The same with every share of requests that its war room left written down."""
        rows, _paths, minutes = self.lost_by_minute.shape
        return self if self.done is None else replace(self, done=self.done.whole(rows, minutes))

    def on(self, chosen: NDArray[np.integer]) -> Played:
        """What came of some of the paths: the same as if they had been played alone."""
        found: Played = _taken(self, chosen)
        return found

    def with_again(self, paths: NDArray[np.intp], again: Played) -> Played:
        """The same where these paths were played again, in their order, with a war room; it did nothing on others."""
        assert again.done is not None
        rows, every, minutes = self.lost_by_minute.shape
        done = Done.nothing(len(again.done.times), every, minutes)
        done = done if again.done.asked_ratio is None else done.whole(rows, minutes)
        found: Played = _replaced(replace(self, done=done), paths, again)
        return found


def _axis_of_paths(name: str) -> int:
    """Paths come first in [path, minute], second everywhere else."""
    return 0 if name in ("lost_orders_by_minute", "orders_away") else 1


def _joined(parts: Sequence[Any]) -> Any:
    """Records of arrays, with records of arrays in them."""
    if isinstance(parts[0], Played | Done):
        names = [each.name for each in fields(parts[0])]
        return replace(
            parts[0], **{name: _joined_field([getattr(part, name) for part in parts], name) for name in names}
        )
    return None


def _joined_field(values: list[Any], name: str) -> Any:
    if values[0] is None or isinstance(values[0], Done):
        return _joined(values)
    return np.concatenate(values, axis=_axis_of_paths(name))


def _taken(whole: Any, chosen: NDArray[np.integer]) -> Any:
    changed = {}
    for each in fields(whole):
        value = getattr(whole, each.name)
        if isinstance(value, Done):
            changed[each.name] = _taken(value, chosen)
        elif value is not None:
            changed[each.name] = value.take(chosen, axis=_axis_of_paths(each.name))
    return replace(whole, **changed)


def _replaced(whole: Any, paths: NDArray[np.intp], part: Any) -> Any:
    changed = {}
    for each in fields(whole):
        before, after = getattr(whole, each.name), getattr(part, each.name)
        if isinstance(before, Done):
            changed[each.name] = _replaced(before, paths, after)
        elif before is not None:
            changed[each.name] = before.copy()
            place = (slice(None), paths) if _axis_of_paths(each.name) else paths
            changed[each.name][place] = after
    return replace(whole, **changed)


def play(event: Event) -> Played:
    """Play every path through every fleet, limits first, then what the ready replicas carry."""
    ticks, fleets = event.ticks, event.fleets
    rows, paths, minutes = len(fleets), event.demand.paths, event.demand.minutes
    coming = Coming(event.demand, np.array([fleet.service for fleet in fleets]), ticks)
    running = Running.warm(fleets, coming.at(0), ticks, event.capacity)
    gates = Gates.of(event.limits)
    waiting = Waiting.none(event.retries, ticks, rows, paths)
    visits = None if event.funnel is None else Visits.none(event.funnel, ticks, paths, minutes)
    meeting = None if event.war_room is None else Meeting.begun(event.war_room, ticks, event.demand, rows)
    totals = _Totals.none(running.ready, minutes)
    fresh = coming.at(0)
    for tick in range(minutes * ticks.per_minute):
        minute, within = divmod(tick, ticks.per_minute)
        limit = running.carried(tick)
        for outage in event.outages if not within else ():
            if outage.minute == minute:
                limit = running.fail(tick, outage.row, outage.share_ratio)
        if meeting is not None:
            meeting.meet(tick, running.ready)
        turned = None if meeting is None else meeting.turned
        fresh, again = coming.at(tick), waiting.arriving(tick)
        if turned is not None:
            fresh = fresh * turned.visits
        if visits is not None:
            fresh = visits.thinned(fresh)
        whole = fresh
        if turned is not None:
            fresh = fresh * turned.requests
        load = fresh if again is None else fresh + again.sum(axis=0)
        passed = gates.let_in(load, minute)
        served = _served(passed, limit)
        totals.come(fresh, load, running.loaded(load))
        lost = None
        if served is not load:
            totals.refuse(load, passed, served, limit)
            lost = waiting.refuse(tick, fresh, again, 1 - served / np.maximum(load, 1e-12))
            totals.lose(minute, lost)
        if visits is not None:
            visits.lose(minute, whole, lost if lost is None or turned is None else turned.in_visits(lost))
        if meeting is not None:
            meeting.see(tick, load)
        totals.cost(running.scale(tick, passed, None if meeting is None else meeting.raised))
        if within == ticks.per_minute - 1:
            totals.end_minute(minute)
    pending = waiting.pending
    if pending.any():
        totals.lose(minutes - 1, pending)
        if visits is not None:
            visits.lose(minutes - 1, whole, pending if turned is None else turned.in_visits(pending))
    played = replace(totals.played(ticks), done=None if meeting is None else meeting.done)
    if visits is None:
        return played
    by_minute = visits.lost_by_minute.done()
    return replace(played, lost_orders_by_minute=by_minute, lost_orders_by_stage=visits.lost_by_stage)


def _served(passed: Rates, limit: Rates) -> Rates:
    """What the ready replicas carry of it; the same array where they carry all."""
    return np.minimum(passed, limit) if (passed > limit).any() else passed


@dataclass
class _Totals:
    """Sums of requests per second over ticks; `played` turns them into requests.

    replicas, since: those of the latest ticks, and for how many they have been the same.
    """

    overloaded: Counts
    minute_overloaded: NDArray[np.bool_]
    offered: Rates
    tried: Rates
    above: Rates
    limited: Rates
    lost: Rates
    hours: Rates
    most: Counts
    worst: Rates
    utilization: Written
    lost_by_minute: Written
    replicas: Counts
    since: int = 0

    @classmethod
    def none(cls, ready: Counts, minutes: int) -> _Totals:
        def nothing() -> Rates:
            return np.zeros(ready.shape)

        return cls(
            overloaded=np.zeros(ready.shape, np.int64),
            minute_overloaded=np.zeros(ready.shape, bool),
            offered=nothing(),
            tried=nothing(),
            above=nothing(),
            limited=nothing(),
            lost=nothing(),
            hours=nothing(),
            most=ready.copy(),
            worst=nothing(),
            utilization=Written.none(*ready.shape, minutes),
            lost_by_minute=Written.none(*ready.shape, minutes),
            replicas=ready,
        )

    def come(self, fresh: Rates, load: Rates, loaded: Rates) -> None:
        self.offered += fresh
        self.tried += load
        np.maximum(self.worst, loaded, out=self.worst)

    def refuse(self, load: Rates, passed: Rates, served: Rates, limit: Rates) -> None:
        if served is not passed:
            self.minute_overloaded |= passed > limit * FULL_RATIO
            self.above += passed - served
        if passed is not load:
            self.limited += load - passed

    def lose(self, minute: int, lost: Rates) -> None:
        self.lost += lost
        by_minute = self.lost_by_minute.at(minute)
        by_minute += lost

    def cost(self, replicas: Counts) -> None:
        if replicas is not self.replicas:
            self._pay()
            self.replicas = replicas
            np.maximum(self.most, replicas, out=self.most)
        self.since += 1

    def _pay(self) -> None:
        self.hours += self.replicas * self.since
        self.since = 0

    def end_minute(self, minute: int) -> None:
        self.utilization.at(minute)[:] = self.worst
        self.worst[:] = 0.0
        self.overloaded += self.minute_overloaded
        self.minute_overloaded[:] = False

    def played(self, ticks: Ticks) -> Played:
        self._pay()
        second, lost_by_minute = ticks.seconds, self.lost_by_minute.done()
        lost_by_minute *= np.float32(second)
        return Played(
            overloaded_minutes=self.overloaded,
            offered_requests=self.offered * second,
            tried_requests=self.tried * second,
            above_capacity_requests=self.above * second,
            limited_requests=self.limited * second,
            lost_requests=self.lost * second,
            replica_hours=self.hours * second / 3600,
            most_replicas=self.most,
            utilization_ratio=self.utilization.done(),
            lost_by_minute=lost_by_minute,
        )
