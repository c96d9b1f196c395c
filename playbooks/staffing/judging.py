"""What given people achieve: the what-if behind `surgeplan staffing --agents` and the re-check of an edited roster."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from campaign.plan import Plan
from playbooks.staffing import planning, tickets
from playbooks.staffing.desk import ReadyDesk
from playbooks.staffing.erlang import Floats
from playbooks.staffing.plan import Judged
from playbooks.staffing.planning import INTERVAL_HOURS, INTERVAL_SECONDS, Clock, Experience, Need, span
from playbooks.staffing.policy import StaffingPolicy
from playbooks.staffing.redials import contacts_with_redials
from playbooks.staffing.requirement import heads

CLEAR_SHARE = 0.05


@dataclass(frozen=True)
class Question:
    """A desk and its demand, ready to be asked what any number of people would achieve."""

    ready: ReadyDesk
    clock: Clock
    human: Floats
    asked: Need
    open: NDArray[np.bool_]
    required: NDArray[np.int64]


def question(ready: ReadyDesk, contacts: NDArray[np.floating], clock: Clock, policy: StaffingPolicy) -> Question:
    human = planning.human_paths(ready, contacts, clock)
    rates = np.quantile(human, policy.staff_to_quantile, axis=0) / INTERVAL_SECONDS
    is_open = planning.open_intervals(ready, clock)
    asked = planning.refined(ready, planning.need(ready, human, clock, policy), rates, policy)
    required = heads(np.where(is_open, asked.seats, 0.0), ready.desk.shrinkage_ratio)
    return Question(ready, clock, human, asked, is_open, required)


def judged(asked: Question, people: Floats, plan: Plan, policy: StaffingPolicy) -> Judged:
    """What `people` (with shrinkage, per interval) achieve during the campaign; tickets: over the whole horizon."""
    quantile = policy.staff_to_quantile
    window = _window(asked, plan)
    met = planning.experience(asked.ready, asked.human, _with_surge(asked, window), people, asked.open, quantile)
    came = _attempts(asked, met, quantile)
    weight = np.where(asked.open | (asked.ready.rules is None), came, 0.0)[window]
    level = np.where(np.isnan(met.level_ratio), 1.0, met.level_ratio)[window]
    busy = weight > 0
    worst = int(np.where(busy, level, np.inf).argmin())
    overall = float(np.average(level, weights=weight)) if busy.any() else 1.0
    keeps = overall >= asked.ready.desk.service_level.ratio - 1e-9
    missing = np.maximum(asked.required - people, 0.0)[window]
    if asked.ready.rules is None and keeps:
        missing = np.zeros_like(missing)  # which half-hour a ticket is worked in does not matter
    backlog = _backlog(asked, met, people, quantile)
    return Judged(
        desk=asked.ready.name,
        starts_at_utc=span(asked.clock, window.start)[0],
        ends_at_utc=span(asked.clock, window.stop - 1)[1],
        definition=asked.ready.desk.service_level.definition,
        within_seconds=asked.ready.desk.service_level.seconds,
        service_level_ratio=overall,
        target_ratio=asked.ready.desk.service_level.ratio,
        worst_service_level_ratio=float(level[worst]),
        worst_at_utc=span(asked.clock, window.start + worst)[0],
        abandoned_ratio=_mean(met.abandoned_ratio[window], weight),
        longest_wait_seconds=_most(met.wait_seconds[window]),
        occupancy_max_ratio=_most(met.occupancy_ratio[window]),
        oldest_ticket_hours=_most(met.oldest_hours[window]),
        backlog_max=float(backlog[window].max()),
        backlog_clear_at_utc=_clear(asked, backlog, window),
        missing_agent_hours=float(missing.sum()) * INTERVAL_HOURS,
        most_agents_required=int(asked.required[window].max()),
        keeps_promise=bool(keeps),
    )


def _window(asked: Question, plan: Plan) -> slice:
    if asked.ready.rules is None:
        return slice(0, len(asked.required))
    starts = asked.clock.starts_at_utc
    first = int(np.searchsorted(starts, np.datetime64(int(plan.starts_at.timestamp()), "s")))
    last = int(np.searchsorted(starts, np.datetime64(int(plan.ends_at.timestamp()), "s")))
    begin = min(first, len(starts) - 1)
    return slice(begin, max(begin + 1, min(last, len(starts))))


def _with_surge(asked: Question, window: slice) -> Need:
    """The same need with the whole campaign solved exactly, because too few people turn any interval into a surge."""
    if asked.ready.rules is None:
        return asked.asked
    return replace(asked.asked, surges=tuple(_open_stretches(asked, window)))


def _open_stretches(asked: Question, window: slice) -> list[slice]:
    inside = np.zeros(len(asked.required), dtype=bool)
    inside[window] = True
    edges = np.flatnonzero(np.diff(np.concatenate([[False], inside & asked.open, [False]]).astype(np.int8)))
    return [slice(int(begin), int(end)) for begin, end in edges.reshape(-1, 2)]


def _backlog(asked: Question, met: Experience, people: Floats, quantile: float) -> Floats:
    """Contacts waiting at each interval's end (tickets) or on average within it (phone and chat)."""
    ready = asked.ready
    if ready.rules is None:
        arrivals = planning.ticket_arrivals(asked.human, quantile)
        capacity = people * ready.at_work_ratio * planning.tickets_per_seat(ready)
        deadline = planning.deadline_intervals(ready)
        return tickets.worked_off(arrivals, capacity, deadline, INTERVAL_HOURS).open_tickets
    came = _attempts(asked, met, quantile)
    return np.nan_to_num(met.wait_seconds) * came / INTERVAL_SECONDS


def _attempts(asked: Question, met: Experience, quantile: float) -> Floats:
    """Contacts per interval, with those who come again because nobody answered."""
    came = np.quantile(asked.human, quantile, axis=0)
    rules = asked.ready.rules
    return came if rules is None else contacts_with_redials(came, met.abandoned_ratio, rules.redial_ratio)


def _clear(asked: Question, backlog: Floats, window: slice) -> datetime | None:
    """When the largest backlog has gone: the first interval after it with less than a twentieth of it (or of one)."""
    part = backlog[window]
    top = int(part.argmax())
    if part[top] < 1:
        return None
    after = np.flatnonzero(part[top:] <= max(1.0, CLEAR_SHARE * part[top]))
    return None if not after.size else span(asked.clock, window.start + top + int(after[0]))[0]


def _mean(values: Floats, weight: Floats) -> float | None:
    known = ~np.isnan(values) & (weight > 0)
    return float(np.average(values[known], weights=weight[known])) if known.any() else None


def _most(values: Floats) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.max()) if known.size else None


def flat_people(asked: Question, agents: int) -> Floats:
    """The same number of people in every open half-hour."""
    return np.where(asked.open, float(agents), 0.0)
