"""Two versions of a plan, told apart in words that a marketer says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from campaign.language import Text, say
from campaign.numbers import spoken
from warroom.plans.form import EXPECTED, HEAD, SECTIONS, Entries, Field, Row, Section, entries_of

IDENTITY = {
    "sends": ("channel", "at"),
    "slots": ("channel", "starts_at"),
    "spends": ("channel",),
    "moments": ("at", "kind"),
    "offers": ("id",),
    "drivers": ("driver",),
}


def differences(before: Mapping[str, Any], after: Mapping[str, Any], zone: ZoneInfo) -> tuple[Text, ...]:
    """What a reader of the second plan must know who knew the first; empty where they mean the same."""
    old, new = entries_of(before, zone), entries_of(after, zone)
    said = [*_values(old, new)]
    if set(old.services) != set(new.services):
        said.append(say("services: {names}", names=", ".join(new.services) or say("all")))
    for section in SECTIONS:
        said += _rows(section, old.rows[section.name], new.rows[section.name])
    return tuple(said)


def _values(old: Entries, new: Entries) -> Iterator[Text]:
    for f, name in [*((f, f.key) for f in HEAD), *((f, f"expected-{f.key}") for f in EXPECTED)]:
        before, after = old.values.get(name, ""), new.values.get(name, "")
        if before != after:
            yield _changed(f.label, before, after, f)


def _rows(section: Section, old: Sequence[Row], new: Sequence[Row]) -> Iterator[Text]:
    before, after = ({_key(section, row): row for row in rows} for rows in (old, new))
    for key in before:
        if key not in after:
            yield say("{section}: {row} is gone", section=section.title, row=_named(section, before[key]))
    for key, row in after.items():
        if key not in before:
            yield say("{section}: {row} is new", section=section.title, row=_whole(section, row))
            continue
        for f in section.fields:
            if row[f.key] != before[key][f.key]:
                label = say("{row}, {field}", row=_named(section, row), field=f.label)
                yield _changed(label, before[key][f.key], row[f.key], f)


def _key(section: Section, row: Row) -> tuple[str, ...]:
    return tuple(row[name] for name in IDENTITY[section.name])


def _named(section: Section, row: Row) -> str:
    return " ".join(_spoken(row[name], _field(section, name)) for name in IDENTITY[section.name])


def _whole(section: Section, row: Row) -> str:
    return " ".join(_spoken(row[f.key], f) for f in section.fields if row[f.key])


def _field(section: Section, name: str) -> Field:
    return next(f for f in section.fields if f.key == name)


def _changed(label: Text, before: str, after: str, f: Field) -> Text:
    if not before:
        return say("{what}: now {after}", what=label, after=_spoken(after, f))
    if not after:
        return say("{what}: no longer {before}", what=label, before=_spoken(before, f))
    return say("{what}: {before} → {after}", what=label, before=_spoken(before, f), after=_spoken(after, f))


def _spoken(value: str, f: Field) -> str:
    if not value:
        return "-"
    if f.kind == "time":
        return datetime.fromisoformat(value).strftime("%m-%d %H:%M:%S").removesuffix(":00")
    return spoken(float(value)) if f.kind == "number" else value
