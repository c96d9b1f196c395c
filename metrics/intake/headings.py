"""Which row holds the headings, and what each means."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from campaign.documents import read_yaml
from campaign.language import Text, say
from metrics.intake.quantities import AFTER_SLASH
from metrics.intake.raw_tables import Cell, RawTable, Row
from metrics.intake.records import Place

HEADING_ROWS = 12
ZONE_AT_END = re.compile(r"(?<=.)(utc|gmt|local[a-z]{0,4}|北京时间|本地时间|当地时间)([+-]?\d{1,2}(:?\d\d)?)?$")
TOTALS = frozenset(
    {"合计", "总计", "总和", "小计", "汇总", "total", "totals", "grand total", "sum", "平均", "average", "均值", "整体"}
)
SUBTOTAL = re.compile(r".{1,12}(合计|小计|总计)|.{1,20} (sub)?totals?", re.IGNORECASE)


@dataclass(frozen=True)
class Headed:
    """A table whose headings are known: position of each role, the headings as written, the rows below them."""

    place: Place
    headings: tuple[str, ...]
    roles: dict[str, int]
    """Position of the first column of each role."""
    rows: tuple[Row, ...]
    notes: tuple[Text, ...]
    titles: tuple[Row, ...] = ()
    """What stands above the headings."""

    def has(self, *roles: str) -> bool:
        return all(role in self.roles for role in roles)

    def cell(self, row: Row, role: str) -> Cell:
        """The cell of a role, None where the row is short or the table has no such column."""
        at = self.roles.get(role)
        return row[1][at] if at is not None and at < len(row[1]) else None

    def heading(self, role: str) -> str:
        return self.headings[self.roles[role]]

    def as_plan(self) -> Headed:
        """The same table with the headings that only a plan's sheet has."""
        return replace(self, roles=_positions(self.headings, plan_roles()))


@cache
def roles_by_alias() -> dict[str, str]:
    """Every known heading, plainly written, to its role."""
    return _aliases("headings.yaml")


@cache
def plan_roles() -> dict[str, str]:
    """The same in a plan's sheet, where `offer` is no service and `from` is a time."""
    return {**roles_by_alias(), **_aliases("plan_headings.yaml")}


@cache
def families() -> dict[str, str]:
    """What sheets call a family of channels, plainly written, to the plan's word."""
    return _aliases("families.yaml")


def _aliases(name: str) -> dict[str, str]:
    content = read_yaml(Path(__file__).parent / "policy" / name, name).content
    return {plain(alias): role for role, aliases in content.items() for alias in aliases}


def plain(heading: object) -> str:
    """A heading without case, blanks, underscores, its unit, what stands in brackets, and the zone at its end."""
    text = unicodedata.normalize("NFKC", str(heading or "")).lower()
    text = re.sub(r"[(\[【].*?[)\]】]", "", text) or text
    text = AFTER_SLASH.sub("", text) or text
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


def find_headings(table: RawTable, aliases: Mapping[str, str] | None = None) -> Headed | None:
    """The table with its headings: the first row among the topmost with most known ones; None where there is none.

    Titles above the headings (often one merged cell), totals rows and repeated heading rows are left out, and said.
    """
    known = roles_by_alias() if aliases is None else aliases
    candidates = table.rows[:HEADING_ROWS]
    best = max(range(len(candidates)), key=lambda i: (_known(candidates[i], known), -i), default=None)
    if best is None or _known(candidates[best], known) == 0:
        return None
    headings = tuple(str(cell or "").strip() for cell in candidates[best][1])
    notes = list(table.notes)
    if best:
        notes.append(say("the first {count} rows are a title, not data", count=best))
    rows, more = _data_rows(table.rows[best + 1 :], headings)
    return Headed(table.place, headings, _positions(headings, known), rows, (*notes, *more), table.rows[:best])


def _positions(headings: tuple[str, ...], aliases: Mapping[str, str]) -> dict[str, int]:
    roles: dict[str, int] = {}
    for i, heading in enumerate(headings):
        role = aliases.get(plain(heading))
        if role:
            roles.setdefault(role, i)
    return roles


def _known(row: Row, aliases: Mapping[str, str]) -> int:
    return len({role for cell in row[1] if isinstance(cell, str) and (role := aliases.get(plain(cell)))})


def _data_rows(rows: Iterable[Row], headings: tuple[str, ...]) -> tuple[tuple[Row, ...], list[Text]]:
    kept, totals = [], []
    for row in rows:
        first = next((cell for cell in row[1] if cell not in (None, "")), None)
        if is_total(first):
            totals.append(row[0])
        elif tuple(str(cell or "").strip() for cell in row[1]) != headings:
            kept.append(row)
    if not totals:
        return tuple(kept), []
    return tuple(kept), [say("totals in row {rows} are left out", rows=", ".join(map(str, totals)))]


def is_total(first: Cell) -> bool:
    """Whether the first cell of a row says that the row adds up others."""
    name = first.strip().rstrip(":：").lower() if isinstance(first, str) else ""
    return name in TOTALS or SUBTOTAL.fullmatch(name) is not None
