"""One row per send or per stretch of spend, out of a workbook, a CSV file or cells pasted from either.

The sheet may have titles above, merged names, totals, several tables and hidden rows. Times without an offset are in
the campaign's zone. What cannot be read is a problem with its sheet and row; nothing is guessed.
"""

from __future__ import annotations

import io
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from openpyxl import load_workbook

from campaign.errors import Problem, UserError
from campaign.language import Text, say
from metrics.intake.headings import Headed, find_headings
from metrics.intake.moments import read_hour, read_moment
from metrics.intake.names import label
from metrics.intake.plan_figures import plan_figure
from metrics.intake.raw_tables import RawTable, Row, read_raw_tables
from metrics.intake.records import Place
from metrics.intake.stacked import tables_of
from warroom.plans.form import Row as Fields

CELLS_CHECKED_MAX = 200_000
CARRIED = ("channel", "campaign")
DAYS, CLOCKS = ("send_date", "date"), ("send_at", "time", "hour")
SERIAL = re.compile(r"[3-7]\d{4}(\.\d+)?")
SERIAL_BEGINS, MINUTES_OF_DAY = datetime(1899, 12, 30), 1440


@dataclass
class SheetRows:
    """Rows of the form as the sheet says them, and how it was read."""

    sends: list[Fields] = field(default_factory=list)
    spends: list[Fields] = field(default_factory=list)
    notes: list[Text] = field(default_factory=list)

    @property
    def channels(self) -> frozenset[str]:
        return frozenset(row["channel"] for row in (*self.sends, *self.spends))


def read_sheet(content: bytes, name: str, zone: ZoneInfo) -> SheetRows:
    """What a sheet says about sends and spend.

    Raises:
        UserError: not a table, no row that can be used, or rows that cannot be read; every problem at once.
    """
    problems: list[Problem] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sheet"
        path.write_bytes(content)
        tables = read_raw_tables(path, name, problems)
    hidden = _hidden_rows(content, name, problems)
    found = SheetRows()
    for table in (part for whole in tables for part in tables_of(_without(whole, hidden, found))):
        headed = find_headings(table)
        if headed is not None and headed.has("channel") and _tells(headed):
            found.notes += headed.notes
            _read_rows(headed, zone, found, problems)
        else:
            found.notes.append(say("{place}: no table of sends or spend, left out", place=_named(table.place)))
    if not problems and not found.channels:
        todo = say("it needs a column for the channel, and one for people reached, time of sending or spend")
        problems.append(Problem(say("holds no sends and no spend"), todo, file=name))
    if problems:
        raise UserError(problems)
    return found


def _tells(table: Headed) -> bool:
    return bool({"reach", "send_at", "spend"} & set(table.roles))


def _named(place: Place) -> str:
    return " ".join(part for part in (place.file, place.sheet, str(place.row or "")) if part)


def _hidden_rows(content: bytes, name: str, problems: list[Problem]) -> dict[str, frozenset[int]]:
    """Rows that somebody hid, by sheet; formulas without a value are problems, since nobody knows what they say."""
    if not content.startswith(b"PK"):
        return {}
    try:
        written = load_workbook(io.BytesIO(content), data_only=False)
        shown = load_workbook(io.BytesIO(content), data_only=True)
    except Exception:  # whatever is wrong with the archive, reading its tables has already said so
        return {}
    hidden = {}
    for sheet in written.worksheets:
        hidden[sheet.title] = frozenset(n for n, row in sheet.row_dimensions.items() if row.hidden)
        if sheet.max_row * sheet.max_column > CELLS_CHECKED_MAX:
            continue
        for cell in (cell for row in sheet.iter_rows() for cell in row if cell.data_type == "f"):
            if shown[sheet.title][cell.coordinate].value is None:
                what = say("{cell} holds a formula without a value", cell=cell.coordinate)
                todo = say("open it in a spreadsheet, save it, and bring it again")
                problems.append(Place(name, sheet.title, cell.row).problem(what, todo))
    return hidden


def _without(table: RawTable, hidden: dict[str, frozenset[int]], found: SheetRows) -> RawTable:
    left_out = [number for number, _ in table.rows if number in hidden.get(table.place.sheet, ())]
    if not left_out:
        return table
    rows = ", ".join(map(str, left_out))
    found.notes.append(say("{place}: hidden rows {rows} are left out", place=_named(table.place), rows=rows))
    return RawTable(table.place, tuple(row for row in table.rows if row[0] not in left_out), table.notes)


def _read_rows(table: Headed, zone: ZoneInfo, found: SheetRows, problems: list[Problem]) -> None:
    for row in _filled(table):
        channel = label(str(table.cell(row, "channel") or ""))
        cells = _Cells(table, row, zone, problems)
        if not channel:
            continue
        reach, spend = cells.figure("reach"), cells.figure("spend")
        if reach or cells.text("send_at"):
            send = {"channel": channel, "at": cells.sent_at(), "reach": reach}
            found.sends.append(send | {"open_ratio": cells.figure("open_ratio")})
        if spend:
            starts, ends = cells.time("campaign_starts"), cells.time("campaign_ends")
            found.spends.append({"channel": channel, "spend": spend, "starts_at": starts, "ends_at": ends})


def _filled(table: Headed) -> Iterator[Row]:
    """Rows with names that are merged over several rows written into each."""
    carried: dict[str, object] = {}
    for number, cells in table.rows:
        filled = list(cells)
        for role in CARRIED:
            at = table.roles.get(role)
            if at is not None and at < len(filled):
                carried[role] = filled[at] = filled[at] if filled[at] not in (None, "") else carried.get(role)
        yield number, tuple(filled)


@dataclass(frozen=True)
class _Cells:
    """The cells of one row, as the form writes them."""

    table: Headed
    row: Row
    zone: ZoneInfo
    problems: list[Problem]

    def text(self, role: str) -> str:
        return str(self.table.cell(self.row, role) or "").strip()

    def figure(self, role: str) -> str:
        if not self.text(role):
            return ""
        read = plan_figure(self.table.heading(role), self.table.cell(self.row, role))
        if isinstance(read, Text):
            return self._problem(role, read)
        return "" if read is None else f"{read:.10g}"

    def time(self, role: str) -> str:
        return self._written(role, self._moment(role))

    def sent_at(self) -> str:
        """When it is sent: an instant, or a day in one column and its hour in another."""
        day, clock = self._first(DAYS), self._first(CLOCKS)
        moment = self._moment(clock or day)
        if moment is None and day and clock:
            begins, hour = self._moment(day), read_hour(self.table.cell(self.row, clock))
            moment = begins + hour if begins and hour is not None else None
        return self._written(clock or day, moment)

    def _first(self, roles: tuple[str, ...]) -> str:
        return next((role for role in roles if self.text(role)), "")

    def _moment(self, role: str) -> datetime | None:
        cell = self.table.cell(self.row, role)
        return (read_moment(cell) or _serial(str(cell))) if self.text(role) else None

    def _written(self, role: str, moment: datetime | None) -> str:
        if moment is not None:
            local = moment.astimezone(self.zone).replace(tzinfo=None) if moment.tzinfo else moment
            return local.strftime("%Y-%m-%dT%H:%M:%S" if local.second else "%Y-%m-%dT%H:%M")
        if not self.text(role):
            return ""
        what = say("{given} is not a time", given=self.text(role))
        return self._problem(role, what, say("write it as 2026-11-10 20:00"))

    def _problem(self, role: str, what: Text, todo: Text | None = None) -> str:
        heading = self.table.heading(role)
        named = say("{heading}: {what}", heading=heading, what=what)
        self.problems.append(self.table.place.at(self.row[0]).problem(named, todo or say("correct it in the sheet")))
        return ""


def _serial(text: str) -> datetime | None:
    """A time that lost its format: spreadsheets count days from 1900, and cut the fraction off."""
    if not SERIAL.fullmatch(text):
        return None
    return SERIAL_BEGINS + timedelta(minutes=round(float(text) * MINUTES_OF_DAY))
