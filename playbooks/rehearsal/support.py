"""The desks of a rehearsal: contacts on every path, the bot, the people at work, and what lost orders change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from campaign.settings import Bot
from playbooks.rehearsal.called import HALF_HOUR_MINUTES, Called
from playbooks.rehearsal.policy import LostOrders
from playbooks.simulation.desks import Desk, DeskPlayed, Levels, play_desk, play_tickets
from playbooks.staffing.bot import human_contacts, with_less_deflection
from playbooks.staffing.requirement import Rules

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
HALF_HOUR_SECONDS = 1800
HALF_HOUR_HOURS = 0.5
LEAD_INTERVALS = 8


@dataclass(frozen=True)
class TicketRules:
    """A desk without a queue on the line: how many a seat finishes in a half-hour, and by when it is promised."""

    per_seat: float
    deadline_intervals: int


@dataclass(frozen=True)
class SupportDesk:
    """One desk on the support's half-hours.

    contacts: [path, half_hour], before the bot takes any off. is_open, judged: [half_hour], the promise is judged over
    the `judged` ones. seats: [half_hour] people at work, [path, half_hour] where paths differ. missed: by the fluid at
    balance, None without a table.
    cost_per_agent_hour: None where nobody has said.
    """

    name: str
    contacts: Floats
    is_open: Bools
    judged: Bools
    seats: Floats
    at_work_ratio: float
    rules: Rules | TicketRules
    target_ratio: float
    within_seconds: float
    missed: Levels | None = None
    bot: Bot | None = None
    recontact_hours: float = 12.0
    cost_per_agent_hour: float | None = None


@dataclass(frozen=True)
class Support:
    """All desks on one grid of half-hours.

    orders_felt: [path, half_hour] orders as their questions come, spread by `lost_orders.lags_hours`. draws: [path] in
    (0, 1), where in the bot's ranges each path lies. bot_up: [half_hour] share of it in which the bot answers.
    accepted_ratio: how often a desk may break its promise over the whole event.
    """

    starts_at_utc: datetime
    desks: tuple[SupportDesk, ...]
    orders_felt: Floats
    lost_orders: LostOrders
    draws: Floats
    bot_up: Floats
    accepted_ratio: float

    def time_of(self, half_hour: int) -> datetime:
        return self.starts_at_utc + timedelta(minutes=HALF_HOUR_MINUTES * half_hour)

    @property
    def half_hours(self) -> int:
        return int(self.orders_felt.shape[1])


def lagged(orders: Floats, lags_hours: Sequence[tuple[float, float]]) -> Floats:
    """Orders [path, half_hour] spread over the half-hours in which their questions come: exponential delays."""
    felt = np.zeros_like(orders)
    for hours, share in lags_hours:
        decay = np.exp(-HALF_HOUR_HOURS / hours)
        felt += share * lfilter([1 - decay], [1, -decay], orders, axis=1)
    return felt


def by_half_hour(by_minute: Floats, starts_at_utc: datetime, support: Support) -> Floats:
    """[path, minute] summed over the support's half-hours; what lies outside of them is left out."""
    found = np.zeros((len(by_minute), support.half_hours))
    first = int((starts_at_utc - support.starts_at_utc) / timedelta(minutes=1))
    where = (first + np.arange(by_minute.shape[1])) // HALF_HOUR_MINUTES
    edges = np.flatnonzero(np.diff(where, prepend=where[0] - 1))
    for half_hour, total in zip(where[edges], np.add.reduceat(by_minute, edges, axis=1).T, strict=True):
        if 0 <= half_hour < support.half_hours:
            found[:, half_hour] = total
    return found


def play_support(support: Support, lost: Floats, only: str | None = None) -> dict[str, DeskPlayed]:
    """Every desk, or one, on every path; `lost`: orders lost for good [path, half_hour]."""
    changed = changed_contacts(support, lost)
    return {
        desk.name: _played(support, desk, contacts)
        for desk, contacts in zip(support.desks, changed, strict=True)
        if only in (None, desk.name)
    }


def changed_contacts(support: Support, lost: Floats, moved: Floats | None = None) -> list[Floats]:
    """Contacts of each desk: fewer questions about orders that were lost, complaints where a line is open.

    moved: orders [path, half_hour] of visits that did not come when they were planned, below zero where they came
    instead; nobody complains of those.
    """
    missing = lost if moved is None else lost + moved
    if not missing.any():
        return [desk.contacts for desk in support.desks]
    rules = support.lost_orders
    felt = np.maximum(support.orders_felt, 1e-9)
    kept = 1 - rules.follow_ratio * np.clip(lagged(missing, rules.lags_hours) / felt, -1.0, 1.0)
    lines = [isinstance(desk.rules, Rules) for desk in support.desks]
    total = sum((d.contacts for d, line in zip(support.desks, lines, strict=True) if line), np.zeros_like(felt))
    complaints = rules.complain_ratio * lost / np.maximum(total, 1e-9)
    return [
        desk.contacts * (kept + complaints * line) if line else desk.contacts * kept
        for desk, line in zip(support.desks, lines, strict=True)
    ]


def play_changed(
    support: Support,
    contacts: Sequence[Floats],
    called: Mapping[str, Called],
    paths: NDArray[np.intp],
    before: Mapping[str, DeskPlayed],
) -> dict[str, DeskPlayed]:
    """Desks played again on these paths, with their changed contacts [path, half_hour] and people called in; on all
    others as they were `before`."""
    few, found = of_paths(support, paths), dict(before)
    if not len(paths):
        return found
    for desk, changed in zip(few.desks, contacts, strict=True):
        seats = desk.seats
        if desk.name in called:
            seats = seats + called[desk.name].people[paths] * desk.at_work_ratio
        met = _played(few, replace(desk, seats=seats), changed[paths])
        whole = [part.copy() for part in vars(before[desk.name]).values()]
        for all_paths, again in zip(whole, vars(met).values(), strict=True):
            all_paths[paths] = again
        found[desk.name] = DeskPlayed(*whole)
    return found


def people_asked(support: Support, desk: SupportDesk, contacts: Floats) -> Floats:
    """[path, half_hour]: what the bot leaves, while the desk is open; tickets wait until it is."""
    human = human_contacts(
        contacts, desk.bot, desk.recontact_hours, HALF_HOUR_HOURS, draws=support.draws, up_ratio=support.bot_up
    )
    return human if isinstance(desk.rules, TicketRules) else np.where(desk.is_open, human, 0.0)


def _played(support: Support, desk: SupportDesk, contacts: Floats) -> DeskPlayed:
    human = people_asked(support, desk, contacts)
    if isinstance(desk.rules, TicketRules):
        return play_tickets(human, desk.seats * desk.rules.per_seat, desk.rules.deadline_intervals, HALF_HOUR_SECONDS)
    played = _hours_played(desk)
    seats = np.where(desk.is_open, desk.seats, 0.0)[..., played]
    found = play_desk(Desk(human[:, played], seats, HALF_HOUR_SECONDS, desk.rules, desk.missed))
    quiet = DeskPlayed(*(np.full(human.shape, level) for level in (0.0, 1.0, 0.0, 0.0, 0.0)))
    for whole, part in zip(vars(quiet).values(), vars(found).values(), strict=True):
        whole[:, played] = part
    return quiet


def _hours_played(desk: SupportDesk) -> slice:
    """The judged half-hours and four hours before them."""
    judged = np.flatnonzero(desk.judged)
    return slice(max(0, int(judged[0]) - LEAD_INTERVALS), int(judged[-1]) + 1) if len(judged) else slice(0, 0)


def of_paths(support: Support, chosen: NDArray[np.integer]) -> Support:
    """Some of the paths."""
    desks = tuple(replace(desk, contacts=desk.contacts[chosen]) for desk in support.desks)
    return replace(support, desks=desks, orders_felt=support.orders_felt[chosen], draws=support.draws[chosen])


def with_contacts(support: Support, factor: float) -> Support:
    """Contacts and orders times a factor."""
    desks = tuple(replace(desk, contacts=desk.contacts * factor) for desk in support.desks)
    return replace(support, desks=desks, orders_felt=support.orders_felt * factor)


def with_agents(support: Support, name: str, more: int, during: Bools | None = None) -> Support:
    """So many people more on one desk in every judged half-hour in which anybody is at work, or in those `during`."""
    when = np.ones(support.half_hours, bool) if during is None else during
    desks = tuple(
        replace(desk, seats=desk.seats + more * desk.at_work_ratio * (working(desk) & when))
        if desk.name == name
        else desk
        for desk in support.desks
    )
    return replace(support, desks=desks)


def working(desk: SupportDesk) -> Bools:
    """The judged half-hours in which somebody is at work."""
    found: Bools = desk.judged & desk.is_open & (desk.seats > 0)
    return found


def with_better_bot(support: Support, name: str, points: float) -> Support:
    """One desk's bot resolving (and containing) so many more of a hundred contacts."""
    desks = tuple(
        replace(desk, bot=with_less_deflection(desk.bot, -points)) if desk.name == name and desk.bot else desk
        for desk in support.desks
    )
    return replace(support, desks=desks)


def with_bot_down(support: Support, starts_at: datetime, ends_at: datetime) -> Support:
    """No bot answers from one instant to the other; all contacts go to people."""
    begin = np.array([(support.time_of(k) - starts_at).total_seconds() for k in range(support.half_hours)])
    length = (ends_at - starts_at).total_seconds()
    away = np.minimum(begin + HALF_HOUR_SECONDS, length) - np.maximum(begin, 0.0)
    return replace(support, bot_up=support.bot_up * (1 - np.clip(away / HALF_HOUR_SECONDS, 0.0, 1.0)))
