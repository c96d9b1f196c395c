"""Named people's shifts against each other: one person in one place, rest between shifts, limits by day and week."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import pairwise

from campaign.errors import Problem, nearest
from campaign.language import Text, say
from campaign.settings import Shift
from playbooks.staffing.policy import LabourLimits
from playbooks.staffing.roster_file import RosterFile, RosterRow


def impossible(roster: RosterFile, file: str) -> Iterator[Problem]:
    """What cannot be worked at all: unknown people, desks they do not know, two shifts at once."""
    for row in roster.rows:
        if not row.agent or roster.people is None:
            continue
        if row.agent not in roster.people:
            what = say("there is nobody called {name} on the sheet of people", name=row.agent)
            yield Problem(what, nearest(row.agent, roster.people), file=file, line=row.line, key=row.desk)
        elif row.desk not in roster.people[row.agent]:
            what = say("{name} does not work {desk}", name=row.agent, desk=row.desk)
            todo = say("give the shift to somebody else, or add the desk on the sheet of people")
            yield Problem(what, todo, file=file, line=row.line, key=row.desk)
    for name, rows in _by_name(roster).items():
        for first, second in pairwise(rows):
            if second.shift.starts_at_utc < first.shift.ends_at_utc:
                yield Problem(
                    say("{name} has another shift at that time (row {line})", name=name, line=first.line),
                    say("give one of the two to somebody else"),
                    file=file,
                    line=second.line,
                    key=second.desk,
                )


def broken_limits(roster: RosterFile, limits: LabourLimits) -> Iterator[Text]:
    """Shifts that can be worked but should not be: too little rest, too long a day, too much in seven days."""
    for name, rows in _by_name(roster).items():
        duties = _duties(rows, limits)
        for duty in duties:
            yield from _in_one_day(name, duty, limits)
        for first, second in pairwise(duties):
            rest = _hours(first[-1].shift.ends_at_utc, second[0].shift.starts_at_utc)
            if rest < limits.rest_hours:
                yield say("{name} rests {hours} hours before {day}: less than {limit}", name=name, hours=f"{rest:g}",
                          day=second[0].shift.day, limit=f"{limits.rest_hours:g}")  # fmt: skip
        yield from _in_seven_days(name, rows, limits)


def _duties(rows: Sequence[RosterRow], limits: LabourLimits) -> list[list[RosterRow]]:
    """Rows in order of time, those of one day together that have no night's rest between them: halves of one duty."""
    duties: list[list[RosterRow]] = []
    for row in rows:
        last = duties[-1][-1].shift if duties else None
        if last and last.day == row.shift.day and _hours(last.ends_at_utc, row.shift.starts_at_utc) < limits.rest_hours:
            duties[-1].append(row)
        else:
            duties.append([row])
    return duties


def _in_one_day(name: str, duty: Sequence[RosterRow], limits: LabourLimits) -> Iterator[Text]:
    day = duty[0].shift.day
    worked = sum(row.shift.paid_hours for row in duty)
    if worked > limits.hours_a_day:
        yield say("{name} works {hours} hours on {day}: more than {limit}", name=name, hours=f"{worked:g}", day=day,
                  limit=f"{limits.hours_a_day:g}")  # fmt: skip
    pauses = [row.shift.break_minutes / 60 for row in duty]
    pauses += [_hours(a.shift.ends_at_utc, b.shift.starts_at_utc) for a, b in pairwise(duty)]
    for pause in pauses:
        if limits.break_hours_max < pause < limits.halves_rest_hours:
            yield say("{name} has {hours} hours between the halves of {day}: too long for a break, and less than "
                      "{limit}",
                      name=name, hours=f"{pause:g}", day=day, limit=f"{limits.halves_rest_hours:g}")  # fmt: skip
    from_first_to_last = _hours(duty[0].shift.starts_at_utc, duty[-1].shift.ends_at_utc)
    if from_first_to_last > limits.duty_hours:
        yield say("{name} comes and goes within {hours} hours on {day}: beyond {limit} no {rest} hours of rest are "
                  "left in 24", name=name, hours=f"{from_first_to_last:g}", day=day, limit=f"{limits.duty_hours:g}",
                  rest=f"{limits.rest_hours:g}")  # fmt: skip


def shift_findings(shifts: Iterable[Shift], limits: LabourLimits) -> Iterator[Text]:
    """Shift types that a roster of people will break limits with: too little rest between halves, or until tomorrow."""
    for shift in shifts:
        pause = shift.pause_minutes / 60
        if shift.parts and pause < limits.halves_rest_hours:
            yield say("shift {shift} has {hours} hours between its halves: less than {limit}", shift=shift.name,
                      hours=f"{pause:g}", limit=f"{limits.halves_rest_hours:g}")  # fmt: skip
        if shift.span_hours > limits.duty_hours:
            yield say("shift {shift} takes {hours} hours from coming to going: nobody can work it on two days running "
                      "with {rest} hours of rest", shift=shift.name, hours=f"{shift.span_hours:g}",
                      rest=f"{limits.rest_hours:g}")  # fmt: skip


def _hours(start: datetime, end: datetime) -> float:
    return (end - start).total_seconds() / 3600


def _in_seven_days(name: str, rows: Sequence[RosterRow], limits: LabourLimits) -> Iterator[Text]:
    """The first seven days in which somebody works too many days or hours."""
    for row in rows:
        until = row.shift.day + timedelta(days=7)
        week = [other for other in rows if row.shift.day <= other.shift.day < until]
        days, hours = len({other.shift.day for other in week}), sum(other.shift.paid_hours for other in week)
        if days > limits.days_in_seven or hours > limits.hours_in_seven_days:
            yield say(
                "{name}: {days} days and {hours} hours in seven days from {day}; at most {most_days} and {most_hours}",
                name=name,
                days=days,
                hours=f"{hours:g}",
                day=row.shift.day,
                most_days=limits.days_in_seven,
                most_hours=f"{limits.hours_in_seven_days:g}",
            )
            return


def _by_name(roster: RosterFile) -> dict[str, list[RosterRow]]:
    found: dict[str, list[RosterRow]] = defaultdict(list)
    for row in sorted(roster.rows, key=lambda row: row.shift.starts_at_utc):
        if row.agent:
            found[row.agent].append(row)
    return found
