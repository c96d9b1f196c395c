"""The parts of a plan that are no channels: moments, offers, figures, and the plan's own keys, one beside its value."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from campaign.language import LANGUAGES, Text, say
from metrics.intake.headings import Headed, plain
from metrics.intake.timed_rows import TimeRoles
from warroom.plans.form import EXPECTED, HEAD, OWNER, SECTIONS, Row
from warroom.sheet.cells import Cells

COLUMNS: Mapping[str, Mapping[str, str]] = {
    "moments": {"at": "moment_at", "kind": "moment_kind", "quantity": "quantity", "lands_on": "lands_on"},
    "offers": {
        "id": "offer_id",
        "title": "offer_title",
        "rules": "offer_rules",
        "announced_at": "offer_announced",
        "ends_at": "campaign_ends",
    },
    "drivers": {"driver": "driver", "value": "value"},
}
"""The role of the column that each field of a section has."""
NEEDED = {"moments": ("moment_at", "moment_kind"), "offers": ("offer_id",), "drivers": ("driver", "value")}
ID, SERVICES, ZONE = say("Short id"), say("Services"), say("Zone of these times")
SEPARATOR = ", "

PLAN_KEYS: Mapping[str, Text] = {
    "id": ID,
    **{f.key: f.label for f in HEAD},
    **{f"owner-{f.key}": f.label for f in OWNER},
    "services": SERVICES,
    "time_zone": ZONE,
    **{f"expected-{f.key}": f.label for f in EXPECTED},
}
"""The plan's own keys as the form names their fields, and what people call them."""
FIELDS = {
    f"{prefix}{f.key}": f for prefix, part in (("", HEAD), ("owner-", OWNER), ("expected-", EXPECTED)) for f in part
}


def section_of(table: Headed) -> str:
    """The section of the form that a table fills; empty for tables of channels and others."""
    return next((name for name, roles in NEEDED.items() if table.has(*roles)), "")


def is_head(table: Headed) -> bool:
    return table.has("plan_key", "plan_value")


def section_row(cells: Cells, section: str) -> Row:
    """One row of a section, without the fields that the table has no column for."""
    kinds = {f.key: f.kind for s in SECTIONS if s.name == section for f in s.fields}
    told = {}
    for key, role in COLUMNS[section].items():
        if not cells.table.has(role):
            continue
        if kinds[key] == "time":
            told[key] = cells.moment(TimeRoles((), (role,)))
        else:
            told[key] = cells.figure(role) if kinds[key] == "number" else cells.text(role)
    return told


def head_values(rows: Sequence[Cells]) -> tuple[Row, tuple[str, ...] | None, dict[str, Any]]:
    """The form's single fields, the services, and what the form has no field for, nested as the file has it."""
    values: Row = {}
    services: tuple[str, ...] | None = None
    rest: dict[str, Any] = {}
    keys = {plain(label.speak(language)): key for key, label in PLAN_KEYS.items() for language in LANGUAGES}
    for cells in rows:
        name = cells.text("plan_key")
        key = keys.get(plain(name), "")
        if key == "services":
            services = tuple(part for part in cells.text("plan_value").split(SEPARATOR) if part)
        elif key in FIELDS and FIELDS[key].kind == "time":
            values[key] = cells.moment(TimeRoles((), ("plan_value",)))
        elif key in FIELDS and FIELDS[key].kind == "number":
            values[key] = cells.figure("plan_value")
        elif key in FIELDS or key == "id":
            values[key] = cells.text("plan_value")
        elif key != "time_zone":
            _nest(rest, name.split(".", 1), cells.text("plan_value"))
    return values, services, rest


def time_zone_of(table: Headed) -> str:
    """The zone that a plan's sheet says its times are in; empty where it says none."""
    names = {plain(ZONE.speak(language)) for language in LANGUAGES}
    rows = (row for row in table.rows if plain(table.cell(row, "plan_key")) in names)
    return next((str(table.cell(row, "plan_value") or "").strip() for row in rows), "")


def _nest(rest: dict[str, Any], path: Sequence[str], text: str) -> None:
    """Values that the form has no field for stand in the sheet as JSON."""
    first, *more = path
    if more:
        _nest(rest.setdefault(first, {}), more, text)
        return
    try:
        rest[first] = json.loads(text)
    except ValueError:
        rest[first] = text
