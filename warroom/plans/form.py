"""A plan as the fields of a form: what each is called, what it says now, and what the plan says when it is sent back.

Field names are `name`, `starts_at`, or `sends-0-reach` for the first row of a section. Times are written in the
plan's own zone; figures as people write them (`180万`, `1,800,000`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

from campaign.documents import KeyPath, dotted
from campaign.language import Text, say
from metrics.intake.moments import read_moment
from metrics.intake.quantities import read_quantity

FieldKind = Literal["text", "long", "time", "number", "ratio", "family", "service", "landing", "moment"]
Row = dict[str, str]

SPARE_ROWS = 1
ROW_NAME = re.compile(r"([a-z]+)-(\d{1,4})-([a-z_]+)")


@dataclass(frozen=True)
class Field:
    """One input: its key in the plan, how it is written, and what people call it."""

    key: str
    kind: FieldKind
    label: Text


@dataclass(frozen=True)
class Section:
    """A table of the form: one row per thing."""

    name: str
    title: Text
    fields: tuple[Field, ...]


CHANNEL = Field("channel", "text", say("Channel"))
FAMILY = Field("family", "family", say("Family"))
LANDING = Field("lands_on", "landing", say("Lands on"))
STARTS = Field("starts_at", "time", say("From"))
ENDS = Field("ends_at", "time", say("To"))

HEAD = (
    Field("name", "text", say("Name")),
    Field("kind", "text", say("Kind")),
    Field("part_of", "text", say("Part of")),
    Field("starts_at", "time", say("Starts")),
    Field("ends_at", "time", say("Ends")),
)
OWNER = (
    Field("team", "text", say("Team")),
    Field("name", "text", say("Person")),
    Field("contact", "text", say("Contact")),
)
EXPECTED = (
    Field("sessions", "number", say("Visits you expect")),
    Field("orders", "number", say("Orders you expect")),
)
SHOWN = frozenset(
    {"id", "schema_version", "owner", "services", "channels", "moments", "offers", "drivers", *(f.key for f in HEAD)}
)
"""Keys of a plan that have fields of their own; `expected` has them in part."""
SECTIONS = (
    Section(
        "sends",
        say("Pushes, messages and mails"),
        (
            CHANNEL,
            Field("at", "time", say("Sent at")),
            Field("reach", "number", say("People reached")),
            Field("per_second", "number", say("Sent per second")),
            Field("open_ratio", "ratio", say("Share that opens it")),
            LANDING,
        ),
    ),
    Section(
        "slots",
        say("Livestreams and other slots"),
        (CHANNEL, STARTS, ENDS, Field("expected_viewers", "number", say("Viewers expected")), LANDING),
    ),
    Section(
        "spends",
        say("Channels: family, and money spent over a time"),
        (CHANNEL, FAMILY, Field("spend", "number", say("Spend")), STARTS, ENDS, LANDING),
    ),
    Section(
        "moments",
        say("Moments at which demand jumps"),
        (
            Field("at", "time", say("At, to the second")),
            Field("kind", "moment", say("Kind of moment")),
            Field("quantity", "number", say("Pieces or coupons")),
            LANDING,
        ),
    ),
    Section(
        "offers",
        say("Offers that customers will ask about"),
        (
            Field("id", "text", say("Short id")),
            Field("title", "text", say("Offer")),
            Field("rules", "long", say("Rules")),
            Field("announced_at", "time", say("Announced")),
            Field("ends_at", "time", say("Ends")),
        ),
    ),
    Section(
        "drivers",
        say("Other figures that explain its size"),
        (Field("driver", "text", say("What")), Field("value", "number", say("Figure"))),
    ),
)


@dataclass(frozen=True)
class Entries:
    """What stands in the form: single fields by name, rows by section, the services ticked."""

    values: Row = field(default_factory=dict)
    rows: dict[str, list[Row]] = field(default_factory=dict)
    services: tuple[str, ...] = ()

    def padded(self, more: str = "") -> dict[str, list[Row]]:
        """Every section's rows and an empty one below; five where somebody asked for `more`."""
        return {
            section.name: [
                *self.rows.get(section.name, []),
                *({} for _ in range(SPARE_ROWS * (5 if section.name == more else 1))),
            ]
            for section in SECTIONS
        }


@dataclass(frozen=True)
class Submitted:
    """A form read back: the plan it says, the field behind each key, and the fields nothing can be read from."""

    content: dict[str, Any]
    fields: dict[str, str]
    complaints: dict[str, Text]


def entries_of(content: Mapping[str, Any], zone: ZoneInfo) -> Entries:
    """The form of a plan's content (as a YAML file holds it)."""
    values = {f.key: _shown(content.get(f.key), f, zone) for f in HEAD} | {"id": str(content.get("id", ""))}
    values |= {f"owner-{f.key}": str((content.get("owner") or {}).get(f.key, "")) for f in OWNER}
    values |= {f"expected-{f.key}": _shown((content.get("expected") or {}).get(f.key), f, zone) for f in EXPECTED}
    values["rest"] = json.dumps(rest_of(content), default=str, ensure_ascii=False)
    channels = content.get("channels") or []
    rows = {
        "sends": [{"channel": c["name"], **s} for c in channels for s in c.get("sends") or []],
        "slots": [{"channel": c["name"], **s} for c in channels for s in c.get("slots") or []],
        "spends": [{"channel": c["name"], **c} for c in channels if _stands_alone(c)],
        "moments": content.get("moments") or [],
        "offers": content.get("offers") or [],
        "drivers": [{"driver": k, "value": v} for k, v in (content.get("drivers") or {}).items()],
    }
    shown = {s.name: [{f.key: _shown(r.get(f.key), f, zone) for f in s.fields} for r in rows[s.name]] for s in SECTIONS}
    return Entries(values, shown, tuple(content.get("services") or ()))


def _stands_alone(channel: Mapping[str, Any]) -> bool:
    """Whether a channel says more than its sends and slots do."""
    return bool(set(channel) - {"name", "sends", "slots"}) or not (channel.get("sends") or channel.get("slots"))


def rest_of(content: Mapping[str, Any]) -> dict[str, Any]:
    """What a plan says that the form has no field for."""
    rest = {key: value for key, value in content.items() if key not in SHOWN and key != "expected"}
    fields = {f.key for f in EXPECTED}
    expected = {key: value for key, value in (content.get("expected") or {}).items() if key not in fields}
    return rest | ({"expected": expected} if expected else {})


def entries_from(form: Sequence[tuple[str, str]]) -> Entries:
    """What a browser sent: (name, value) pairs in the order of the page."""
    values: Row = {}
    rows: dict[str, dict[int, Row]] = {}
    for name, value in form:
        found = ROW_NAME.fullmatch(name)
        if found:
            rows.setdefault(found[1], {}).setdefault(int(found[2]), {})[found[3]] = value.strip()
        else:
            values[name] = value.strip()
    kept = {name: [row for _, row in sorted(by.items()) if any(row.values())] for name, by in rows.items()}
    return Entries(values, kept, tuple(value for name, value in form if name == "services"))


def names_sent(form: Sequence[tuple[str, str]]) -> dict[str, str]:
    """What the page calls each field of the rows that are read from it: rows left empty on the page are left out."""
    found = [(match, value) for name, value in form if (match := ROW_NAME.fullmatch(name))]
    said: dict[str, set[int]] = {}
    for match, value in found:
        if value.strip():
            said.setdefault(match[1], set()).add(int(match[2]))
    places = {(name, row): i for name, rows in said.items() for i, row in enumerate(sorted(rows))}
    return {
        f"{match[1]}-{places[match[1], int(match[2])]}-{match[3]}": match[0]
        for match, _ in found
        if (match[1], int(match[2])) in places
    }


def submitted(entries: Entries, before: Mapping[str, Any], zone: ZoneInfo) -> Submitted:
    """The plan that the entries say. `before` is the plan as it was: what the form does not show stays as it is,
    unless the entries bring it along."""
    reader = _Reader(zone)
    brought = _brought(entries.values.get("rest", ""))
    rest = rest_of(before) if brought is None else brought
    shown = {key: value for key, value in before.items() if key in SHOWN}
    content: dict[str, Any] = {"schema_version": 1, **shown, **rest, "id": entries.values.get("id", "")}
    _put(content, reader.record(entries.values, HEAD, (), ""), HEAD)
    for key, fields in (("owner", OWNER), ("expected", EXPECTED)):
        kept = dict(content.get(key) or {})
        part = {f.key: entries.values.get(f"{key}-{f.key}", "") for f in fields}
        _put(kept, reader.record(part, fields, (key,), f"{key}-"), fields)
        _set(content, key, kept)
    _set(content, "services", list(entries.services))
    _set(content, "channels", _channels(entries, before, reader))
    for name in ("moments", "offers"):
        section = next(s for s in SECTIONS if s.name == name)
        rows = entries.rows.get(name, [])
        made = [reader.record(row, section.fields, (name, i), f"{name}-{i}-") for i, row in enumerate(rows)]
        _set(content, name, made)
    _set(content, "drivers", _drivers(entries, reader))
    return Submitted(content, reader.fields, reader.complaints)


def _brought(text: str) -> dict[str, Any] | None:
    """What the form carried along unseen; None where it is not what a form of ours carries."""
    try:
        told = json.loads(text)
    except ValueError:
        return None
    return told if isinstance(told, dict) else None


def _put(content: dict[str, Any], part: Mapping[str, Any], fields: Sequence[Field]) -> None:
    for f in fields:
        if f.key in part:
            content[f.key] = part[f.key]
        else:
            content.pop(f.key, None)


def _set(content: dict[str, Any], key: str, value: Any) -> None:
    if value:
        content[key] = value
    else:
        content.pop(key, None)


def _channels(entries: Entries, before: Mapping[str, Any], reader: _Reader) -> list[dict[str, Any]]:
    """Channels in the order in which they first stood in the plan or are named in the form."""
    channels: dict[str, dict[str, Any]] = {}
    named = [row.get("channel", "") for s in ("sends", "slots", "spends") for row in entries.rows.get(s, [])]
    order = [*(str(c["name"]) for c in before.get("channels") or []), *named]
    for name in (n for n in order if n in named):
        channels.setdefault(name, {"name": name})
    positions = {name: i for i, name in enumerate(channels)}
    sections = {s.name: s for s in SECTIONS}
    for i, row in enumerate(entries.rows.get("spends", [])):
        name = row.get("channel", "")
        spent: KeyPath = ("channels", positions[name])
        reader.fields[dotted((*spent, "name"))] = f"spends-{i}-channel"
        channels[name] |= reader.record(row, sections["spends"].fields[1:], spent, f"spends-{i}-")
    for part in ("sends", "slots"):
        for i, row in enumerate(entries.rows.get(part, [])):
            name = row.get("channel", "")
            parts = channels[name].setdefault(part, [])
            at = ("channels", positions[name], part, len(parts))
            reader.fields.setdefault(dotted(("channels", positions[name], "name")), f"{part}-{i}-channel")
            parts.append(reader.record(row, sections[part].fields[1:], at, f"{part}-{i}-"))
    return list(channels.values())


def _drivers(entries: Entries, reader: _Reader) -> dict[str, Any]:
    drivers: dict[str, Any] = {}
    figure = Field("value", "ratio", say("Figure"))
    for i, row in enumerate(entries.rows.get("drivers", [])):
        name = row.get("driver", "")
        if not name or name in drivers:
            reader.complaints[f"drivers-{i}-driver"] = say("give each figure a name of its own")
            continue
        if name.endswith("_percent"):
            row = row | {"value": row.get("value", "").rstrip("%％ ")}
        read = reader.record(row, (figure,), ("drivers", name), f"drivers-{i}-")
        reader.fields[dotted(("drivers", name))] = f"drivers-{i}-value"
        if "value" in read:
            drivers[name] = read["value"]
            if name.endswith("_ratio") and (read["value"] or 0) > 1:
                reader.complaints[f"drivers-{i}-value"] = say("{name} is a share: write 0.3 or 30%", name=name)
        else:
            reader.complaints.setdefault(f"drivers-{i}-value", say("write a number"))
    return drivers


class _Reader:
    """Reads fields, remembering which key each became and what could not be read."""

    def __init__(self, zone: ZoneInfo) -> None:
        self.zone = zone
        self.fields: dict[str, str] = {}
        self.complaints: dict[str, Text] = {}

    def record(self, row: Mapping[str, str], fields: Sequence[Field], at: KeyPath, prefix: str) -> dict[str, Any]:
        """The row's fields that say something, as the plan writes them."""
        made = {}
        for f in fields:
            name, text = f"{prefix}{f.key}", row.get(f.key, "")
            self.fields[dotted((*at, f.key))] = name
            if text:
                made[f.key] = self._value(text, f, name)
        return made

    def _value(self, text: str, f: Field, name: str) -> Any:
        if f.kind == "time":
            return self._time(text, name)
        if f.kind in ("number", "ratio"):
            return self._number(text, f.kind == "ratio", name)
        return text

    def _number(self, text: str, ratio: bool, name: str) -> float | int | None:
        percent = text.endswith(("%", "％"))
        read = read_quantity(text.rstrip("%％") if percent else text)
        if read is None or read.value is None or read.unit or read.rate is not None or (percent and not ratio):
            self.complaints[name] = say("{given} is not a number", given=text)
            return None
        value = read.value / 100 if percent else read.value
        return int(value) if value == int(value) else value

    def _time(self, text: str, name: str) -> str | None:
        local = read_moment(text)
        if local is None:
            self.complaints[name] = say("{given} is not a time: write it as 2026-11-10 20:00", given=text)
            return None
        if local.tzinfo is not None:
            return local.isoformat()
        moments = {local.replace(tzinfo=self.zone, fold=fold).astimezone(UTC) for fold in (0, 1)}
        if len(moments) > 1:
            self.complaints[name] = say("the clocks change at {given}: write the offset too", given=text)
        return local.replace(tzinfo=self.zone).isoformat()


def field_of(key: str, fields: Mapping[str, str]) -> str:
    """The field behind a problem's key, or behind the nearest key around it; empty where the form shows none."""
    for path in _upwards(key):
        if path in fields:
            return fields[path]
    return ""


def _upwards(key: str) -> Iterator[str]:
    while key:
        yield key
        cut = max(key.rfind("."), key.rfind("["))
        key = key[:cut] if cut > 0 else ""


def _shown(value: Any, f: Field, zone: ZoneInfo) -> str:
    if value is None:
        return ""
    if f.kind == "time":
        return shown_time(value if isinstance(value, datetime) else datetime.fromisoformat(str(value)), zone)
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    return str(value)


def shown_time(moment: datetime, zone: ZoneInfo) -> str:
    """An instant as the form writes it: local, with the offset where it takes one to be the same when read."""
    local = moment.astimezone(zone)
    if local.microsecond or local.astimezone(UTC) != local.replace(fold=1 - local.fold).astimezone(UTC):
        return local.isoformat()
    return local.replace(tzinfo=None).isoformat(timespec="seconds" if local.second else "minutes")


def copied(content: Mapping[str, Any], campaign: str, starts_at: datetime) -> dict[str, Any]:
    """A past plan as the draft of a new one: everything moved by as much as the start moves, what came left out."""
    moved_by = starts_at - datetime.fromisoformat(str(content["starts_at"]))
    kept = {key: value for key, value in content.items() if key not in ("observed", "id")}
    return {"schema_version": 1, "id": campaign, **_moved(kept, moved_by)}


def _moved(value: Any, by: timedelta) -> Any:
    if isinstance(value, Mapping):
        return {key: _moved_time(key, part, by) for key, part in value.items()}
    if isinstance(value, list):
        return [_moved(part, by) for part in value]
    return value


def _moved_time(key: str, value: Any, by: timedelta) -> Any:
    if isinstance(value, str) and (key == "at" or key.endswith("_at")):
        return (datetime.fromisoformat(value) + by).isoformat()
    return _moved(value, by)
