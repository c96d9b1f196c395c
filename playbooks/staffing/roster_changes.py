"""Which shifts an edited roster changes against the plan's: moved to other hours, another day or another desk, more
people on one, or fewer."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

from playbooks.staffing.plan import ShiftCount
from playbooks.staffing.roster_file import RosterRow
from playbooks.staffing.shifts import ShiftDay


@dataclass(frozen=True)
class Hours:
    """Where and when somebody on a shift is at work; `shift` only names it: the same hours by another name are the
    same."""

    desk: str
    shift: str = field(compare=False)
    starts_at_utc: datetime
    ends_at_utc: datetime
    break_starts_at_utc: datetime | None
    break_minutes: int


@dataclass(frozen=True)
class ShiftChange:
    """So many people from one shift to another; None before: added, None after: taken away.

    names: who they are, where the file names everybody on a shift that the plan does not have.
    """

    people: int
    before: Hours | None
    after: Hours | None
    names: tuple[str, ...] = ()

    @property
    def told_by(self) -> Hours:
        """The shift that the change is told under: the one that is left, or the one that is new."""
        hours = self.before or self.after
        assert hours is not None, "a change is from one shift, to one, or both"
        return hours

    def arrives_at(self, desk: str) -> bool:
        """Whether people come to a desk from another one."""
        return self.before is not None and self.after is not None and self.before.desk != self.after.desk == desk


def roster_changes(
    planned: Mapping[str, Iterable[ShiftCount]], rows: Sequence[RosterRow], zone: ZoneInfo
) -> tuple[ShiftChange, ...]:
    """What is different from the plan's shifts by desk, in order of time; the plan so changed is the edited roster.

    Who is taken off one shift and added to another has moved. The plan names nobody, so what is paired first is what
    people most likely meant: on the same desk, as long as before, on the nearest day, at the nearest hours.
    """
    before, after = _planned(planned), _edited(rows)
    fewer, more = before - after, after - before
    found: list[tuple[int, Hours | None, Hours | None]] = []
    for gone, come in sorted(product(fewer, more), key=lambda pair: _apart(pair[0], pair[1], zone)):
        moved = min(fewer[gone], more[come])
        if moved:
            found.append((moved, gone, come))
            fewer[gone] -= moved
            more[come] -= moved
    found += [(count, gone, None) for gone, count in fewer.items() if count]
    found += [(count, None, come) for come, count in more.items() if count]
    named = _named(rows, before)
    changes = [ShiftChange(people, gone, come, _who(people, come, named)) for people, gone, come in found]
    return tuple(sorted(changes, key=lambda change: (change.told_by.starts_at_utc, change.people)))


def _planned(desks: Mapping[str, Iterable[ShiftCount]]) -> Counter[Hours]:
    counted: Counter[Hours] = Counter()
    for desk, shifts in desks.items():
        for one in shifts:
            counted[_hours(desk, one)] += one.agents
    return counted


def _edited(rows: Iterable[RosterRow]) -> Counter[Hours]:
    counted: Counter[Hours] = Counter()
    for row in rows:
        counted[_hours(row.desk, row.shift)] += row.agents
    return counted


def _hours(desk: str, one: ShiftCount | ShiftDay) -> Hours:
    return Hours(desk, one.shift, one.starts_at_utc, one.ends_at_utc, one.break_starts_at_utc, one.break_minutes)


def _apart(gone: Hours, come: Hours, zone: ZoneInfo) -> tuple[bool, bool, int, timedelta, datetime, str, datetime, str]:
    """How unlikely it is that one became the other; then by time and desk, so that the same files always say the
    same."""
    longer = come.ends_at_utc - come.starts_at_utc != gone.ends_at_utc - gone.starts_at_utc
    days = abs((come.starts_at_utc.astimezone(zone).date() - gone.starts_at_utc.astimezone(zone).date()).days)
    far = abs(come.starts_at_utc - gone.starts_at_utc) + abs(come.ends_at_utc - gone.ends_at_utc)
    return come.desk != gone.desk, longer, days, far, gone.starts_at_utc, gone.desk, come.starts_at_utc, come.desk


def _named(rows: Iterable[RosterRow], planned: Container[Hours]) -> dict[Hours, list[str]]:
    """Who works the shifts that the plan does not have; of those that it has, nobody can say who is new."""
    found: dict[Hours, list[str]] = defaultdict(list)
    for row in rows:
        hours = _hours(row.desk, row.shift)
        if row.agent and hours not in planned:
            found[hours].append(row.agent)
    return found


def _who(people: int, come: Hours | None, named: Mapping[Hours, list[str]]) -> tuple[str, ...]:
    names = named.get(come, []) if come else []
    return tuple(names) if len(names) == people else ()
