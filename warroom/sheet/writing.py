"""The plan as the sheet a team keeps: a table for each part of the plan, read back without a difference."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE

from campaign.errors import Problem, UserError
from campaign.language import Text, _, say
from campaign.plan import Plan
from campaign.plan_text import dumped
from campaign.spreadsheets import Sheet, Value, write_workbook
from metrics.intake.headings import is_total
from warroom.plans.form import SECTIONS, Entries, Field, Section, entries_of, rest_of
from warroom.sheet.whole import FIELDS, PLAN_KEYS, SEPARATOR

TITLES = {
    "sends": say("Sends"),
    "slots": say("Livestreams"),
    "spends": say("Spend"),
    "moments": say("Moments"),
    "offers": say("Offers"),
    "drivers": say("Figures"),
}
UNKNOWN = "-"
"""Viewers that nobody knows; a cell left empty was forgotten."""
DIGITS = 15
"""Of a figure, that spreadsheets keep; one with more stands there as text."""
TEXT_MAX = 32_767
"""Characters that a cell holds."""


def write_plan_sheet(path: Path, plan: Plan, zone: ZoneInfo) -> None:
    """Write everything the plan says; times in the campaign's zone.

    Raises:
        UserError: the plan holds text that no spreadsheet can.
    """
    content = dumped(plan)
    entries = entries_of(content, zone)
    sheets = [_section(section, entries, zone) for section in SECTIONS if entries.rows[section.name]]
    headings = [_("Part of the plan"), _("What the plan says")]
    sheets.append(Sheet(_("Plan"), headings, list(_head(entries, rest_of(content), zone))))
    problems = [p for sheet in sheets for row in sheet.rows for cell in row if (p := _impossible(sheet, cell))]
    totals = dict.fromkeys(str(row[0]) for sheet in sheets for row in sheet.rows if is_total(row[0]))
    problems += [Problem(say("{name} would be read as a total", name=n), say("give it another name")) for n in totals]
    if problems:
        raise UserError(problems)
    write_workbook(path, sheets)


def _section(section: Section, entries: Entries, zone: ZoneInfo) -> Sheet:
    rows = [[_value(row[f.key], f) for f in section.fields] for row in entries.rows[section.name]]
    return Sheet(str(TITLES[section.name]), [str(f.label) for f in section.fields], rows)


def _head(entries: Entries, rest: dict[str, Any], zone: ZoneInfo) -> Iterator[list[Value]]:
    told = entries.values | {"services": SEPARATOR.join(entries.services), "time_zone": zone.key}
    for key, label in PLAN_KEYS.items():
        if told.get(key):
            yield [str(label), _value(told[key], FIELDS[key]) if key in FIELDS else told[key]]
    for key, value in _flat(rest):
        yield [key, json.dumps(value, default=str, ensure_ascii=False)]


def _flat(rest: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, value in rest.items():
        if isinstance(value, dict):
            yield from ((f"{key}.{name}", part) for name, part in value.items())
        else:
            yield key, value


def _value(text: str, f: Field) -> Value:
    """A cell that a spreadsheet can sort and add up."""
    if f.key == "expected_viewers" and not text:
        return UNKNOWN
    if f.kind == "time" and text:
        moment = datetime.fromisoformat(text)
        return text if moment.tzinfo else moment
    if f.kind in ("number", "ratio") and text:
        return float(text) if float(f"{float(text):.{DIGITS}g}") == float(text) else text
    return text or None


def _impossible(sheet: Sheet, cell: Value) -> Problem | None:
    if not isinstance(cell, str):
        return None
    what: Text | None = None
    if ILLEGAL_CHARACTERS_RE.search(cell):
        what = say(
            "{text} holds a character that no spreadsheet can hold", text=ILLEGAL_CHARACTERS_RE.sub("?", cell)[:40]
        )
    elif len(cell) > TEXT_MAX:
        what = say("{text}… is longer than a cell can hold ({n} characters)", text=cell[:40], n=TEXT_MAX)
    return Problem(what, say("shorten or correct it in the plan"), key=sheet.title) if what else None
