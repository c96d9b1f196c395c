"""Contacts by desk and by what they were about: `chat`, or `chat/refund` where an export tells the intent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, get_args

from metrics.intake.records import Buckets

MEASURES = ("contacts", "bot_handled", "bot_resolved")
DeskColumn = Literal[
    "contacts_offered", "contacts_in_time", "contacts_abandoned", "contacts_waiting", "agents_logged_in"
]
SERVED: tuple[DeskColumn, ...] = get_args(DeskColumn)
"""How a desk served in a bucket: contacts that wanted a person, those served as the desk promises, those who gave up,
those who waited at its end; people signed in for them."""
STATES = SERVED[3:]
"""Of these, what is at an instant, not counted over the bucket."""
SEPARATOR = "/"


def contact_key(desk: str, intent: str) -> str:
    """The key of a desk's buckets; desks' names have no slash."""
    return f"{desk}{SEPARATOR}{intent}" if intent else desk


def desk_and_intent(key: str) -> tuple[str, str]:
    desk, _, intent = key.partition(SEPARATOR)
    return desk, intent


def without_repeated_totals(parts: Sequence[Buckets]) -> list[Buckets]:
    """The same parts; where one tells a desk's intents, what others say of the whole desk then is left out of them."""
    told: dict[str, set[int]] = defaultdict(set)
    for part in filter(_has_intents, parts):
        for key, at in part.values:
            told[desk_and_intent(key)[0]].update(_minutes(at, part.seconds))
    return [part if _has_intents(part) else _outside(part, told) for part in parts]


def _has_intents(part: Buckets) -> bool:
    return any(SEPARATOR in key for key, _ in part.values)


def _outside(part: Buckets, told: Mapping[str, set[int]]) -> Buckets:
    values = {
        (desk, at): figure
        for (desk, at), figure in part.values.items()
        if desk not in told or told[desk].isdisjoint(_minutes(at, part.seconds))
    }
    return replace(part, values=values)


def _minutes(at: int, seconds: int) -> range:
    return range(at // 60, (at + seconds) // 60)
