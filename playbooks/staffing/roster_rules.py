"""Named people's shifts against each other: one person in one place, rest between shifts, limits by day and week."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import pairwise

from campaign.errors import Problem, nearest
from campaign.language import Text, say
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
        for row in rows:
            if row.shift.paid_hours > limits.hours_a_day:
                yield say(
                    "{name} works {hours} hours on {day}: more than {limit}",
                    name=name,
                    hours=f"{row.shift.paid_hours:g}",
                    day=row.shift.day,
                    limit=f"{limits.hours_a_day:g}",
                )
        for first, second in pairwise(rows):
            rest = (second.shift.starts_at_utc - first.shift.ends_at_utc).total_seconds() / 3600
            if rest < limits.rest_hours:
                yield say("{name} rests {hours} hours before {day}: less than {limit}", name=name, hours=f"{rest:g}",
                          day=second.shift.day, limit=f"{limits.rest_hours:g}")  # fmt: skip
        yield from _in_seven_days(name, rows, limits)


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
