"""Whether what is said rests on figures: GO without any is no GO."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from warroom.live.due import HOUR, MINUTE
from warroom.live.records import LiveState

Sight = Literal["unseen", "seen", "blind", "over"]
"""unseen: nothing was measured, and nothing had to be yet; seen: there are figures of now; blind: it runs, and of the
last two hours there are none; over: the campaign has ended, what stands is its last state."""

BLIND_AFTER = 2 * HOUR
"""An hour is told within 12 minutes of its end, the next one an hour later; a source may take half an hour more."""


def known_until(state: LiveState) -> datetime | None:
    """The end of the newest minute or hour of requests that is known; None before the first."""
    ends = [state.minutes_at + MINUTE] if state.minutes_at else []
    ends += [m.newest.starts_at + HOUR for m in state.metrics if m.name == "requests" and m.newest]
    return max(ends, default=None)


def sight_of(state: LiveState) -> Sight:
    until, began = known_until(state), state.now - state.clock.since_start
    if state.clock.phase in ("after", "closed"):
        return "over"
    if state.clock.phase == "running" and state.now - max(until or began, began) > BLIND_AFTER:
        return "blind"
    return "seen" if until else "unseen"
