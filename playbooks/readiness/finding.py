"""What a check finds."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from campaign.language import Text, say
from campaign.readiness import State


@dataclass(frozen=True)
class Finding:
    """A state, why, and when the evidence for it was made (where that is known)."""

    state: State
    note: Text | None = None
    made_at_utc: datetime | None = None


PASS, PENDING = Finding("pass"), Finding("pending")


def joined(texts: list[Text]) -> Text:
    """Several findings as one sentence."""
    if len(texts) == 1:
        return texts[0]
    return say("{first}; {rest}", first=texts[0], rest=joined(texts[1:]))
