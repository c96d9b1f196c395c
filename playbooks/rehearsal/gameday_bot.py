"""The game day of support: the bot fails in a desk's busiest hours, played beforehand, half-hour by half-hour."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np

from playbooks.rehearsal.faults import injected
from playbooks.rehearsal.inputs import Inputs
from playbooks.rehearsal.replays import Rehearsed
from playbooks.rehearsal.support import (
    Bools,
    Floats,
    Support,
    SupportDesk,
    TicketRules,
    with_agents,
    working,
)  # fmt: skip
from playbooks.rehearsal.support_judging import supported, unserved
from playbooks.simulation.desks import DeskPlayed
from playbooks.simulation.event import Played

DOWN_HALF_HOURS = 4  # two hours: long enough for a queue that does not go away by itself
SHOWN = (-1, 0, 1, 2, 3, 4, 6, 8)
NEAR_PEAK = timedelta(hours=9)  # a clock time of the fault means the one nearest to the traffic's peak
MORE_PEOPLE_RATIOS = (0.1, 0.25, 0.5)


@dataclass(frozen=True)
class HalfHour:
    """What a desk meets: attempts and wait as p50 and p90 of paths, the share served in time as p50 and p10."""

    at: datetime
    attempts_p50: float
    attempts_p90: float
    level_p50: float
    level_p10: float
    wait_minutes_p50: float
    wait_minutes_p90: float


@dataclass(frozen=True)
class MorePeople:
    """So many more at work from the second half-hour until the bot is back, and the share that they save."""

    count: int
    saved_ratio: float


@dataclass(frozen=True)
class BotDrill:
    """No bot at all between two instants; the desk is the one where most more go unserved.

    unserved_mean: contacts that give up (tickets: are late), and as planned. are_late: it is a desk of tickets.
    """

    fault: str
    starts_at: datetime
    ends_at: datetime
    desk: str
    target_ratio: float
    half_hours: tuple[HalfHour, ...]
    more_people: tuple[MorePeople, ...]
    unserved_mean: float
    planned_unserved_mean: float
    are_late: bool


def bot_drill(whole: Rehearsed, zone: ZoneInfo) -> BotDrill | None:
    """The bot's failure in the two busiest hours; None where no desk has a bot or none is open near the peak."""
    inputs, played = whole.inputs, whole.played
    support = inputs.support
    desks = [desk for desk in support.desks if desk.bot] if support else []
    if support is None or not desks:
        return None
    planned = supported(inputs, played)
    first = _busiest(inputs, support, desks, planned)
    if first is None:
        return None
    starts_at, ends_at = support.time_of(first), support.time_of(first + DOWN_HALF_HOURS)
    fault = f"bot-down:{starts_at.astimezone(zone):%H:%M}-{ends_at.astimezone(zone):%H:%M}"
    broken = injected(inputs, fault, zone)
    met = supported(broken, played)
    desk = max(desks, key=lambda each: _more(each, met, planned))
    return BotDrill(
        fault=fault,
        starts_at=starts_at,
        ends_at=ends_at,
        desk=desk.name,
        target_ratio=desk.target_ratio,
        half_hours=_shown(support, met[desk.name], first),
        more_people=_more_people(broken, played, desk, first, _more(desk, met, planned)),
        unserved_mean=_unserved(desk, met),
        planned_unserved_mean=_unserved(desk, planned),
        are_late=isinstance(desk.rules, TicketRules),
    )


def _unserved(desk: SupportDesk, met: dict[str, DeskPlayed]) -> float:
    return float(unserved(desk, met[desk.name]).mean())


def _more(desk: SupportDesk, met: dict[str, DeskPlayed], planned: dict[str, DeskPlayed]) -> float:
    return _unserved(desk, met) - _unserved(desk, planned)


def _busiest(inputs: Inputs, support: Support, desks: list[SupportDesk], planned: dict[str, DeskPlayed]) -> int | None:
    """The half-hour with most contacts at desks with a bot while somebody works there, near the traffic's peak."""
    peak = inputs.time_of(int(inputs.demand.requests_per_second.sum(axis=0).mean(axis=0).argmax()))
    total = sum((planned[desk.name].attempts.mean(axis=0) * working(desk) for desk in desks), np.zeros(1))
    near = np.array([abs(support.time_of(k) - peak) <= NEAR_PEAK for k in range(support.half_hours)])
    near[support.half_hours - DOWN_HALF_HOURS :] = False
    asked: Floats = total * near
    return int(asked.argmax()) if asked.any() else None


def _shown(support: Support, met: DeskPlayed, first: int) -> tuple[HalfHour, ...]:
    shown = [first + offset for offset in SHOWN if 0 <= first + offset < support.half_hours]
    return tuple(
        HalfHour(
            support.time_of(k),
            *np.quantile(met.attempts[:, k], (0.5, 0.9)).tolist(),
            *np.quantile(met.level_ratio[:, k], (0.5, 0.1)).tolist(),
            *(np.quantile(met.longest_wait_seconds[:, k], (0.5, 0.9)) / 60).tolist(),
        )
        for k in shown
    )


def _more_people(broken: Inputs, played: Played, desk: SupportDesk, first: int, more: float) -> tuple[MorePeople, ...]:
    """What a tenth, a quarter and a half more save of those who go unserved because the bot is away."""
    if broken.support is None or more < 1:
        return ()
    hours: Bools = np.zeros(broken.support.half_hours, bool)
    hours[first + 1 : first + DOWN_HALF_HOURS] = True
    most = float((desk.seats * hours).max()) / desk.at_work_ratio
    before, found = _unserved(desk, supported(broken, played, desk.name)), []
    for count in dict.fromkeys(max(1, round(ratio * most)) for ratio in MORE_PEOPLE_RATIOS):
        helped = replace(broken, support=with_agents(broken.support, desk.name, count, hours))
        left = supported(helped, played, desk.name)
        found.append(MorePeople(count, (before - _unserved(desk, left)) / more))
    return tuple(found)
