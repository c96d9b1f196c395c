"""What a re-check of an edited roster says: which shifts changed, what became of each desk's worst half-hour, and
whether the promise of the whole campaign holds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

from campaign.language import Text, say
from campaign.numbers import local_minute, percent
from playbooks.staffing.plan import Judged
from playbooks.staffing.recheck import DeskChange, Recheck
from playbooks.staffing.roster_changes import Hours, ShiftChange

SHOWN = 12
HALF_A_PERCENT = 0.005


def verdict_in_words(checked: Recheck) -> Iterator[Text]:
    """Whether the promises hold, which are of the whole campaign at the load that is staffed for."""
    broken = [one.after.desk for one in checked.desks if not one.after.keeps_promise]
    if broken:
        yield say(
            "Over the whole campaign the promise is not kept by {desks}, with the contacts that nine of ten comparable "
            "campaigns stay below.",
            desks=", ".join(broken),
        )
    else:
        yield say(
            "Over the whole campaign every desk keeps its promise, with the contacts that nine of ten comparable "
            "campaigns stay below.",
        )
    if checked.findings:
        yield say("The roster breaks limits of people's working time: see below.")


def desk_in_words(one: DeskChange, zone: ZoneInfo) -> Iterator[Text]:
    """Which shifts of a desk changed, and its worst half-hour before and after."""
    desk = one.after.desk
    if not one.shifts and not one.arrivals:
        yield say("{desk}: the same shifts as in the plan.", desk=desk)
    yield from (_shift_in_words(desk, change, zone) for change in one.shifts[:SHOWN])
    if len(one.shifts) > SHOWN:
        yield say("{desk}: {n} more changes of shifts.", desk=desk, n=len(one.shifts) - SHOWN)
    if one.arrivals:
        yield say(
            "{desk}: people who come from {desks}, as told there: {people}.",
            desk=desk, people=sum(change.people for change in one.arrivals),
            desks=", ".join(sorted({change.told_by.desk for change in one.arrivals})),
        )  # fmt: skip
    if outside := sum(_is_outside(change, one.after) for change in one.shifts):
        yield say(
            "{desk}: changes that nothing below judges, because they are outside {start} to {end}: {n}.",
            desk=desk, n=outside, start=local_minute(one.after.starts_at_utc, zone),
            end=local_minute(one.after.ends_at_utc, zone),
        )  # fmt: skip
    yield _worst_in_words(one, zone)
    if is_weak(one.after):
        yield weak_spot(one.after)


def is_weak(found: Judged) -> bool:
    """Whether the worst half-hour lies below what is promised of the whole, by more than rounding."""
    return found.worst_service_level_ratio < found.target_ratio - HALF_A_PERCENT


def weak_spot(found: Judged) -> Text:
    return say(
        "{desk}: that half-hour is a weak spot, at {level} where {target} is promised; the promise is of the whole "
        "campaign, not of each half-hour.",
        desk=found.desk,
        level=percent(found.worst_service_level_ratio),
        target=percent(found.target_ratio),
    )


def _is_outside(change: ShiftChange, judged: Judged) -> bool:
    shifts = [hours for hours in (change.before, change.after) if hours]
    return all(
        hours.ends_at_utc <= judged.starts_at_utc or hours.starts_at_utc >= judged.ends_at_utc for hours in shifts
    )


def _shift_in_words(desk: str, change: ShiftChange, zone: ZoneInfo) -> Text:
    before, after = change.before, change.after
    who = f" ({', '.join(change.names)})" if change.names else ""
    if after is None:
        return say("{desk}: {people} taken off {shift}.", desk=desk, people=change.people, shift=_hours(before, zone))
    if before is None:
        added = _hours(after, zone)
        return say("{desk}: {people}{who} added on {shift}.", desk=desk, people=change.people, who=who, shift=added)
    if (before.starts_at_utc, before.ends_at_utc) == (after.starts_at_utc, after.ends_at_utc):
        return say(
            "{desk}: the break of {people}{who} on {shift} moved from {before} to {after}.",
            desk=desk, people=change.people, who=who, shift=_hours(before, zone), before=_break(before, zone),
            after=_break(after, zone),
        )  # fmt: skip
    there = _hours(after, zone) if after.desk == desk else f"{_hours(after, zone)} {after.desk}"
    if change.names:
        return say(
            "{desk}: {names} moved from {before} to {after}.",
            desk=desk, names=", ".join(change.names), before=_hours(before, zone), after=there,
        )  # fmt: skip
    return say(
        "{desk}: {people} moved from {before} to {after}.",
        desk=desk, people=change.people, before=_hours(before, zone), after=there,
    )  # fmt: skip


def _hours(hours: Hours | None, zone: ZoneInfo) -> str:
    assert hours is not None, "a change is from one shift, to one, or both"
    return f"{hours.shift} {local_minute(hours.starts_at_utc, zone)}–{_time(hours.ends_at_utc, zone)}".strip()


def _break(hours: Hours, zone: ZoneInfo) -> Text | str:
    if hours.break_starts_at_utc is None or not hours.break_minutes:
        return say("none")
    return say("{time} ({n} min)", time=_time(hours.break_starts_at_utc, zone), n=hours.break_minutes)


def _time(instant: datetime, zone: ZoneInfo) -> str:
    return f"{instant.astimezone(zone):%H:%M}"


def _worst_in_words(one: DeskChange, zone: ZoneInfo) -> Text:
    before, after = one.before, one.after
    level, when = percent(after.worst_service_level_ratio), local_minute(after.worst_at_utc, zone)
    there = _there(one)
    if (level, when) == (percent(before.worst_service_level_ratio), local_minute(before.worst_at_utc, zone)):
        return say(
            "{desk}: worst half-hour {level} at {when}, as in the plan{there}.",
            desk=after.desk, level=level, when=when, there=there,
        )  # fmt: skip
    return say(
        "{desk}: worst half-hour {level} at {when}{there}; in the plan {before} at {when_before}.",
        desk=after.desk, level=level, when=when, there=there, before=percent(before.worst_service_level_ratio),
        when_before=local_minute(before.worst_at_utc, zone),
    )  # fmt: skip


def _there(one: DeskChange) -> Text | str:
    if one.in_worst is None:
        return ""
    planned, edited = round(one.in_worst.planned, 1), round(one.in_worst.edited, 1)
    if planned == edited:
        return say(", with {people} people, {required} needed", people=f"{edited:g}", required=one.in_worst.required)
    return say(
        ", with {people} people instead of {planned}, {required} needed",
        people=f"{edited:g}", planned=f"{planned:g}", required=one.in_worst.required,
    )  # fmt: skip
