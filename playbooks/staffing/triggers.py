"""What the war room does when support runs over its plan: levels with fallbacks, in order."""

from __future__ import annotations

from collections.abc import Iterable

from campaign.language import Text, say
from campaign.words import Words
from playbooks.staffing.plan import Trigger
from playbooks.staffing.planning import INTERVAL_SECONDS, DeskFigures
from playbooks.staffing.policy import StaffingPolicy


def triggers(figures: DeskFigures, policy: StaffingPolicy) -> tuple[Trigger, ...]:
    """Levels from mild to severe for one desk; figures are those of its peak."""
    levels = _ticket_levels(figures, policy) if figures.ready.rules is None else _queue_levels(figures, policy)
    return tuple(
        Trigger(level=number, when=Words.of(when), action=Words.of(action))
        for number, (when, action) in enumerate(levels, start=1)
    )


def _queue_levels(figures: DeskFigures, policy: StaffingPolicy) -> Iterable[tuple[Text, Text]]:
    levels, name = policy.triggers, figures.ready.name
    per_minute = figures.human_p90[figures.peak] / (INTERVAL_SECONDS / 60)
    yield (
        say("{desk}: contacts over {ratio}x the plan for {minutes} minutes", desk=name,
            ratio=f"{levels.volume_ratio[0]:g}", minutes=levels.minutes),
        say("move breaks out of the next hour and ask for overtime"),
    )  # fmt: skip
    yield (
        say("{desk}: agents busy more than {percent} % of the time for {minutes} minutes", desk=name,
            percent=f"{levels.occupancy_ratio * 100:g}", minutes=levels.occupancy_minutes),
        say("let the bot answer offer and shipping questions alone, with a way out to a person"),
    )  # fmt: skip
    yield (
        say("{desk}: more than {count} waiting", desk=name, count=queue_limit(figures)),
        say("offer a callback or a message instead of waiting"),
    )
    yield (
        say("{desk}: contacts over {ratio}x the plan for {minutes} minutes ({count} a minute at the peak)", desk=name,
            ratio=f"{levels.volume_ratio[1]:g}", minutes=levels.minutes,
            count=f"{levels.volume_ratio[1] * per_minute:.0f}"),
        say("borrow trained people from another desk and put the waiting time on the page"),
    )  # fmt: skip


def queue_limit(figures: DeskFigures) -> int:
    """Waiting contacts that agents at the peak cannot serve within the threshold any more."""
    rules = figures.ready.rules
    assert rules is not None
    seats = figures.rostered[figures.peak] * figures.ready.at_work_ratio
    per_second = seats * rules.at_once / rules.seconds_at_full
    return max(1, round(float(per_second * rules.within_seconds)))


def _ticket_levels(figures: DeskFigures, policy: StaffingPolicy) -> Iterable[tuple[Text, Text]]:
    name, hours = figures.ready.name, figures.ready.deadline_seconds / 3600
    part = policy.triggers.backlog_of_threshold_ratio
    yield (
        say("{desk}: the oldest ticket is older than {hours} hours", desk=name, hours=f"{hours * part:g}"),
        say("send a first answer with the expected time, and ask for overtime"),
    )
    yield (
        say("{desk}: the oldest ticket is older than {hours} hours", desk=name, hours=f"{hours:g}"),
        say("borrow people from the live desks outside their peaks"),
    )


def bridges(figures: DeskFigures) -> Iterable[Text]:
    """How the shortage that a plan buys is bridged, cheapest first."""
    if figures.ready.rules is None:
        yield say("work off tickets in the hours after, within the deadline")
        return
    yield say("overtime before or after the neighbouring shifts")
    yield say("bot only for offer and shipping questions, with a callback")
    yield say("borrow trained people from another desk")
