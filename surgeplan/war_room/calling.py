"""People called in to a desk: where contacts stand outside their band, as many as the live room offers.

Contacts of the newest hour against the frozen forecast's say how much more of everything is expected; the desk's table
says with how many people its worst half-hour of the next hours would keep its promise then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from playbooks.growth.live_policy import Windows, outside
from playbooks.rehearsal.called import HALF_HOUR_MINUTES, Called
from playbooks.rehearsal.inputs import Inputs
from surgeplan.war_room.sight import minutes_of
from warroom.live.actions.desks import LIFT_BOUNDS, DeskAhead, people_wanted
from warroom.live.actions.people import CALLED_FOR

Bools = NDArray[np.bool_]
Counts = NDArray[np.int64]
Floats = NDArray[np.float64]
HALF_HOUR = timedelta(minutes=HALF_HOUR_MINUTES)
LEAST_CONTACTS = 1.0


@dataclass(frozen=True)
class CallIn:
    """`playbooks.rehearsal.called.CallIn`. syncs: in time order. middle, spread: of the frozen forecast's contacts an
    hour, logs [half-hour] of the two half-hours that begin there. hours: of notice.
    """

    syncs: tuple[datetime, ...]
    starts_at: datetime
    middle: Floats
    spread: Floats
    desks: Mapping[str, DeskAhead]
    hourly: Windows
    hours: float

    def __call__(self, contacts: Floats) -> dict[str, Called]:
        """Whom each desk calls in for `contacts` [path, half_hour] of all desks, knowing at each sync what came before
        it."""
        hourly = _hourly(contacts)
        called = {name: Called.nobody(contacts.shape) for name in self.desks}
        for at in self.syncs:
            hour = self._newest_hour(at)
            if hour < 0 or hour >= len(self.middle):
                continue
            alerted = np.flatnonzero(self._alerted(hourly, hour))
            lift = np.clip(np.exp(hourly[alerted, hour] - self.middle[hour]), *LIFT_BOUNDS)
            for name, desk in self.desks.items() if len(alerted) else ():
                self._call(called[name], desk, at, alerted, lift)
        return called

    def _newest_hour(self, at: datetime) -> int:
        """Where the hour begins that closed before a sync, in half-hours."""
        closed = at.replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
        return (closed - self.starts_at) // HALF_HOUR

    def _alerted(self, hourly: Floats, hour: int) -> Bools:
        """[path]: the hourly rule stands: the newest hour and the mean of several are outside, or one far outside."""
        hours = range(hour, -1, -2)[: self.hourly.mean_readings]
        z = np.stack([(hourly[:, each] - self.middle[each]) / self.spread[each] for each in hours])
        lasting = (z[0] > outside(self.hourly.outside_ratio)) & (z.mean(axis=0) > self.hourly.mean_z(len(hours)))
        found: Bools = lasting | (z[0] > outside(self.hourly.at_once_ratio))
        return found

    def _call(self, called: Called, desk: DeskAhead, at: datetime, paths: NDArray[np.intp], lift: Floats) -> None:
        """Add whoever is called in on these paths."""
        works_at = at + timedelta(hours=self.hours)
        places = desk.between(works_at, works_at + CALLED_FOR)
        grid = (desk.starts[places] - int(self.starts_at.timestamp())) // (60 * HALF_HOUR_MINUTES)
        played = (grid >= 0) & (grid < called.people.shape[1])
        places, grid = places[played], grid[played]
        if desk.table is None or not len(places):
            return
        there = desk.rostered[places] + called.people[paths][:, grid]
        levels = desk.levels(lift[:, None] * desk.load[1, places], there)
        rows, worst = np.arange(len(paths)), levels.argmin(axis=1)
        more = people_wanted(desk, lift * desk.load[1, places[worst]], there[rows, worst])
        missing = (levels[rows, worst] < desk.desk.service_level.ratio) & (more > 0)
        wanted = np.where(missing, np.ceil(called.people[paths, grid[worst]]).astype(np.int64) + more, 0)
        called.add(paths, wanted, at, works_at - self.starts_at, CALLED_FOR)
        if desk.desk.agents_max is not None:
            room = np.maximum(desk.desk.agents_max - desk.rostered[places], 0.0)
            called.people[:, grid] = np.minimum(called.people[:, grid], room)


def call_in_of(inputs: Inputs, desks: Mapping[str, DeskAhead], hourly: Windows, hours: float) -> CallIn | None:
    """From the forecast's paths as they are in `inputs`; None without desks where somebody waits."""
    support = inputs.support
    waiting = {name: desk for name, desk in desks.items() if desk.table is not None}
    if support is None or not waiting:
        return None
    contacts = np.sum([desk.contacts for desk in support.desks], axis=0)
    logs = _hourly(contacts)
    return CallIn(
        syncs=tuple(inputs.time_of(minute) for minute in minutes_of(inputs)),
        starts_at=support.starts_at_utc,
        middle=np.median(logs, axis=0),
        spread=np.maximum(logs.std(axis=0), 1e-3),
        desks={desk.name: waiting[desk.name] for desk in support.desks if desk.name in waiting},
        hourly=hourly,
        hours=hours,
    )


def _hourly(contacts: Floats) -> Floats:
    """Logs of contacts [path, half_hour] in the hour that begins with each half-hour."""
    logs: Floats = np.log(np.maximum(contacts[:, :-1] + contacts[:, 1:], LEAST_CONTACTS))
    return logs
