"""Columns that say when traffic was a load test: yes or no beside every row."""

from __future__ import annotations

from collections.abc import Iterable

from campaign.language import say
from metrics.intake.headings import Headed, role_of
from metrics.intake.raw_tables import Cell
from metrics.intake.records import Buckets, Column

MEASURE = "load_test"
YES = frozenset({"1", "1.0", "true", "yes", "y", "t", "x", "是", "压测", "压测中", "√", "✓"})
NO = frozenset({"", "0", "0.0", "false", "no", "n", "f", "否", "-", "none", "null", "n/a", "无"})


def flag_of(cell: Cell) -> bool | None:
    """Whether a cell says yes or no; None where it says something else."""
    text = str(cell if cell is not None else "").strip().lower()
    return True if text in YES else False if text in NO else None


def marker_columns(table: Headed) -> tuple[int, ...]:
    """Columns that are called a load test and hold nothing but yes and no; a load test's own traffic is no marker."""
    named = [i for i, heading in enumerate(table.headings) if role_of(heading) == MEASURE]
    return tuple(i for i in named if all(flag_of(_cell(row[1], i)) is not None for row in table.rows))


def is_marked(row: tuple[Cell, ...], columns: Iterable[int]) -> bool:
    return any(flag_of(_cell(row, i)) for i in columns)


def _cell(row: tuple[Cell, ...], at: int) -> Cell:
    return row[at] if at < len(row) else None


def marked_columns(table: Headed) -> list[Column]:
    """The markers and their meaning, for the report."""
    meaning = say("yes where the traffic is a load test: kept out of what campaigns are learned from")
    return [Column(table.headings[i], meaning) for i in marker_columns(table)]


def marks(traffic: Buckets, marked: Iterable[tuple[str, int]]) -> list[Buckets]:
    """The buckets of traffic in which a marked row begins, as buckets of their own; none where nothing is marked.

    marked: service and seconds of UTC.
    """
    starts = {(service, at - at % traffic.seconds) for service, at in marked}
    values = {key: 1.0 for key in traffic.values if (key[0], key[1] - key[1] % traffic.seconds) in starts}
    return [Buckets(MEASURE, traffic.seconds, values)] if values else []
