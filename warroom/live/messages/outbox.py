"""Sends what waits in the outbox, letter by letter; a restart goes on where it was, and sends nothing twice.

A letter is marked as being sent before the request and as sent after its answer. One that was being sent when its
process ended is never sent again, because nobody can say whether it arrived: the next hour's message says so.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from campaign.store.live import Letter, LetterState, LiveStore
from warroom.chat.sending import Sender
from warroom.chat.targets import Target
from warroom.live.messages.posting import message_of, name_of
from warroom.service.looking import Looking

LOG = logging.getLogger("surgeplan.live")
LEASE = timedelta(minutes=15)  # longer than one try may wait for a platform's limits and its answer
PAUSE = timedelta(seconds=20)
TRIES_MOST = 8  # the last about 40 minutes after the first
LOOK_EVERY_SECONDS = 5.0
PATIENCE_SECONDS = 30.0  # a letter that is cut short is never sent again


def drain(store: LiveStore, sender: Sender, clock: Callable[[], datetime]) -> int:
    """Send every letter that is due; returns how many were taken.

    Raises:
        UserError: the store cannot be read or written.
    """
    targets = {name_of(target): target for target in sender.targets}
    taken = 0
    while (letter := store.claim(clock(), LEASE, PAUSE)) is not None:
        state = _send(letter, targets.get(letter.target), sender)
        store.mark(letter.key, state, clock())
        taken += state == "sent"
    return taken


def _send(letter: Letter, target: Target | None, sender: Sender) -> LetterState:
    if target is None:
        LOG.warning("%s: its target is not in SURGEPLAN_CHAT any more", letter.key)
        return "refused"
    taken, again, why = sender.deliver(message_of(letter), target)
    if taken:
        return "sent"
    LOG.warning("%s: %s did not take it: %s", letter.key, target.platform, why)
    return "waiting" if again and letter.tries + 1 < TRIES_MOST else "refused"


class Postman:
    """One thread per service that drains the outbox."""

    def __init__(self, open_store: Callable[[], LiveStore], sender: Sender, clock: Callable[[], datetime]) -> None:
        self.open_store, self.sender, self.clock = open_store, sender, clock
        self._looking = Looking("outbox", self.look, LOOK_EVERY_SECONDS, PATIENCE_SECONDS)

    def start(self) -> None:
        if self.sender.targets:
            self._looking.start()

    def stop(self) -> None:
        self._looking.stop()

    def look(self) -> None:
        """Send what is due.

        Raises:
            UserError: the store cannot be read or written.
        """
        drain(self.open_store(), self.sender, self.clock)
