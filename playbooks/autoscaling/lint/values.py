"""Values out of a manifest that may be shaped in any way."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from campaign.documents import Document, KeyPath
from campaign.errors import Problem
from campaign.language import say

SUFFIXES: dict[str | None, float] = {None: 1.0, "m": 1e-3, "k": 1e3, "M": 1e6, "G": 1e9}


def at(document: Document, *path: str | int) -> Any:
    """The value at a path, None where the manifest has no such place."""
    value = document.content
    for part in path:
        if isinstance(value, dict) and isinstance(part, str):
            value = value.get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(value):
            value = value[part]
        else:
            return None
    return value


def items(document: Document, *path: str | int) -> list[Any]:
    """The list at a path, empty where there is none."""
    value = at(document, *path)
    return value if isinstance(value, list) else []


def whole(document: Document, *path: str | int) -> int | None:
    """The whole number at a path, None where it is anything else."""
    value = at(document, *path)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def instant_of(value: object) -> datetime | None:
    """An instant written with its offset, None where it is anything else."""
    try:
        moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def quantity(value: object) -> float:
    """A Kubernetes quantity as a number: `90`, `97500m`, `1k`; not a number where it is none."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?)(m|k|M|G)?", str(value))
    return float(found[1]) * SUFFIXES[found[2]] if found else math.nan


def name_of(document: Document) -> str:
    return str(at(document, "metadata", "name") or "")


def kind_of(document: Document) -> str:
    return str(at(document, "kind") or "")


def out_of_range(document: Document, path: KeyPath, lowest: float, highest: float) -> Iterator[Problem]:
    """A problem where a number is given and lies outside [lowest, highest]."""
    value = at(document, *path)
    if value is None:
        return
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not lowest <= value <= highest:
        what = say("{value} is not between {lowest} and {highest}", value=repr(value), lowest=lowest, highest=highest)
        yield document.problem(path, what)


def unknown_zone(document: Document, path: KeyPath) -> Iterator[Problem]:
    """A problem where the time zone is missing or no real one."""
    name = at(document, *path)
    if name is None:
        yield document.problem(
            path, say("no time zone: the controller's own would be taken"), say("add one, such as Asia/Shanghai")
        )
        return
    try:
        ZoneInfo(str(name))
    except (KeyError, ValueError, OSError):
        what = say("{name} is not a time zone", name=name)
        yield document.problem(path, what, say("use a name such as Asia/Shanghai or Europe/Berlin"))


def crossed(document: Document, low: KeyPath, high: KeyPath) -> Iterator[Problem]:
    """A problem where the number at `low` is above the one at `high`."""
    least, most = whole(document, *low), whole(document, *high)
    if least is not None and most is not None and least > most:
        what = say("{low} {least} is above {high} {most}", low=low[-1], least=least, high=high[-1], most=most)
        yield document.problem(low, what, say("swap them, or raise {high}", high=high[-1]))
