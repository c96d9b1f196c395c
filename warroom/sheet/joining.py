"""A sheet's rows put into the form: the sheet decides what it has a column for, the plan keeps everything else."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from warroom.plans.form import Entries, Row
from warroom.sheet.channels import unified
from warroom.sheet.reading import SheetRows

CHANNELS = {"sends": ("channel", "at"), "slots": ("channel", "starts_at"), "spends": ("channel",)}
WHOLE = {"moments": ("at", "kind"), "offers": ("id",), "drivers": ("driver",)}


def joined(entries: Entries, sheet: SheetRows, elsewhere: Iterable[str] = ()) -> Entries:
    """The form with what the sheet says. Of channels it decides for those it names; of moments, offers and other
    figures it decides for all where it has a table of them. `elsewhere`: channels of other plans."""
    own = [row["channel"] for part in CHANNELS for row in entries.rows.get(part, [])]
    names = list(dict.fromkeys([*own, *elsewhere]))
    told = {part: unified(sheet.rows.get(part, []), names) for part in CHANNELS}
    channels = {row["channel"] for rows in told.values() for row in rows}
    rows = dict(entries.rows)
    for part, identity in CHANNELS.items():
        decided = {row["channel"] for row in told[part]} if part == "spends" else channels
        if part in sheet.parts:
            kept = [row for row in entries.rows.get(part, []) if row.get("channel") not in decided]
            rows[part] = [*kept, *_known(entries.rows.get(part, []), told[part], identity)]
    for part, identity in WHOLE.items():
        if part in sheet.parts:
            rows[part] = _known(entries.rows.get(part, []), sheet.rows.get(part, []), identity)
    values = entries.values | {key: value for key, value in sheet.values.items() if key != "id"}
    if sheet.is_whole:
        values["rest"] = json.dumps(sheet.rest, ensure_ascii=False)
    services = entries.services if sheet.services is None else sheet.services
    return replace(entries, rows=rows, values=values, services=services)


def _known(ours: Sequence[Row], theirs: Sequence[Row], identity: Sequence[str]) -> list[Row]:
    known = {_key(row, identity): row for row in ours}
    return [known.get(_key(row, identity), {}) | row for row in theirs]


def _key(row: Mapping[str, Any], identity: Sequence[str]) -> tuple[str, ...]:
    """Minutes written with and without their seconds are the same."""
    values = (row.get(name, "") for name in identity)
    return tuple(v.removesuffix(":00") if len(v) > len("2026-11-10T20:00") else v for v in values)
