"""One act as it is kept, and the chain that shows when the log was edited.

Each event's hash covers its content and the hash before it, so a changed, removed or reordered event breaks every hash
after it. A chain without a key shows neither the removal of the newest events nor a full rewrite by whoever owns the
database: the newest hash (`head`) is therefore also put where others keep it, in chat messages and calendar files.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC
from typing import Any

from pydantic import AwareDatetime

from campaign.documents import FileRecord
from campaign.errors import Problem
from campaign.language import say

GENESIS = "0" * 64


class Act(FileRecord):
    """Something a person or a command did, before it has a place in the log.

    kind: sign, waive, decide, freeze …. subject: the item or gate it is about. body: what else belongs to it.
    """

    kind: str
    campaign: str
    subject: str
    actor: str
    role: str
    at_utc: AwareDatetime
    body: dict[str, Any] = {}


class Event(Act):
    """An act in its place: sequence numbers begin at 1 and have no holes."""

    sequence: int
    previous: str
    hash: str


def chained(act: Act, sequence: int, previous: str) -> Event:
    """The act as the log's next event."""
    content = act.model_dump() | {"at_utc": act.at_utc.astimezone(UTC)}
    return Event(**content, sequence=sequence, previous=previous, hash=_hash(act, sequence, previous))


def _hash(act: Act, sequence: int, previous: str) -> str:
    content = {
        **{key: getattr(act, key) for key in ("kind", "campaign", "subject", "actor", "role", "body")},
        "at_utc": act.at_utc.astimezone(UTC).isoformat(),
        "sequence": sequence,
        "previous": previous,
    }
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()


def chain_problems(events: Sequence[Event], place: str) -> list[Problem]:
    """Every place where the log is not what was written; empty for an untouched log. `place` names the log."""
    problems: list[Problem] = []
    previous = GENESIS
    for expected, event in enumerate(events, start=1):
        whole = event.sequence == expected and event.previous == previous
        if not whole or event.hash != _hash(event, event.sequence, event.previous):
            problems.append(
                Problem(
                    say("event {sequence} is not as it was written", sequence=event.sequence),
                    say("restore the newest backup whose head you trust; nothing after this event can be relied on"),
                    file=place,
                )
            )
        previous = event.hash
    return problems
