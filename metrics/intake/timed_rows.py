"""When the rows of a plan's sheet say that something happens: in one cell, or in columns for day, begin and end."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from campaign.errors import Problem
from campaign.language import Text, say
from metrics.intake.headings import Headed
from metrics.intake.raw_tables import Row
from metrics.intake.written_times import DAY, Calendar, When

MIDNIGHT = datetime.min.time()


@dataclass(frozen=True)
class TimeRoles:
    """The columns that may hold one kind of time: its day apart, its begin, its end."""

    days: Sequence[str]
    begins: Sequence[str]
    ends: Sequence[str] = ()


Stretch = tuple[datetime | None, datetime | None]
"""Begin and end, None where the row does not say; without an offset in the zone of the sheet."""


@dataclass(frozen=True)
class TimedRow:
    """One row; what cannot be read goes to `problems` with its place, what is left out to `notes`."""

    table: Headed
    row: Row
    calendar: Calendar
    problems: list[Problem]
    notes: list[Text]

    def text(self, role: str) -> str:
        cell = self.table.cell(self.row, role)
        return "" if cell is None else str(cell).strip()

    def says(self, roles: Sequence[str]) -> bool:
        return any(self.text(role) for role in roles)

    @property
    def place(self) -> str:
        """Its sheet and number, as notes name it."""
        place = self.table.place.at(self.row[0])
        return " ".join(part for part in (place.sheet, str(place.row)) if part)

    def instant(self, roles: TimeRoles) -> datetime | None:
        """When something happens once: in one cell, or a day in one column and its hour in another."""
        begins, ends = self.stretch(roles)
        if begins and ends:
            role = self._first(roles.begins)
            what = say(
                "{heading}: of {given} only the begin is taken", heading=self.table.heading(role), given=self.text(role)
            )
            self.notes.append(say("{place}: {what}", place=self.place, what=what))
        return begins

    def stretch(self, roles: TimeRoles, *, whole_days: bool = False) -> Stretch:
        """Begin and end; `whole_days`: a day needs no hour, and that of an end belongs to it."""
        day_role, begin_role, end_role = (self._first(part) for part in (roles.days, roles.begins, roles.ends))
        day, first, last = self._when(day_role), self._when(begin_role), self._when(end_role)
        cells = ((day_role, day), (begin_role, first), (end_role, last))
        if any(role and when is None for role, when in cells):
            return None, None
        known = day.day if day else None
        begins = self._instant(begin_role or day_role, first or day, known, whole_days)
        ends = self._until(first or day) if not end_role else None
        if last is not None:
            opened = begins is not None or not (begin_role or day_role)
            ends = self._end(end_role, last, begins, known, whole_days) if opened else None
        if begins and ends and self.calendar.instant(ends) <= self.calendar.instant(begins):
            values = {"end": self._said(ends), "start": self._said(begins)}
            what = say("the end, {end}, is not after the start, {start}", **values)
            self.problem(end_role or begin_role or day_role, what, say("swap them, or correct the date"))
        return begins, ends

    def _said(self, moment: datetime) -> str:
        return f"{self.calendar.instant(moment).astimezone(self.calendar.zone):%Y-%m-%d %H:%M}"

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

    def _instant(self, role: str, when: When | None, known: date | None, whole_days: bool) -> datetime | None:
        if when is None:
            return None
        if when.at is not None:
            return when.at
        day = when.day or known
        if day is None:
            what = say("{given} has no day", given=self.text(role))
            self.problem(role, what, say("write it as 2026-11-10 20:00"))
            return None
        if when.clock is None and not whole_days:
            what = say("{given} has no hour", given=self.text(role))
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
        ends_at = self._instant(role, when, known, whole_days)
        only_day = when.day is not None and when.clock is None
        return ends_at + DAY if ends_at and whole_days and only_day else ends_at

    def problem(self, role: str, what: Text, todo: Text | None = None) -> str:
        heading = self.table.heading(role)
        named = say("{heading}: {what}", heading=heading, what=what)
        self.problems.append(self.table.place.at(self.row[0]).problem(named, todo or say("correct it in the sheet")))
        return ""
