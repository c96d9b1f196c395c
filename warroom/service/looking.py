"""A thread that looks again and again until the service stops."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from campaign.errors import UserError

LOG = logging.getLogger("surgeplan.looking")


class Looking:
    """Calls `look` every `every_seconds`; a refusal is logged and the next look tries again.

    patience_seconds: how long stopping waits for a look that is under way. at_once: the first look is at the start.
    """

    def __init__(
        self,
        name: str,
        look: Callable[[], object],
        every_seconds: float,
        patience_seconds: float = 10.0,
        *,
        at_once: bool = False,
    ) -> None:
        self.name, self.look, self.every_seconds, self.patience_seconds = name, look, every_seconds, patience_seconds
        self.at_once = at_once
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=name, daemon=True)

    @property
    def stopped(self) -> bool:
        return self._stopped.is_set()

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """Begin no further look."""
        self._stopped.set()

    def stop(self) -> None:
        """Wait for a look that is under way, but not for ever."""
        self.end()
        if self._thread.is_alive():
            self._thread.join(timeout=self.patience_seconds)

    def _watch(self) -> None:
        wait_seconds = 0.0 if self.at_once else self.every_seconds
        while not self._stopped.wait(wait_seconds):
            wait_seconds = self.every_seconds
            try:
                self.look()
            except UserError as error:
                LOG.warning("%s: %s", self.name, error)
