"""What people called in did to a desk's service level: what came, beside what would have come without them.

A staffing plan knows the desk's service level by load and people. How heavy its contacts really are (they may take
longer than planned, or people may be slower) is read off the level that came in the hour before the decision and in the
hour after it, with the people who were there; the same contacts with fewer people are what would have come. It is not
sure of that weight, nor of chance in so many contacts, and both are in the range.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import NormalDist

import numpy as np

from campaign.language import say
from warroom.live.actions.ahead import Floats, Ints
from warroom.live.actions.desks import HALF_HOUR, DeskAhead
from warroom.live.actions.log import Decision, Outcome
from warroom.live.actions.outcome import told
from warroom.live.actions.records import LEVELS, Range

BEFORE = timedelta(hours=1)
LOG_WEIGHT_SD = 0.35
LOG_WEIGHTS = np.linspace(-1.5, 1.5, 241)
LEAST_RATIO = 0.005
CHANCES_PER_HANDLING = 0.5
CHANCES = np.array([NormalDist().inv_cdf((i + 0.5) / 25) for i in range(25)])


@dataclass(frozen=True)
class Served:
    """How one desk served, by bucket of `bucket` seconds: when each begins (seconds of UTC), contacts that wanted a
    person, those served in time, and people signed in (NaN where that is not told)."""

    starts: Ints
    bucket: int
    offered: Floats
    in_time: Floats
    agents: Floats

    def tells(self, until: datetime) -> bool:
        """Whether it reaches so far."""
        return len(self.starts) > 0 and int(self.starts[-1]) + self.bucket >= until.timestamp()

    def between(self, first: datetime, last: datetime) -> Served:
        """The buckets most of which lie in [first, last)."""
        middle = self.starts + self.bucket / 2
        use = (middle >= first.timestamp()) & (middle < last.timestamp())
        return Served(self.starts[use], self.bucket, self.offered[use], self.in_time[use], self.agents[use])


@dataclass(frozen=True)
class Parts:
    """The same by half-hour of the staffing plan [part]: load, contacts in hand if they are as heavy as planned;
    rostered, people on shift; independent, how many contacts chance counts as independent of each other."""

    offered: Floats
    in_time: Floats
    agents: Floats
    load: Floats
    rostered: Floats
    independent: Floats

    @classmethod
    def of(cls, served: Served, desk: DeskAhead) -> Parts:
        rows = list(_rows(served, desk))
        return cls(*np.array(rows, dtype=np.float64).reshape(len(rows), 6).T)

    @property
    def level(self) -> float:
        return float(self.in_time.sum() / self.offered.sum())


def _rows(served: Served, desk: DeskAhead) -> Iterator[tuple[float, ...]]:
    """Half-hours in which contacts came and the plan expects some."""
    place = np.searchsorted(desk.starts, served.starts, side="right") - 1
    for index in np.unique(place[place >= 0]):
        own = (place == index) & (served.starts < desk.starts[index] + HALF_HOUR)
        offered = float(served.offered[own].sum())
        planned = float(desk.human[0, index])
        if offered > 0 and planned > 0:
            seconds = float(own.sum()) * served.bucket
            load = float(desk.load[0, index]) * offered / planned * HALF_HOUR / seconds
            known = served.agents[own][np.isfinite(served.agents[own])]
            agents = float(known.mean()) if len(known) else np.nan
            independent = independent_contacts(offered, seconds, desk)
            yield offered, float(served.in_time[own].sum()), agents, load, float(desk.rostered[index]), independent


def independent_contacts(offered: float, seconds: float, desk: DeskAhead) -> float:
    """Contacts that wait in one queue wait together, so they are fewer chances than contacts: by the handling times
    that pass, more in a larger desk. The figure is from simulated desks (`benchmarks/warroom/called_in.py`)."""
    passed = max(seconds / desk.desk.handle_seconds, 1.0)
    return float(min(offered, CHANCES_PER_HANDLING * passed * offered ** (1 / 3)))


def level_outcome(decision: Decision, desk: DeskAhead, served: Served, together: tuple[str, ...]) -> Outcome | None:
    """The change of the service level in the decision's hour; None while that is not told to its end."""
    first, last = decision.looked_for
    if not served.tells(last):
        return None
    hour = Parts.of(served.between(first, last), desk)
    if not len(hour.offered):
        return Outcome("unknown", why=say("nobody asked {desk} for a person in that hour", desk=desk.desk.name))
    before = Parts.of(served.between(decision.at - BEFORE, decision.at), desk)
    present, fewer = people_there(before, hour, desk, decision.amount or 0.0)
    weights = weights_of(desk, [(before, _present(before, desk)), (hour, present)])
    without = level_without(desk, hour, fewer, weights)
    real = Range(hour.level - without.p90, hour.level - without.p50, hour.level - without.p10)
    note = None if np.isfinite(hour.agents).all() else say("people by the roster: no source tells who is signed in")
    return told(real, hour.level, without, together, note)


def people_there(before: Parts, hour: Parts, desk: DeskAhead, called: float) -> tuple[Floats, Floats]:
    """People at work in each part of the hour, and those who would have been without so many called in: as many of the
    roster as an hour before, where the source tells that; by the roster, where it tells nobody."""
    on_roster = hour.rostered * (1.0 - desk.desk.shrinkage_ratio)
    if not np.isfinite(hour.agents).all():
        return on_roster + called * (1.0 - desk.desk.shrinkage_ratio), on_roster
    seen = np.isfinite(before.agents) & (before.rostered > 0)
    if seen.any():
        on_roster = hour.rostered * (before.agents[seen].sum() / before.rostered[seen].sum())
    return hour.agents, np.clip(on_roster, np.maximum(hour.agents - called, 0.0), hour.agents)


def _present(parts: Parts, desk: DeskAhead) -> Floats:
    """People at work before: as told, else by the roster."""
    return np.where(np.isfinite(parts.agents), parts.agents, parts.rostered * (1.0 - desk.desk.shrinkage_ratio))


def weights_of(desk: DeskAhead, seen: list[tuple[Parts, Floats]]) -> Floats:
    """How likely each of `LOG_WEIGHTS` is, given what came with the people who were there [weight]; sums to one."""
    logs = -0.5 * (LOG_WEIGHTS / LOG_WEIGHT_SD) ** 2
    for parts, people in seen:
        if len(parts.offered):
            level = np.clip(_levels(desk, parts, people), LEAST_RATIO, 1.0 - LEAST_RATIO)
            ratio = np.clip(parts.in_time / parts.offered, 0.0, 1.0)
            logs += (ratio * np.log(level) + (1.0 - ratio) * np.log(1.0 - level)) @ parts.independent
    likely: Floats = np.exp(logs - logs.max())
    likely /= likely.sum()
    return likely


def _levels(desk: DeskAhead, parts: Parts, people: Floats) -> Floats:
    """Service level by the desk's table [weight, part]."""
    assert desk.table is not None
    load = np.exp(LOG_WEIGHTS)[:, None] * parts.load
    level: Floats = desk.table.level(load, np.broadcast_to(people, load.shape))
    return level


def level_without(desk: DeskAhead, hour: Parts, people: Floats, weights: Floats) -> Range:
    """The hour's service level with so many people, over how heavy contacts may be and over chance."""
    level, share = _levels(desk, hour, people), hour.offered / hour.offered.sum()
    middle = level @ share
    sd = np.sqrt((np.clip(level * (1.0 - level), 0.0, None) / hour.independent) @ share**2)
    drawn = np.clip(middle[:, None] + sd[:, None] * CHANCES, 0.0, 1.0).ravel()
    order = np.argsort(drawn)
    mass = np.repeat(weights / len(CHANCES), len(CHANCES))[order].cumsum()
    return Range(*(float(drawn[order][min(int(np.searchsorted(mass, q)), len(drawn) - 1)]) for q in LEVELS))
