"""Tables for people: .xlsx workbooks with frozen headings, readable widths and no formulas from user text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

from openpyxl import Workbook
from openpyxl.cell import Cell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter

from campaign.console import width
from campaign.files import writing

Value = str | int | float | bool | datetime | None
WIDEST = 60
FIXED_TIME = datetime(2000, 1, 1)
HEADING_FILL = PatternFill("solid", fgColor="E8EEF5")


@dataclass(frozen=True)
class Sheet:
    """One sheet: its title, headings and rows; times are local and naive, as spreadsheets know no zones."""

    title: str
    headings: Sequence[str]
    rows: Sequence[Sequence[Value]]


def write_workbook(path: Path, sheets: Iterable[Sheet]) -> None:
    """Write the sheets to an .xlsx file atomically, the same bytes for the same content."""
    book = Workbook()
    book.remove(book.worksheets[0])
    book.properties.created = book.properties.modified = FIXED_TIME
    for sheet in sheets:
        _add(book, sheet)
    with writing(path) as temporary:
        book.save(temporary)
        _forget_times(temporary)


def _add(book: Workbook, sheet: Sheet) -> None:
    page = book.create_sheet(sheet.title[:31])
    for row, values in enumerate([sheet.headings, *sheet.rows], start=1):
        for column, value in enumerate(values, start=1):
            cell = page.cell(row, column)
            assert isinstance(cell, Cell)
            _fill(cell, value)
            if row == 1:
                cell.font, cell.fill = Font(bold=True), HEADING_FILL
                cell.alignment = Alignment(wrap_text=True, vertical="top")
    page.freeze_panes = "A2"
    for column in range(1, len(sheet.headings) + 1):
        longest = max((width(str(c.value)) for c in page[get_column_letter(column)] if c.value is not None), default=8)
        page.column_dimensions[get_column_letter(column)].width = min(WIDEST, longest + 2)


def _fill(cell: Cell, value: Value) -> None:
    cell.value = value
    if isinstance(value, str):
        cell.data_type = "s"  # a text that begins with = stays a text
        cell.alignment = Alignment(wrap_text=len(value) > WIDEST, vertical="top")
    elif isinstance(value, datetime):
        cell.number_format = "yyyy-mm-dd hh:mm:ss" if value.second else "yyyy-mm-dd hh:mm"


def _forget_times(path: Path) -> None:
    """Rewrite the archive with fixed times: a workbook is a zip, and zips remember when."""
    with ZipFile(path) as archive:
        members = [(name, archive.read(name)) for name in archive.namelist()]
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for name, content in members:
            info = ZipInfo(name, date_time=(2000, 1, 1, 0, 0, 0))
            info.compress_type = ZIP_DEFLATED
            archive.writestr(info, _without_modified(content) if name == "docProps/core.xml" else content)


def _without_modified(xml: bytes) -> bytes:
    from re import sub

    return sub(rb"(<dcterms:modified[^>]*>)[^<]*", rb"\g<1>2000-01-01T00:00:00Z", xml)
