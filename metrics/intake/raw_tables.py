"""Files as rows of cells: any of the encodings, separators and workbooks that exports come in."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, time
from pathlib import Path

from openpyxl import load_workbook
from openpyxl.cell import Cell as SheetCell
from openpyxl.cell import MergedCell
from openpyxl.worksheet.worksheet import Worksheet

from campaign.errors import Problem
from campaign.language import Text, say
from metrics.intake.records import Place

ENCRYPTED_PACKAGE = "EncryptedPackage".encode("utf-16-le")
"""The stream that holds a workbook locked by a password (MS-OFFCRYPTO 2.3.4.4)."""
OLE_SIGNATURE = b"\xd0\xcf\x11\xe0"
SEPARATORS = ",;\t|"
SNIFFED_LINES = 20
LARGEST_TABLE_BYTES = 200_000_000

Cell = object
Row = tuple[int, tuple[Cell, ...]]


@dataclass(frozen=True)
class RawTable:
    """Rows with their numbers (from 1) as they stand in one sheet, empty ones left out."""

    place: Place
    rows: tuple[Row, ...]
    notes: tuple[Text, ...] = ()


def read_raw_tables(path: Path, name: str, problems: list[Problem]) -> list[RawTable]:
    """Every sheet of a CSV or Excel file; what cannot be read goes to `problems`."""
    place = Place(name)
    if path.stat().st_size > LARGEST_TABLE_BYTES:
        what = say("is too large for a table ({megabytes} MB)", megabytes=path.stat().st_size // 1_000_000)
        problems.append(place.problem(what, say("split it, or export a coarser interval")))
        return []
    content = path.read_bytes()
    if content.startswith(b"\x1f\x8b"):
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            what = say("cannot be unpacked: {reason}", reason=str(error))
            problems.append(place.problem(what, say("export it again, or take it out")))
            return []
    if content.startswith(OLE_SIGNATURE):
        locked = ENCRYPTED_PACKAGE in content
        what = say("is protected by a password") if locked else say("is of the old .xls kind")
        todo = say("save it as .xlsx without a password") if locked else say("save it as .xlsx")
        problems.append(place.problem(what, todo))
        return []
    if content.startswith(b"PK"):
        return _sheets(content, place, problems)
    text, notes = decoded(content)
    if text is None:
        what = say("is not text in UTF-8, UTF-16 or GB18030")
        problems.append(place.problem(what, say("save it as UTF-8 CSV")))
        return []
    rows, more = _csv_rows(text)
    return [RawTable(place, rows, (*notes, *more))] if rows else []


def decoded(content: bytes) -> tuple[str | None, tuple[Text, ...]]:
    """The text of a file, and what is worth saying about how it was written."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        try:
            return content.decode("utf-16"), (say("read as UTF-16"),)
        except UnicodeDecodeError:
            return None, ()
    if b"\x00" in content[:4096]:
        return _utf16_without_mark(content)
    try:
        return content.decode("utf-8-sig"), ()
    except UnicodeDecodeError:
        pass
    try:
        return content.decode("gb18030"), (say("read as GB18030 (GBK)"),)
    except UnicodeDecodeError:
        return None, ()


def _utf16_without_mark(content: bytes) -> tuple[str | None, tuple[Text, ...]]:
    """Text whose line breaks and separators are two bytes wide; None for other files with zeros in them."""
    for encoding in ("utf-16-le", "utf-16-be"):
        breaks = content.count("\n".encode(encoding))
        if breaks and breaks == content.count(b"\n"):
            try:
                return content.decode(encoding), (say("read as UTF-16"),)
            except UnicodeDecodeError:
                continue
    return None, ()


def _csv_rows(text: str) -> tuple[tuple[Row, ...], tuple[Text, ...]]:
    lines = text.splitlines()
    separator, skipped = None, 0
    if lines and lines[0].strip().strip('"').startswith("sep="):
        separator, skipped = lines[0].strip().strip('"')[4:5] or ",", 1
    body = "\n".join(lines[skipped:])
    reader = csv.reader(io.StringIO(body), delimiter=separator or separator_of(lines[skipped:]))
    rows = tuple((reader.line_num + skipped, tuple(cell.strip() for cell in row)) for row in reader)
    return tuple(row for row in rows if any(row[1])), ()


def separator_of(lines: list[str]) -> str:
    """The separator that the first lines share most often."""
    sample = [line for line in lines[:SNIFFED_LINES] if line.strip()]
    scores = {}
    for separator in SEPARATORS:
        counts = Counter(line.count(separator) for line in sample)
        count, lines_with = max(counts.items(), key=lambda item: (item[0] > 0, item[1], item[0]), default=(0, 0))
        scores[separator] = (count > 0, lines_with, count)
    return max(SEPARATORS, key=lambda separator: scores[separator])


def _sheets(content: bytes, place: Place, problems: list[Problem]) -> list[RawTable]:
    try:
        workbook = load_workbook(io.BytesIO(content), data_only=True)
        sheets = [(sheet, _rows_of(sheet)) for sheet in workbook.worksheets]
    # A damaged archive fails anywhere in the reader: in the zip, its XML, a style, a cell.
    except Exception as error:
        what = say("is no readable workbook: {reason}", reason=str(error) or type(error).__name__)
        problems.append(place.problem(what, say("open it in a spreadsheet and save it as .xlsx again")))
        return []
    tables = []
    for sheet, rows in sheets:
        notes = () if sheet.sheet_state == "visible" else (say("the sheet is hidden"),)
        if rows:
            tables.append(RawTable(Place(place.file, sheet.title), rows, notes))
    return tables


def _rows_of(sheet: Worksheet) -> tuple[Row, ...]:
    rows = ((number, tuple(map(_value, row))) for number, row in enumerate(sheet.iter_rows(), start=1))
    return tuple(row for row in rows if any(cell not in (None, "") for cell in row[1]))


def _value(cell: SheetCell | MergedCell) -> Cell:
    """What a person sees: a cell that is shown as percent or as a day alone is one, as when it is saved as CSV."""
    value = cell.value
    if isinstance(value, datetime) and value.time() == time() and "h" not in cell.number_format.lower():
        return value.date()
    if isinstance(value, int | float) and not isinstance(value, bool) and "%" in cell.number_format:
        return f"{100 * value:.10g}%"
    return value.strip() if isinstance(value, str) else value
