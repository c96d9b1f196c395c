"""Which shifts an edited roster changes against the plan's: more people on one, fewer, or moved on the same day."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from playbooks.staffing.plan import ShiftCount
from playbooks.staffing.roster_file import RosterRow


@dataclass(frozen=True)
class Hours:
    """When somebody on a shift is at work; `shift` only names it: the same hours by another name are the same."""

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
    def at(self) -> datetime:
        hours = self.before or self.after
        assert hours is not None
        return hours.starts_at_utc


def roster_changes(planned: Iterable[ShiftCount], rows: Sequence[RosterRow], zone: ZoneInfo) -> tuple[ShiftChange, ...]:
    """What is different on one desk, in order of time.

    Who is taken off one shift and added to another of the same local day has moved, to the one whose hours are nearest.
    """
    before, after = _planned(planned), _edited(rows)
    fewer, more = before - after, after - before
    found: list[tuple[int, Hours | None, Hours | None]] = []
    for gone, come in sorted(_same_day(fewer, more, zone), key=_apart):
        moved = min(fewer[gone], more[come])
        if moved:
            found.append((moved, gone, come))
            fewer[gone] -= moved
            more[come] -= moved
    found += [(count, gone, None) for gone, count in fewer.items() if count]
    found += [(count, None, come) for come, count in more.items() if count]
    named = _named(rows, before)
    changes = [ShiftChange(people, gone, come, _who(people, come, named)) for people, gone, come in found]
    return tuple(sorted(changes, key=lambda change: (change.at, change.people)))


def _planned(shifts: Iterable[ShiftCount]) -> Counter[Hours]:
    counted: Counter[Hours] = Counter()
    for one in shifts:
        hours = Hours(one.shift, one.starts_at_utc, one.ends_at_utc, one.break_starts_at_utc, one.break_minutes)
        counted[hours] += one.agents
    return counted


def _edited(rows: Iterable[RosterRow]) -> Counter[Hours]:
    counted: Counter[Hours] = Counter()
    for row in rows:
        counted[_hours(row)] += row.agents
    return counted


def _hours(row: RosterRow) -> Hours:
    one = row.shift
    return Hours(one.shift, one.starts_at_utc, one.ends_at_utc, one.break_starts_at_utc, one.break_minutes)


def _same_day(fewer: Iterable[Hours], more: Iterable[Hours], zone: ZoneInfo) -> list[tuple[Hours, Hours]]:
    days: dict[date, list[Hours]] = defaultdict(list)
    for come in more:
        days[come.starts_at_utc.astimezone(zone).date()].append(come)
    return [(gone, come) for gone in fewer for come in days[gone.starts_at_utc.astimezone(zone).date()]]


def _apart(pair: tuple[Hours, Hours]) -> tuple[timedelta, datetime, datetime]:
    """How far apart two shifts' hours are; then by time, so that the same files always say the same."""
    gone, come = pair
    far = abs(come.starts_at_utc - gone.starts_at_utc) + abs(come.ends_at_utc - gone.ends_at_utc)
    return far, gone.starts_at_utc, come.starts_at_utc


def _named(rows: Iterable[RosterRow], planned: Container[Hours]) -> dict[Hours, list[str]]:
    """Who works the shifts that the plan does not have; of those that it has, nobody can say who is new."""
    found: dict[Hours, list[str]] = defaultdict(list)
    for row in rows:
        if row.agent and _hours(row) not in planned:
            found[_hours(row)].append(row.agent)
    return found


def _who(people: int, come: Hours | None, named: Mapping[Hours, list[str]]) -> tuple[str, ...]:
    names = named.get(come, []) if come else []
    return tuple(names) if len(names) == people else ()
