"""Which row holds the headings, and what each means."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from campaign.documents import read_yaml
from campaign.language import Text, say
from metrics.intake.raw_tables import Cell, RawTable, Row
from metrics.intake.records import Place

HEADING_ROWS = 12
TOTALS = frozenset(
    {"合计", "总计", "总和", "小计", "汇总", "total", "totals", "grand total", "sum", "平均", "average", "均值", "整体"}
)


@dataclass(frozen=True)
class Headed:
    """A table whose headings are known: position of each role, the headings as written, the rows below them."""

    place: Place
    headings: tuple[str, ...]
    roles: dict[str, int]
    """Position of the first column of each role."""
    rows: tuple[Row, ...]
    notes: tuple[Text, ...]

    def has(self, *roles: str) -> bool:
        return all(role in self.roles for role in roles)

    def cell(self, row: Row, role: str) -> Cell:
        """The cell of a role, None where the row is short or the table has no such column."""
        at = self.roles.get(role)
        return row[1][at] if at is not None and at < len(row[1]) else None

    def heading(self, role: str) -> str:
        return self.headings[self.roles[role]]


@cache
def roles_by_alias() -> dict[str, str]:
    """Every known heading, plainly written, to its role."""
    content = read_yaml(Path(__file__).parent / "policy" / "headings.yaml", "headings.yaml").content
    return {plain(alias): role for role, aliases in content.items() for alias in aliases}


def plain(heading: object) -> str:
    """A heading without case, blanks, underscores and what stands in brackets."""
    text = unicodedata.normalize("NFKC", str(heading or "")).lower()
    text = re.sub(r"[(\[【].*?[)\]】]", "", text) or text
    return re.sub(r"[\s_\-:]+", "", text)


def role_of(heading: object) -> str | None:
    return roles_by_alias().get(plain(heading))


def find_headings(table: RawTable) -> Headed | None:
    """The table with its headings: the first row among the topmost with most known ones; None where there is none.

    Titles above the headings (often one merged cell), totals rows and repeated heading rows are left out, and said.
    """
    candidates = table.rows[:HEADING_ROWS]
    best = max(range(len(candidates)), key=lambda i: (_known(candidates[i]), -i), default=None)
    if best is None or _known(candidates[best]) == 0:
        return None
    headings = tuple(str(cell or "").strip() for cell in candidates[best][1])
    roles: dict[str, int] = {}
    for i, heading in enumerate(headings):
        role = role_of(heading)
        if role:
            roles.setdefault(role, i)
    notes = list(table.notes)
    if best:
        notes.append(say("the first {count} rows are a title, not data", count=best))
    rows, more = _data_rows(table.rows[best + 1 :], headings)
    return Headed(table.place, headings, roles, rows, (*notes, *more))


def _known(row: Row) -> int:
    return len({role for cell in row[1] if isinstance(cell, str) and (role := role_of(cell))})


def _data_rows(rows: Iterable[Row], headings: tuple[str, ...]) -> tuple[tuple[Row, ...], list[Text]]:
    kept, totals = [], []
    for row in rows:
        first = next((cell for cell in row[1] if cell not in (None, "")), None)
        if isinstance(first, str) and first.strip().rstrip(":：").lower() in TOTALS:
            totals.append(row[0])
        elif tuple(str(cell or "").strip() for cell in row[1]) != headings:
            kept.append(row)
    if not totals:
        return tuple(kept), []
    return tuple(kept), [say("totals in row {rows} are left out", rows=", ".join(map(str, totals)))]
