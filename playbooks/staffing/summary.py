"""A desk's figures as the record that people and other steps read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from campaign.language import Text, say
from campaign.settings import Bot
from campaign.words import Words
from playbooks.staffing import planning
from playbooks.staffing.bot import contacts_coming_back, with_less_deflection
from playbooks.staffing.desk import ReadyDesk
from playbooks.staffing.erlang import Floats
from playbooks.staffing.plan import Deflection, DeskPeak, DeskPlan, ShiftCount, Shortage, Target
from playbooks.staffing.planning import INTERVAL_HOURS, DeskFigures, span
from playbooks.staffing.policy import StaffingPolicy
from playbooks.staffing.relief import Relief
from playbooks.staffing.replay import self_check
from playbooks.staffing.sentences import sentences
from playbooks.staffing.shifts import Rostered, shortage_price_hours
from playbooks.staffing.short_shifts import with_short_shifts
from playbooks.staffing.triggers import bridges, triggers

LESS_POINTS = 5.0
SELF_CHECK_SEED = 0


def desk_plan(figures: DeskFigures, contacts: NDArray[np.floating], policy: StaffingPolicy, relief: Relief) -> DeskPlan:
    """The record of one desk; contacts: its paths [path, interval]."""
    ready, roster = figures.ready, figures.roster
    required_hours = float(figures.required.sum()) * INTERVAL_HOURS
    worst, hourly = _worst(figures), ready.desk.cost_per_agent_hour
    made = DeskPlan(
        desk=ready.name,
        channel=ready.desk.channel,
        target=target(ready),
        shrinkage_ratio=ready.desk.shrinkage_ratio,
        peak=_peak(figures, contacts),
        required_hours=required_hours,
        paid_hours=roster.paid_hours,
        paid_to_required_ratio=roster.paid_hours / required_hours if required_hours else None,
        priced_hours=roster.price_hours,
        overtime_hours=roster.overtime_hours,
        solver_gap_ratio=roster.gap_ratio,
        cost=None if hourly is None else hourly * roster.price_hours,
        shortage=_shortage(figures, policy, relief),
        worst_service_level_ratio=None if worst is None else float(figures.level_ratio[worst]),
        worst_service_level_at_utc=None if worst is None else span(figures.clock, worst)[0],
        contacts_while_closed_p50=float(figures.contacts_p50[~figures.open].sum()),
        bot=_deflection(figures, contacts, policy),
        short_shifts=with_short_shifts(figures, policy),
        shifts=shift_counts(roster),
        triggers=triggers(figures, policy, relief),
        self_check=self_check(figures, contacts, policy, SELF_CHECK_SEED),
    )
    said = sentences(figures, made, relief, policy)
    return made.model_copy(update={"sentences": tuple(Words.of(text) for text in said)})


def target(ready: ReadyDesk) -> Target:
    level = ready.desk.service_level
    return Target(
        definition=level.definition,
        ratio=level.ratio,
        seconds=level.seconds,
        abandonment_max_ratio=ready.desk.abandonment_max_ratio,
        occupancy_max_ratio=ready.desk.occupancy_max_ratio,
    )


def _peak(figures: DeskFigures, contacts: NDArray[np.floating]) -> DeskPeak:
    at, ready = figures.peak, figures.ready
    level = figures.level_ratio[at]
    back = contacts_coming_back(contacts[:, : at + 1], ready.desk.bot, ready.recontact_hours, INTERVAL_HOURS)
    return DeskPeak(
        starts_at_utc=span(figures.clock, at)[0],
        contacts_p50=float(figures.contacts_p50[at]),
        contacts_p90=float(figures.contacts_p90[at]),
        human_contacts_p50=float(figures.human_p50[at]),
        human_contacts_p90=float(figures.human_p90[at]),
        after_bot=float(back[:, at].mean()),
        redials=float(figures.redials[at]),
        seats_p90=float(figures.seats[at]),
        agents_required=int(figures.required[at]),
        agents_rostered=float(figures.rostered[at]),
        binding=str(figures.binding[at]),
        service_level_ratio=1.0 if np.isnan(level) else float(level),
    )


def _worst(figures: DeskFigures) -> int | None:
    busy = figures.open & (figures.required > 0)
    if not busy.any():
        return None
    return int(np.where(busy, figures.level_ratio, np.inf).argmin())


def _shortage(figures: DeskFigures, policy: StaffingPolicy, relief: Relief) -> Shortage:
    missing = missing_agents(figures)
    short = missing > 0
    if not short.any():
        return Shortage(intervals=0, agent_hours=0.0)
    worst = int(missing.argmax())
    price = shortage_price_hours(missing[short], figures.required[short].astype(np.float64), policy.shortage_steps)
    return Shortage(
        intervals=int(short.sum()),
        agent_hours=float(missing.sum()) * INTERVAL_HOURS,
        worst_at_utc=span(figures.clock, worst)[0],
        worst_agents=float(missing[worst]),
        price_hours=price,
        bridged_by=tuple(Words.of(text) for text in bridges(figures, relief)),
    )


def missing_agents(figures: DeskFigures) -> Floats:
    """Required less rostered people per interval, never below zero."""
    gap = figures.required - figures.rostered
    found: Floats = np.where(gap > 1e-6, gap, 0.0)
    return found


def shift_counts(roster: Rostered) -> tuple[ShiftCount, ...]:
    return tuple(
        ShiftCount(
            shift=option.shift,
            day=option.day.isoformat(),
            starts_at_utc=option.starts_at_utc,
            ends_at_utc=option.ends_at_utc,
            break_starts_at_utc=option.break_starts_at_utc,
            break_minutes=option.break_minutes,
            agents=count,
            overtime_hours=option.overtime_hours,
        )
        for option, count in sorted(
            roster.counts, key=lambda pair: (pair[0].starts_at_utc, pair[0].shift, pair[0].overtime_hours)
        )
    )


def _deflection(figures: DeskFigures, contacts: NDArray[np.floating], policy: StaffingPolicy) -> Deflection | None:
    bot = figures.ready.desk.bot
    if bot is None:
        return None
    base = _agents_with(figures, bot, contacts, policy)
    return Deflection(
        handled_ratio=bot.handled_ratio,
        contained_ratio=bot.contained_ratio,
        resolved_ratio=bot.resolved_ratio,
        agents_more_for_5_points_less=_agents_with(figures, with_less_deflection(bot, LESS_POINTS), contacts, policy)
        - base,
        agents_without_bot=_agents_with(figures, None, contacts, policy),
    )


def _agents_with(figures: DeskFigures, bot: Bot | None, contacts: NDArray[np.floating], policy: StaffingPolicy) -> int:
    """People at the plan's peak interval if the bot were another."""
    ready = figures.ready
    changed = ReadyDesk(
        ready.desk.model_copy(update={"bot": bot}), ready.rules, ready.shifts, ready.recontact_hours, ()
    )
    until = slice(figures.peak + 1) if ready.rules is not None else slice(None)  # what comes later matters to tickets
    clock = figures.clock.part(until)
    human = planning.human_paths(changed, contacts[:, until], clock)
    return planning.agents_for(changed, human, clock, policy, figures.peak)


def peak_together(figures: Sequence[DeskFigures]) -> tuple[int, float, datetime | None]:
    """The half-hour in which all desks together need most people: required, rostered, when."""
    required = np.sum([one.required for one in figures], axis=0)
    at = int(required.argmax())
    rostered = float(sum(one.rostered[at] for one in figures))
    return int(required[at]), rostered, span(figures[0].clock, at)[0]


def assumptions(figures: Sequence[DeskFigures], policy: StaffingPolicy) -> Iterable[Text]:
    yield say(
        "people are planned for the load that {share} of 10 comparable campaigns stay below",
        share=f"{policy.staff_to_quantile * 10:g}",
    )
    for one in figures:
        yield from one.ready.assumptions
