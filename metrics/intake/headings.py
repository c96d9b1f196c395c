"""Which row holds the headings, and what each means."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from campaign.documents import read_yaml
from campaign.language import Text, say
from metrics.intake.raw_tables import Cell, RawTable, Row
from metrics.intake.records import Place

HEADING_ROWS = 12
ZONE_AT_END = re.compile(r"(?<=.)(utc|gmt|local[a-z]{0,4}|北京时间|本地时间|当地时间)([+-]?\d{1,2}(:?\d\d)?)?$")
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
    """A heading without case, blanks, underscores, what stands in brackets, and the zone it names at its end."""
    text = unicodedata.normalize("NFKC", str(heading or "")).lower()
    text = re.sub(r"[(\[【].*?[)\]】]", "", text) or text
    text = re.sub(r"[\s_\-:]+", "", text)
    return ZONE_AT_END.sub("", text) or text


def zone_in(heading: str) -> ZoneInfo | None:
    """The zone that a heading of times names: `ts_utc`, `时间(北京时间)`, `Time (GMT+8)`, `Time (Europe/Berlin)`."""
    text = unicodedata.normalize("NFKC", heading)
    if "北京时间" in text:
        return ZoneInfo("Asia/Shanghai")
    named = re.search(r"\b[A-Z][a-z]+/[A-Z][A-Za-z_]+\b", text)
    if named:
        try:
            return ZoneInfo(named[0])
        except (KeyError, ValueError, OSError):
            return None
    offset = re.search(r"(?:^|[^a-z])(?:utc|gmt)\s*(?:([+-])0?(\d{1,2})(?::?00)?)?(?![\d:])", text.lower())
    if offset is None:
        return None
    hours = int(offset[2] or 0) * (-1 if offset[1] == "-" else 1)
    # The names of fixed offsets count the other way round: Etc/GMT-8 is eight hours ahead of UTC.
    return ZoneInfo(f"Etc/GMT{-hours:+d}" if hours else "UTC") if -12 <= hours <= 14 else None


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
