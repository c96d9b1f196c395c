"""The cells of one row of a plan's sheet, as the form writes them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from campaign.language import Text
from metrics.intake.plan_figures import plan_figure
from metrics.intake.quantities import is_bare, unit_in
from metrics.intake.timed_rows import TimedRow, TimeRoles
from warroom.plans.form import shown_time


@dataclass(frozen=True)
class Cells(TimedRow):
    """One row, whose times are written into a form of the zone `read_in`."""

    read_in: ZoneInfo

    def texts(self, *roles: str) -> dict[str, str]:
        """Those of the roles that the table has a column for."""
        return {role: self.text(role) for role in roles if self.table.has(role)}

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
        """When something happens once; empty where the row does not say."""
        return self._shown(self.instant(roles))

    def begin_and_end(self, roles: TimeRoles, *, whole_days: bool = False) -> tuple[str, str]:
        begins, ends = self.stretch(roles, whole_days=whole_days)
        return self._shown(begins), self._shown(ends)

    def _shown(self, moment: datetime | None) -> str:
        """As the form writes it; an hour that clocks show twice stays open where the sheet leaves it so."""
        if moment is None:
            return ""
        if moment.tzinfo is None and self.calendar.zone.key == self.read_in.key:
            return moment.isoformat(timespec="seconds" if moment.second else "minutes")
        return shown_time(self.calendar.instant(moment), self.read_in)
