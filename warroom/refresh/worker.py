"""Makes due forecasts one after another in a process of their own, so that pages stay quick; one thread watches."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime

from campaign.errors import UserError
from campaign.language import Text
from campaign.workspace import Workspace
from warroom.plans.overview import model_of
from warroom.refresh.changes import Level, level_of, told
from warroom.refresh.due import due
from warroom.service.site import Site

LOG = logging.getLogger("surgeplan.refresh")
LOOK_EVERY_SECONDS = 60.0
FORECAST_SECONDS_MAX = 900
RETRY_AFTER_SECONDS = 3600.0
SETTLED_SECONDS, SETTLED_SECONDS_MAX = 5.0, 60.0

Tell = Callable[[Workspace, str, tuple[Text, ...]], object]
"""(workspace, campaign, sentences): the owners hear what a new forecast changed."""


class Refresher:
    """Looks for due forecasts every minute, and soon after it was poked; stops with the service.

    settled_seconds: for so long nobody must have poked it again.
    """

    def __init__(self, site: Site, tell: Tell, settled_seconds: float = SETTLED_SECONDS) -> None:
        self.site, self.tell, self.settled_seconds = site, tell, settled_seconds
        self._poked, self._stopped = threading.Event(), threading.Event()
        self._failed: dict[str, datetime] = {}
        self._running: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._watch, name="forecasts", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def poke(self, campaign: str) -> None:
        """A plan was submitted: look soon, and try again even if its last forecast failed."""
        self._failed.pop(campaign, None)
        self._poked.set()

    def stop(self) -> None:
        """End the forecast that runs; its files are replaced only when it is done, so nothing is half-written."""
        self._stopped.set()
        self._poked.set()
        if self._running is not None:
            self._running.terminate()
        self._thread.join(timeout=10)

    def _watch(self) -> None:
        while not self._stopped.is_set():
            self._poked.clear()
            try:
                self._refresh()
            except UserError as error:
                LOG.warning("the workspace cannot be read: %s", error)
            if self._poked.wait(LOOK_EVERY_SECONDS):
                self._settle()

    def _settle(self) -> None:
        """Plans are often saved several times in a row: one forecast does for all, but nobody waits for ever."""
        latest = time.monotonic() + SETTLED_SECONDS_MAX
        while self._poked.is_set() and not self._stopped.is_set() and time.monotonic() < latest:
            self._poked.clear()
            self._poked.wait(self.settled_seconds)

    def _refresh(self) -> None:
        workspace, now = self.site.workspace(), self.site.clock()
        for campaign in due(workspace, now):
            failed = self._failed.get(campaign)
            if self._stopped.is_set() or (failed and (now - failed).total_seconds() < RETRY_AFTER_SECONDS):
                continue
            before = level_of(model_of(workspace, campaign))
            if self._forecast(campaign, now):
                self._tell(workspace, campaign, before)
            else:
                self._failed[campaign] = now

    def _forecast(self, campaign: str, now: datetime) -> bool:
        command = [
            "nice",
            "-n",
            "19",
            sys.executable,
            "-m",
            "surgeplan",
            "forecast",
            campaign,
            "--workspace",
            str(self.site.folder),
        ]
        command += ["--now", now.isoformat(), "--as-of", now.isoformat(), "--lang", "en"]
        self._running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            _, said = self._running.communicate(timeout=FORECAST_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self._running.kill()
            _, said = self._running.communicate()
        code, self._running = self._running.returncode, None
        if code:
            LOG.warning("forecast of %s ended with %s: %s", campaign, code, said.decode("utf-8", "replace")[-500:])
        return code == 0

    def _tell(self, workspace: Workspace, campaign: str, before: Level | None) -> None:
        model = model_of(workspace, campaign)
        if model is not None:
            sentences = told(before, model, workspace.settings.zone)
            if sentences:
                self.tell(workspace, campaign, sentences)
