"""The two clocks in the service: looks twice a minute whether an hour is due or a minute is to be watched."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime

from campaign.errors import UserError
from campaign.plan import Plan
from campaign.workspace import Workspace
from warroom.chat.targets import Target
from warroom.live.clocks.minutes import look
from warroom.live.clocks.sync import sync, synced_hours
from warroom.live.due import due_hour, jitter, minute_watch
from warroom.live.state import live_store
from warroom.service.looking import Looking
from warroom.service.site import Site

LOG = logging.getLogger("surgeplan.live")
LOOK_EVERY_SECONDS = 30.0


class Live:
    """One thread per service. Every look asks the store what is due, so a restart forgets nothing."""

    def __init__(self, site: Site, targets: Sequence[Target], sleep: Callable[[float], None] = time.sleep) -> None:
        self.site, self.targets, self.sleep = site, targets, sleep
        self._looked: dict[str, datetime] = {}
        self._looking = Looking("live", self.look, LOOK_EVERY_SECONDS)

    def start(self) -> None:
        self._looking.start()

    def stop(self) -> None:
        """What is half done is done again by whoever comes next."""
        self._looking.stop()

    def look(self) -> None:
        """Do what is due now, campaign by campaign; one that fails does not keep the others from theirs.

        Raises:
            UserError: the workspace cannot be read.
        """
        workspace = self.site.workspace()
        for plan in workspace.plans:
            if self._looking.stopped:
                return
            try:
                self._campaign(workspace, plan)
            except UserError as error:
                LOG.warning("%s: %s", plan.id, error)
            except Exception:  # whatever it is, the next look tries again: nobody restarts a war room at midnight
                LOG.exception("%s: a look failed", plan.id)

    def _campaign(self, workspace: Workspace, plan: Plan) -> None:
        now = self.site.clock()
        late = jitter(workspace.folder, plan.id)
        if minute_watch(plan, now) and self._minute_is_due(plan, now):
            look(workspace, plan.id, now, self.targets)
            self._looked[plan.id] = now
        # Whether there may be an hour at all is told without the store: most campaigns are long over.
        if due_hour(plan, (), now, late) is not None:
            hour = due_hour(plan, synced_hours(live_store(workspace), plan), now, late)
            if hour is not None:
                sync(workspace, plan.id, now, self.targets, self.sleep)

    def _minute_is_due(self, plan: Plan, now: datetime) -> bool:
        """Not twice within half a minute, whichever way the clock was moved."""
        before = self._looked.get(plan.id)
        return before is None or abs((now - before).total_seconds()) >= LOOK_EVERY_SECONDS - 5
