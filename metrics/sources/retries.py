"""Asking again: what may pass by itself is tried anew, each time after a longer pause."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TypeVar

from campaign.language import Text

Answer = TypeVar("Answer")

ATTEMPTS = 5
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 1.0, 60.0


class Passing(Exception):
    """A failure that may pass: no connection, too many requests, a server in trouble.

    reason: what failed, in words or as the other side said it. retry_after_seconds: the pause the server asked for.
    """

    def __init__(self, reason: Text | str, retry_after_seconds: float | None = None) -> None:
        super().__init__(reason.speak("en") if isinstance(reason, Text) else reason)
        self.reason = reason
        self.retry_after_seconds = retry_after_seconds


def persistently(
    ask: Callable[[], Answer], sleep: Callable[[float], None], rng: random.Random, attempts: int = ATTEMPTS
) -> Answer:
    """The answer of `ask`, tried up to `attempts` times with doubling pauses (full jitter between half and all of it).

    Raises:
        Passing: of the last attempt.
    """
    pause = FIRST_PAUSE_SECONDS
    for attempt in range(1, attempts + 1):
        try:
            return ask()
        except Passing as failure:
            if attempt == attempts:
                raise
            asked = failure.retry_after_seconds
            sleep(min(asked, LONGEST_PAUSE_SECONDS) if asked is not None else pause * rng.uniform(0.5, 1.0))
            pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
    raise AssertionError("attempts is at least one")
