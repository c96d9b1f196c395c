"""A plan as the YAML that a person would write: comments, no keys left empty."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from campaign.documents import FileRecord
from campaign.plan import Plan

NUMBER_LIKE = re.compile(r"[0-9][0-9a-fA-FxoO_.eE+-]*")
WORDS_WITH_MEANING = frozenset({"true", "false", "null", "yes", "no", "on", "off", "y", "n"})
SECTIONS = ("channels", "moments", "offers")


def plan_text(plan: Plan, zone: ZoneInfo, head: Sequence[str], comments: Mapping[str, str]) -> str:
    """The plan as YAML text; reading it gives the same plan.

    `head` are the lines of the comment on top, `comments` those behind keys, `zone` that of the times.
    """
    return "\n".join(_lines(plan, zone, head, comments)) + "\n"


def _lines(plan: Plan, zone: ZoneInfo, head: Sequence[str], comments: Mapping[str, str]) -> Iterator[str]:
    yield from (f"# {line}" for line in head)
    yield "schema_version: 1"
    for key, value in dumped(plan).items():
        comment = f"   # {comments[key]}" if key in comments else ""
        if key in SECTIONS:
            yield f"{key}:{comment}"
            yield from (f"  - {flow(item, zone)}" for item in value)
        elif isinstance(value, dict) and key != "owner":
            yield f"{key}:{comment}"
            yield from (f"  {name}: {flow(part, zone)}" for name, part in value.items())
        else:
            yield f"{key}: {flow(value, zone)}{comment}"


def dumped(record: FileRecord) -> dict[str, Any]:
    """What a record says beyond its defaults, in the record's order."""
    defaults = type(record).model_fields
    return {
        name: _plain(getattr(record, name))
        for name, field in defaults.items()
        if getattr(record, name) is not None and getattr(record, name) != field.default
    }


def _plain(value: Any) -> Any:
    if isinstance(value, FileRecord):
        return dumped(value)
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    return value


def flow(value: Any, zone: ZoneInfo) -> str:
    """A value in YAML's one-line form; texts that YAML could misread are quoted."""
    if isinstance(value, datetime):
        local = value.astimezone(zone)
        return local.isoformat(timespec="seconds" if local.second else "minutes")
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {flow(part, zone)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(flow(part, zone) for part in value) + "]"
    if isinstance(value, float) and value == int(value):
        return str(int(value))
    if isinstance(value, str):
        return text_scalar(value)
    return json.dumps(value)


def text_scalar(text: str) -> str:
    """A text as YAML reads it back: quoted where it could be a number, a truth value or structure."""
    letters = text.replace("-", "").replace("_", "").replace(" ", "")
    plain = letters.isalnum() and text[0].isalnum() and text[-1].isalnum()
    if plain and not NUMBER_LIKE.fullmatch(text) and text.lower() not in WORDS_WITH_MEANING:
        return text
    return json.dumps(text, ensure_ascii=False)
