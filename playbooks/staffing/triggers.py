"""What the war room does when support runs over its plan: levels with fallbacks, in order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from campaign.language import Text, say
from campaign.words import Words
from playbooks.staffing.plan import Measure, Trigger
from playbooks.staffing.planning import INTERVAL_SECONDS, DeskFigures
from playbooks.staffing.policy import StaffingPolicy
from playbooks.staffing.relief import Relief, borrow, bot_alone


@dataclass(frozen=True)
class _Level:
    """`measure` above `above` for so many minutes, in words, and what is done then."""

    measure: Measure
    above: float
    minutes: int
    when: Text
    action: Text


def triggers(figures: DeskFigures, policy: StaffingPolicy, relief: Relief) -> tuple[Trigger, ...]:
    """Levels from mild to severe for one desk; figures are those of its peak."""
    queue = figures.ready.rules is not None
    levels = _queue_levels(figures, policy, relief) if queue else _ticket_levels(figures, policy, relief)
    return tuple(
        Trigger(
            level=number,
            measure=one.measure,
            above=one.above,
            for_minutes=one.minutes,
            when=Words.of(one.when),
            action=Words.of(one.action),
        )
        for number, one in enumerate(levels, start=1)
    )


def _queue_levels(figures: DeskFigures, policy: StaffingPolicy, relief: Relief) -> Iterable[_Level]:
    levels, name, limit = policy.triggers, figures.ready.name, queue_limit(figures)
    per_minute = figures.human_p90[figures.peak] / (INTERVAL_SECONDS / 60)
    mild, severe = levels.volume_ratio
    yield _Level(
        "contacts_ratio", mild, levels.minutes,
        say("{desk}: contacts over {ratio}x the plan for {minutes} minutes", desk=name, ratio=f"{mild:g}",
            minutes=levels.minutes),
        say("move breaks out of the next hour and ask for overtime"),
    )  # fmt: skip
    yield _Level(
        "waiting", limit, 0, say("{desk}: more than {count} waiting", desk=name, count=limit),
        bot_alone(relief, name),
    )  # fmt: skip
    yield _Level(
        "occupancy_ratio", levels.occupancy_ratio, levels.occupancy_minutes,
        say("{desk}: more than {count} waiting, or agents busy more than {percent} % of the time for {minutes} minutes",
            desk=name, count=2 * limit, percent=f"{levels.occupancy_ratio * 100:g}", minutes=levels.occupancy_minutes),
        say("offer a callback or a message instead of waiting"),
    )  # fmt: skip
    yield _Level(
        "contacts_ratio", severe, levels.minutes,
        say("{desk}: contacts over {ratio}x the plan for {minutes} minutes ({count} a minute at the peak)", desk=name,
            ratio=f"{severe:g}", minutes=levels.minutes, count=f"{severe * per_minute:.0f}"),
        say("{borrow}; put the waiting time on the page", borrow=borrow(relief)),
    )  # fmt: skip


def queue_limit(figures: DeskFigures) -> int:
    """Waiting contacts that agents at the peak cannot serve within the threshold any more."""
    rules = figures.ready.rules
    assert rules is not None
    seats = figures.rostered[figures.peak] * figures.ready.at_work_ratio
    per_second = seats * rules.at_once / rules.seconds_at_full
    return max(1, round(float(per_second * rules.within_seconds)))


def _ticket_levels(figures: DeskFigures, policy: StaffingPolicy, relief: Relief) -> Iterable[_Level]:
    name, hours = figures.ready.name, figures.ready.deadline_seconds / 3600
    early = hours * policy.triggers.backlog_of_threshold_ratio
    yield _Level(
        "oldest_hours", early, 0,
        say("{desk}: the oldest ticket is older than {hours} hours", desk=name, hours=f"{early:g}"),
        say("send a first answer with the expected time, and ask for overtime"),
    )  # fmt: skip
    yield _Level(
        "oldest_hours", hours, 0,
        say("{desk}: the oldest ticket is older than {hours} hours", desk=name, hours=f"{hours:g}"),
        borrow(relief),
    )  # fmt: skip


def bridges(figures: DeskFigures, relief: Relief) -> Iterable[Text]:
    """How the shortage that a plan buys is bridged, cheapest first."""
    if figures.ready.rules is None:
        yield say("work off tickets in the hours after, within the deadline")
        return
    yield say("overtime before or after the neighbouring shifts")
    yield bot_alone(relief, figures.ready.name)
    yield say("offer a callback or a message instead of waiting")
    yield borrow(relief)
