"""What a desk's plan says in sentences: the promise, the shortage it buys, and what its assumptions cost if wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import date

import numpy as np

from campaign.language import Text, say
from campaign.numbers import local_minute, percent
from playbooks.staffing.desk import definition_in_words
from playbooks.staffing.plan import DeskPeak, DeskPlan
from playbooks.staffing.planning import DeskFigures
from playbooks.staffing.policy import StaffingPolicy
from playbooks.staffing.relief import Relief
from playbooks.staffing.requirement import heads, required_seats, service_level
from playbooks.staffing.roster_rules import shift_findings
from playbooks.staffing.triggers import bridges

LONGER_HANDLING, PRESENT_WHEN_ILL = 1.1, 0.8


def sentences(figures: DeskFigures, plan: DeskPlan, relief: Relief, policy: StaffingPolicy) -> Iterable[Text]:
    when = local_minute(plan.peak.starts_at_utc, figures.clock.zone)
    yield say(
        "service level counts: {definition}",
        definition=definition_in_words(figures.ready.desk.service_level.definition),
    )
    yield from _bought(figures, plan, relief)
    if short := plan.short_shifts:
        yield say(
            "with {hours}-hour shifts as well, most of them from {start}: {paid} paid hours instead of {before}, and "
            "{missing} hours short instead of {missing_before}",
            hours=f"{short.hours:g}",
            start=short.starts,
            paid=f"{short.paid_hours:,.0f}",
            before=f"{plan.paid_hours:,.0f}",
            missing=f"{short.missing_hours:,.0f}",
            missing_before=f"{plan.shortage.agent_hours:,.0f}",
        )
    if plan.bot:
        yield say(
            "each 5 points less resolved by the bot need {count} more agents at {when}; without the bot {all} in all",
            count=plan.bot.agents_more_for_5_points_less,
            when=when,
            all=plan.bot.agents_without_bot,
        )
    yield from _coming_again(plan.peak, when)
    yield from _sensitivity(figures, when)
    if check := plan.self_check:
        yield say(
            "replayed on {paths} sample paths around the peak: service level {simulated}, predicted {predicted}",
            paths=check.paths,
            simulated=percent(check.simulated_ratio),
            predicted=percent(check.predicted_ratio),
        )
    yield from shift_findings(figures.ready.shifts, policy.labour)
    if plan.contacts_while_closed_p50 >= 1 and figures.ready.rules is not None:
        yield say(
            "{count} contacts come while the desk is closed: nobody is planned for them, give them the bot or a form",
            count=round(plan.contacts_while_closed_p50),
        )


def _bought(figures: DeskFigures, plan: DeskPlan, relief: Relief) -> Iterable[Text]:
    """Paid hours against required ones, and the shortage that is cheaper than to fill it."""
    if not plan.required_hours:
        return
    ratio = f"{plan.paid_hours / plan.required_hours:.2f}"
    paid, needed = f"{plan.paid_hours:,.0f}", f"{plan.required_hours:,.0f}"
    if not plan.shortage.agent_hours or plan.shortage.worst_at_utc is None:
        yield say("{paid} paid hours for {needed} needed ({ratio}x); nothing is missing", paid=paid, needed=needed,
                  ratio=ratio)  # fmt: skip
        return
    worst = local_minute(plan.shortage.worst_at_utc, figures.clock.zone)
    yield say(
        "{paid} paid hours for {needed} needed ({ratio}x), and {missing} hours left short, in {count} half-hours, at "
        "most {people} people at {worst}: {why}",
        paid=paid, needed=needed, ratio=ratio, missing=f"{plan.shortage.agent_hours:,.0f}",
        count=plan.shortage.intervals, people=f"{plan.shortage.worst_agents:g}", worst=worst, why=_why_short(figures),
    )  # fmt: skip
    if plan.worst_service_level_at_utc and (plan.worst_service_level_ratio or 0.0) < plan.target.ratio:
        yield say(
            "below the promise: {level} at {when}, promised {target}",
            level=percent(plan.worst_service_level_ratio or 0.0),
            when=local_minute(plan.worst_service_level_at_utc, figures.clock.zone),
            target=percent(plan.target.ratio),
        )
    for number, step in enumerate(bridges(figures, relief), start=1):
        yield say("to bridge it, {number}: {step}", number=number, step=step)


def _why_short(figures: DeskFigures) -> Text:
    most, working = figures.ready.desk.agents_max, Counter[date]()
    for option, count in figures.roster.counts:
        working[option.day] += count
    if most is not None and working and max(working.values()) >= most:
        return say("on some day all {count} people are on shift", count=most)
    return say("to fill them would cost more")


def _coming_again(peak: DeskPeak, when: str) -> Iterable[Text]:
    """Which of the contacts that people are planned for are second attempts."""
    if round(peak.after_bot):
        yield say(
            "of {all} contacts for people at {when}, {count} come back after the bot did not resolve them",
            all=f"{peak.human_contacts_p90:,.0f}",
            when=when,
            count=f"{peak.after_bot:,.0f}",
        )
    if round(peak.redials):
        yield say(
            "beside {all} contacts for people at {when}, {count} come again because nobody answered them",
            all=f"{peak.human_contacts_p90:,.0f}",
            when=when,
            count=f"{peak.redials:,.0f}",
        )


def _sensitivity(figures: DeskFigures, when: str) -> Iterable[Text]:
    """What the plan's peak costs or suffers if an assumption is off; each half-hour on its own, without a backlog."""
    rules, at = figures.ready.rules, figures.peak
    if rules is None or figures.load_p90[at] <= 0:
        return
    load = figures.load_p90[at] * np.array([1.0, LONGER_HANDLING])
    usual, longer = heads(required_seats(rules, load).seats, figures.ready.desk.shrinkage_ratio)
    yield say(
        "handling that takes a tenth longer needs {count} more agents at {when}", count=int(longer - usual), when=when
    )
    seats = np.array([figures.rostered[at] * figures.ready.at_work_ratio * PRESENT_WHEN_ILL])
    level = float(service_level(rules, load[:1], seats)[0])
    yield say(
        "with a fifth of the rostered people ill the service level at {when} is {level}, redials included",
        when=when,
        level=percent(level),
    )
