"""The cells of one row of a plan's sheet, as the form writes them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from campaign.errors import Problem
from campaign.language import Text, say
from metrics.intake.headings import Headed
from metrics.intake.plan_figures import plan_figure
from metrics.intake.quantities import is_bare, unit_in
from metrics.intake.raw_tables import Row
from warroom.sheet.times import DAY, Calendar, When

MIDNIGHT = datetime.min.time()


@dataclass(frozen=True)
class TimeRoles:
    """The columns that may hold one kind of time: its day apart, its begin, its end."""

    days: Sequence[str]
    begins: Sequence[str]
    ends: Sequence[str] = ()


@dataclass(frozen=True)
class Cells:
    """One row; what cannot be read goes to `problems` with its place."""

    table: Headed
    row: Row
    calendar: Calendar
    problems: list[Problem]

    def text(self, role: str) -> str:
        cell = self.table.cell(self.row, role)
        return "" if cell is None else str(cell).strip()

    def texts(self, *roles: str) -> dict[str, str]:
        """Those of the roles that the table has a column for."""
        return {role: self.text(role) for role in roles if self.table.has(role)}

    def says(self, roles: Sequence[str]) -> bool:
        return any(self.text(role) for role in roles)

    def figures(self, *roles: str) -> dict[str, str]:
        return {role: self.figure(role) for role in roles if self.table.has(role)}

    def figure(self, role: str) -> str:
        if not self.text(role):
            return ""
        heading, cell = self.table.heading(role), self.table.cell(self.row, role)
        read = plan_figure(heading, cell)
        if isinstance(read, Text):
            return self.problem(role, read)
        if read is None:
            return ""
        exact = is_bare(cell) and unit_in(heading).value == 1 and not unit_in(heading).unit
        value = read if exact else float(f"{read:.12g}")
        return str(int(value)) if value == int(value) else repr(value)

    def moment(self, roles: TimeRoles) -> str:
        """When something happens once: an instant, or a day in one column and its hour in another."""
        begins, _ = self.stretch(roles)
        return begins

    def stretch(self, roles: TimeRoles, *, whole_days: bool = False) -> tuple[str, str]:
        """Begin and end, empty where the row does not say; `whole_days`: the day of an end belongs to it."""
        day_role, begin_role, end_role = (self._first(part) for part in (roles.days, roles.begins, roles.ends))
        day, first, last = self._when(day_role), self._when(begin_role), self._when(end_role)
        known = day.day if day else None
        begins = self._instant(begin_role or day_role, first or day, known)
        ends = self._until(first or day) if not end_role else None
        if last is not None:
            opened = begins is not None or not (begin_role or day_role)
            ends = self._end(end_role, last, begins, known, whole_days) if opened else None
        if begins and ends and self.calendar.instant(ends) <= self.calendar.instant(begins):
            values = {"end": self.calendar.shown(ends), "start": self.calendar.shown(begins)}
            what = say("the end, {end}, is not after the start, {start}", **_spaced(values))
            self.problem(end_role or begin_role or day_role, what, say("swap them, or correct the date"))
        return tuple(self.calendar.shown(one) if one else "" for one in (begins, ends))  # type: ignore[return-value]

    def _first(self, roles: Sequence[str]) -> str:
        return next((role for role in roles if self.text(role)), "")

    def _when(self, role: str) -> When | None:
        if not role:
            return None
        found = self.calendar.read(self.table.cell(self.row, role))
        if found is None:
            what = say("{given} is not a time", given=self.text(role))
            self.problem(role, what, say("write it as 2026-11-10 20:00"))
        return found

    def _instant(self, role: str, when: When | None, known: date | None) -> datetime | None:
        if when is None:
            return None
        if when.at is not None:
            return when.at
        day = when.day or known
        if day is None:
            what = say("{given} has no day", given=self.text(role))
            self.problem(role, what, say("write it as 2026-11-10 20:00"))
            return None
        return datetime.combine(day, MIDNIGHT) + (when.clock or timedelta())

    def _until(self, when: When | None) -> datetime | None:
        """The end that the same cell says: `20:00-22:00`, `11月1日-11月11日`."""
        if when is None or when.until is None:
            return None
        day = when.last or when.day or self._day_of_row()
        return datetime.combine(day, MIDNIGHT) + when.until if day else None

    def _day_of_row(self) -> date | None:
        role = self._first(("slot_date", "date", "send_date"))
        found = self.calendar.read(self.table.cell(self.row, role)) if role else None
        return found.day if found else None

    def _end(
        self, role: str, when: When, begins: datetime | None, known: date | None, whole_days: bool
    ) -> datetime | None:
        if when.day is None and when.at is None and begins is not None:
            ends = datetime.combine(known or begins.date(), MIDNIGHT) + (when.clock or timedelta())
            return ends if ends > begins.replace(tzinfo=None) else ends + DAY
        ends_at = self._instant(role, when, known)
        only_day = when.day is not None and when.clock is None
        return ends_at + DAY if ends_at and whole_days and only_day else ends_at

    def problem(self, role: str, what: Text, todo: Text | None = None) -> str:
        heading = self.table.heading(role)
        named = say("{heading}: {what}", heading=heading, what=what)
        self.problems.append(self.table.place.at(self.row[0]).problem(named, todo or say("correct it in the sheet")))
        return ""


def _spaced(values: dict[str, str]) -> dict[str, str]:
    return {name: value.replace("T", " ") for name, value in values.items()}
