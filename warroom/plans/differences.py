"""Two versions of a plan, told apart in words that a marketer says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from campaign.language import Text, say
from campaign.moments import moment_name
from campaign.numbers import spoken
from warroom.plans.form import EXPECTED, HEAD, OWNER, SECTIONS, Entries, Field, Row, Section, entries_of, rest_of

IDENTITY = {
    "sends": ("channel", "at"),
    "slots": ("channel", "starts_at"),
    "spends": ("channel",),
    "moments": ("at", "kind"),
    "offers": ("id",),
    "drivers": ("driver",),
}
STRETCH = ("starts_at", "ends_at")


def differences(before: Mapping[str, Any], after: Mapping[str, Any], zone: ZoneInfo) -> tuple[Text, ...]:
    """What a reader of the second plan must know who knew the first; empty where they mean the same."""
    old, new = entries_of(before, zone), entries_of(after, zone)
    said = [*_values(old, new), *_rest(flat(rest_of(before)), flat(rest_of(after)))]
    if set(old.services) != set(new.services):
        said.append(say("services: {names}", names=", ".join(new.services) or say("all")))
    for section in SECTIONS:
        said += _rows(section, old.rows[section.name], new.rows[section.name])
    return tuple(said)


def _values(old: Entries, new: Entries) -> Iterator[Text]:
    parts = (("", HEAD), ("owner-", OWNER), ("expected-", EXPECTED))
    for f, name in [(f, f"{prefix}{f.key}") for prefix, fields in parts for f in fields]:
        before, after = old.values.get(name, ""), new.values.get(name, "")
        if before != after:
            yield _changed(f.label, before, after, f)


def _rest(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Text]:
    """What has no field is called as the file calls it."""
    for key in dict.fromkeys((*old, *new)):
        if old.get(key) != new.get(key):
            yield _changed(key, old.get(key, ""), new.get(key, ""), Field(key, "text", say("Name")))


def flat(content: Mapping[str, Any], within: str = "") -> dict[str, str]:
    """Every value under its whole key, `observed.sessions`; a list's parts with commas between."""
    told: dict[str, str] = {}
    for key, value in content.items():
        if isinstance(value, Mapping):
            told |= flat(value, f"{within}{key}.")
        elif value is not None:
            told[f"{within}{key}"] = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return told


def _rows(section: Section, old: Sequence[Row], new: Sequence[Row]) -> Iterator[Text]:
    before, after = _by_key(section, old), _by_key(section, new)
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


def _by_key(section: Section, rows: Sequence[Row]) -> dict[tuple[str | int, ...], Row]:
    """Two of one name and minute are told apart by their order."""
    seen: Counter[tuple[str, ...]] = Counter()
    told: dict[tuple[str | int, ...], Row] = {}
    for row in rows:
        key = tuple(row[name] for name in IDENTITY[section.name])
        told[*key, seen[key]] = row
        seen[key] += 1
    return told


def _named(section: Section, row: Row) -> str:
    return " ".join(_spoken(row[name], _field(section, name)) for name in IDENTITY[section.name])


def _whole(section: Section, row: Row) -> str:
    told = " ".join(_spoken(row[f.key], f) for f in section.fields if row[f.key] and f.key not in STRETCH)
    begins, ends = (_spoken(row[key], _field(section, key)) if row.get(key) else "" for key in STRETCH)
    return " ".join(part for part in (told, f"{begins} – {ends}" if begins and ends else begins or ends) if part)


def _field(section: Section, name: str) -> Field:
    return next(f for f in section.fields if f.key == name)


def _changed(label: Text | str, before: str, after: str, f: Field) -> Text:
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
    if f.kind == "ratio":
        return f"{100 * float(value):.3g} %"
    if f.kind == "moment":
        return str(moment_name(value))
    return spoken(float(value)) if f.kind == "number" else value
