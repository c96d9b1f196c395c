"""CSV files as bytes: their encoding, their header, and the line on which a record stands."""

from __future__ import annotations

import codecs
import csv
import gzip
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from campaign.errors import Problem, UserError
from campaign.language import say

CHUNK_BYTES = 1 << 22
DELIMITERS = (",", ";", "\t", "|")
BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@dataclass(frozen=True)
class CsvText:
    """A CSV file that can be read: `readable` is UTF-8, the file itself or a copy of it.

    encoding: utf-8, utf-8-sig (a byte order mark), utf-16 or gb18030.
    """

    name: str
    readable: Path
    encoding: str
    columns: tuple[str, ...]
    delimiter: str


def open_csv(path: Path, name: str, scratch: Path) -> CsvText:
    """Find encoding, delimiter and header; copies of files in other encodings go to the folder `scratch`.

    Raises:
        UserError: empty, unreadable, or in no encoding we know.
    """
    try:
        encoding = encoding_of(path)
    except (OSError, EOFError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise UserError(Problem(say("cannot be read: {reason}", reason=reason), file=name)) from error
    if encoding is None:
        todo = say("save it as CSV in UTF-8; GB18030 (GBK) and UTF-16 with a byte order mark are read too")
        raise UserError(Problem(say("is not text in a known encoding"), todo, file=name))
    readable = path if encoding in ("utf-8", "utf-8-sig") else _copy_as_utf8(path, encoding, scratch)
    with open_bytes(readable) as file:
        first = file.readline().decode("utf-8-sig").rstrip("\r\n")
    if not first.strip():
        todo = say("export it again; the first line names the columns")
        raise UserError(Problem(say("is empty"), todo, file=name))
    if "\r" in first:
        todo = say("save it as CSV again: lines end with a line feed (Unix) or both (Windows)")
        raise UserError(Problem(say("has lines that end with a carriage return alone"), todo, file=name))
    delimiter = max(DELIMITERS, key=first.count)
    columns = next(csv.reader([first], delimiter=delimiter))
    return CsvText(name, readable, encoding, tuple(column.strip() for column in columns), delimiter)


def open_bytes(path: Path) -> BinaryIO:
    """The file's bytes, unpacked where it is a .gz."""
    return cast(BinaryIO, gzip.open(path) if path.suffix == ".gz" else open(path, "rb"))


def encoding_of(path: Path) -> str | None:
    """The first of UTF-8 and GB18030 in which the whole file is valid, or what its byte order mark says."""
    with open_bytes(path) as file:
        head = file.read(4)
    for mark, encoding in BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return encoding if _decodes(path, encoding) else None
    return next((encoding for encoding in ("utf-8", "gb18030") if _decodes(path, encoding)), None)


def _decodes(path: Path, encoding: str) -> bool:
    decoder = codecs.getincrementaldecoder(encoding)()
    plain = encoding == "utf-8"
    with open_bytes(path) as file:
        try:
            while chunk := file.read(CHUNK_BYTES):
                # pure ASCII needs no decoding, unless a character was cut at the end of the chunk before
                if not (plain and chunk.isascii() and decoder.getstate() == (b"", 0)):
                    decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def _copy_as_utf8(path: Path, encoding: str, scratch: Path) -> Path:
    copy = scratch / path.name.removesuffix(".gz")
    decoder = codecs.getincrementaldecoder(encoding)()
    with open_bytes(path) as source, open(copy, "wb") as target:
        while chunk := source.read(CHUNK_BYTES):
            target.write(decoder.decode(chunk).encode())
        target.write(decoder.decode(b"", final=True).encode())
    return copy


def records_at(
    text: CsvText, records: Collection[int], left_out: Collection[int] = ()
) -> dict[int, tuple[int, dict[str, str]]]:
    """Line and cells of the records of these numbers (0 is the first after the header).

    `left_out` are lines that the reader refused and therefore did not number.
    """
    wanted, found = set(records), {}
    skipped = set(left_out)
    for number, (line, row) in enumerate(_numbered_rows(text, skipped)):
        if number in wanted:
            cells = next(csv.reader([row], delimiter=text.delimiter))
            found[number] = line, dict(zip(text.columns, cells, strict=False))
            if len(found) == len(wanted):
                break
    return found


def _numbered_rows(text: CsvText, skipped: set[int]) -> Iterator[tuple[int, str]]:
    with open_bytes(text.readable) as file:
        for line, raw in enumerate(file, start=1):
            if line > 1 and line not in skipped and raw.strip():
                yield line, raw.decode().rstrip("\r\n")
