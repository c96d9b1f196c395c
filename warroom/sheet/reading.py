"""A plan's sheet as what the form holds, out of a workbook, a CSV file or cells pasted from either.

The sheet may have titles above, headings in two rows, merged names, totals, several tables, a sheet for each channel
and hidden rows. Times without an offset are in the campaign's zone. What cannot be read is a problem with its sheet and
row; what a plan has no place for is said; nothing is guessed.
"""

from __future__ import annotations

import io
import re
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from openpyxl import load_workbook

from campaign.errors import Problem, UserError
from campaign.language import Text, say
from metrics.intake.headings import HEADING_ROWS, Headed, find_headings, plain, plan_roles
from metrics.intake.moments import slashed_order
from metrics.intake.raw_tables import Cell, RawTable, Row, read_raw_tables
from metrics.intake.records import Place
from metrics.intake.stacked import tables_of
from metrics.intake.written_times import Calendar
from warroom.plans.form import Row as Fields
from warroom.sheet.cells import Cells
from warroom.sheet.channels import (
    channel_rows,
    columns_left_out,
    is_titled,
    merged_filled,
    misread_headings,
    named_by,
    of_campaign,
    parts_told,
    tells,
)
from warroom.sheet.whole import head_values, is_head, section_of, section_row, time_zone_of

CELLS_CHECKED_MAX = 200_000
UNIT_OF_ALL = re.compile(r"单位\s*[:：]\s*(\S+?)[)）】\]]?\s*$")


@dataclass
class SheetRows:
    """What the form holds as the sheet says it, and how it was read.

    parts: sections of the form that the sheet has columns for. rest: what the form has no field for.
    """

    rows: dict[str, list[Fields]] = field(default_factory=dict)
    parts: set[str] = field(default_factory=set)
    values: Fields = field(default_factory=dict)
    services: tuple[str, ...] | None = None
    rest: dict[str, Any] = field(default_factory=dict)
    notes: list[Text] = field(default_factory=list)
    is_whole: bool = False
    """Whether the sheet says the plan's own keys too, as the one that is taken out does."""

    @property
    def sends(self) -> list[Fields]:
        return self.rows.get("sends", [])

    @property
    def slots(self) -> list[Fields]:
        return self.rows.get("slots", [])

    @property
    def spends(self) -> list[Fields]:
        return self.rows.get("spends", [])


@dataclass(frozen=True)
class About:
    """What a sheet is read for: the plan as it is, the form's zone, the money of the workspace."""

    zone: ZoneInfo
    before: Mapping[str, Any] = field(default_factory=dict)
    currency: str = "CNY"

    @property
    def names(self) -> list[str]:
        return [str(self.before.get(key) or "") for key in ("name", "id")]

    def calendar(self, table: Headed, written_in: ZoneInfo) -> Calendar:
        """How the table writes days: a day without its year is the one next to the campaign's start."""
        begins = self.before.get("starts_at")
        local = datetime.fromisoformat(str(begins)).astimezone(written_in) if begins else None
        order = slashed_order(cell for row in table.rows for cell in row[1])
        return Calendar.of(table.headings, written_in, local, order if isinstance(order, bool) else None)


def read_sheet(content: bytes, name: str, about: About) -> SheetRows:
    """What a sheet says of a plan.

    Raises:
        UserError: not a table, no row that can be used, or rows that cannot be read; every problem at once.
    """
    problems: list[Problem] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "sheet"
        path.write_bytes(content)
        raw = read_raw_tables(path, name, problems)
    hidden = _hidden_rows(content, name, problems)
    found = SheetRows()
    parts = [part for whole in raw for part in tables_of(_without(whole, hidden, found))]
    tables = [(part.place, with_headings(part)) for part in parts]
    headed = [table for _, table in tables if table is not None]
    reader = _Reader(about, _zone(headed, about.zone, problems), sum(map(is_titled, headed)) > 1, found, problems)
    for place, table in tables:
        if table is None or not reader.read(table):
            what = say("{place}: no table of sends, livestreams or spend, left out", place=_named(place))
            found.notes.append(what)
    if not problems and not (found.parts or found.is_whole):
        todo = say("it needs a column for the channel, and one for people reached, viewers or spend")
        problems.append(Problem(say("holds no sends, no livestreams and no spend"), todo, file=name))
    if problems:
        raise UserError(problems)
    return found


@dataclass(frozen=True)
class _Reader:
    """Reads the tables of one file into `found`; `titles_name`: each channel has a sheet of its name."""

    about: About
    written_in: ZoneInfo
    titles_name: bool
    found: SheetRows
    problems: list[Problem]

    def read(self, table: Headed) -> bool:
        """Whether a table was one of a plan's."""
        rows = self._cells(table, table.rows)
        section = section_of(table)
        if is_head(table):
            self.found.values, self.found.services, self.found.rest = head_values(rows)
            self.found.is_whole = True
        elif section:
            self.found.parts.add(section)
            self.found.rows.setdefault(section, []).extend(section_row(cells, section) for cells in rows)
        elif tells(table):
            self._channels(table)
        else:
            return False
        self.found.notes += table.notes
        return True

    def _cells(self, table: Headed, rows: Iterable[Row]) -> list[Cells]:
        calendar = self.about.calendar(table, self.written_in)
        return [Cells(table, row, calendar, self.problems, self.found.notes, self.about.zone) for row in rows]

    def _channels(self, table: Headed) -> None:
        _units_above(table, self.problems)
        if misread_headings(table, self.about.currency, self.problems):
            return
        notes = self.found.notes
        table = of_campaign(table, self.about.names, notes, self.problems)
        named = named_by(table, titles_name=self.titles_name)
        left_out = columns_left_out(table, named)
        if left_out:
            what = say("a plan has no place for these columns, left out: {names}", names=", ".join(left_out))
            notes.append(say("{place}: {what}", place=_named(table.place), what=what))
        self.found.parts |= parts_told(table)
        if not named:
            notes.append(say("{sheet}: the sheet's name is taken for the channel", sheet=table.place.sheet))
        for part, row in channel_rows(self._cells(table, merged_filled(table)), named):
            self.found.parts.add(part)
            self.found.rows.setdefault(part, []).append(row)


def _units_above(table: Headed, problems: list[Problem]) -> None:
    for number, cells in table.titles:
        for unit in (match[1] for cell in cells if (match := UNIT_OF_ALL.search(str(cell or "")))):
            what = say("{unit} above the table: nobody knows of which columns", unit=unit)
            todo = say("write it in each heading that it belongs to, such as reach (K)")
            problems.append(table.place.at(number).problem(what, todo))


def with_headings(table: RawTable) -> Headed | None:
    """The table with its headings, which may stand in two rows: 直播 merged over 开始, 结束 and 场观."""
    best = find_headings(table, plan_roles())
    for at in range(1, min(len(table.rows), HEADING_ROWS)):
        (_, upper), (number, lower) = table.rows[at - 1 : at + 1]
        if all(isinstance(cell, str) or cell is None for cell in (*upper, *lower)):
            row = (number, tuple(_composed(upper, lower)))
            headed = find_headings(
                RawTable(table.place, (*table.rows[: at - 1], row, *table.rows[at + 1 :]), table.notes), plan_roles()
            )
            if headed is not None and (best is None or len(headed.roles) > len(best.roles)):
                best = headed
    return best


def _composed(upper: Iterable[Cell], lower: tuple[Cell, ...]) -> Iterable[str]:
    """Two rows of headings as one: what is merged over several columns stands in the first of them only."""
    group = ""
    above = [*upper, *("" for _ in lower)][: len(lower)]
    for over, under in zip(above, lower, strict=True):
        group = str(over or "") or group
        text = str(under or "")
        if not text:
            yield str(over or "")
        else:
            yield f"{group}{text}" if plain(f"{group}{text}") in plan_roles() else text


def _zone(tables: Iterable[Headed], zone: ZoneInfo, problems: list[Problem]) -> ZoneInfo:
    """The zone that the sheet's times are in, where it says one."""
    for table in filter(is_head, tables):
        name = time_zone_of(table)
        try:
            return ZoneInfo(name) if name else zone
        except (ZoneInfoNotFoundError, ValueError, OSError):
            what = say("there is no time zone {name}", name=name)
            problems.append(table.place.problem(what, say("write it as Asia/Shanghai")))
    return zone


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
