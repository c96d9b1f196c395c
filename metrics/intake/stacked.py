"""Several tables under one another in one file or sheet, as GA4 and many BI tools export them."""

from __future__ import annotations

from itertools import pairwise

from metrics.intake.raw_tables import Cell, RawTable, Row


def tables_of(table: RawTable) -> list[RawTable]:
    """Each table by itself, comment lines left out; the later ones say the row that they begin in.

    A new one begins where, after a comment or an empty row, a row of headings follows rows of figures.
    """
    rows = tuple(row for row in table.rows if not _is_comment(row))
    blocks: list[list[Row]] = [list(rows[:1])]
    for before, row in pairwise(rows):
        if row[0] > before[0] + 1 and _looks_like_headings(row) and any(map(_holds_figures, blocks[-1])):
            blocks.append([])
        blocks[-1].append(row)
    places = [table.place, *(table.place.at(block[0][0]) for block in blocks[1:])]
    return [RawTable(place, tuple(block), table.notes) for place, block in zip(places, blocks, strict=True) if block]


def _is_comment(row: Row) -> bool:
    first, *others = row[1]
    return isinstance(first, str) and first.startswith("#") and not any(map(_filled, others))


def _looks_like_headings(row: Row) -> bool:
    cells = [cell for cell in row[1] if _filled(cell)]
    return len(cells) >= 2 and not any(map(_has_digit, cells)) and len(set(cells)) == len(cells)


def _holds_figures(row: Row) -> bool:
    cells = [cell for cell in row[1] if _filled(cell)]
    return len(cells) >= 2 and any(map(_has_digit, cells))


def _filled(cell: Cell) -> bool:
    return cell not in (None, "")


def _has_digit(cell: Cell) -> bool:
    return not isinstance(cell, str) or any(character.isdigit() for character in cell)
