"""The two clocks in the service: each looks twice a minute whether an hour is due, or a minute is to be watched.

They are two threads: an hour whose sources take minutes to fail keeps no minute from being watched.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import partial

from campaign.errors import UserError
from campaign.language import say
from campaign.plan import Plan
from campaign.workspace import Workspace
from warroom.chat.targets import Target
from warroom.live.clocks.minutes import look
from warroom.live.clocks.sync import sync, synced_hours
from warroom.live.due import due_hour, jitter, minute_watch
from warroom.live.state import live_store
from warroom.service.looking import Looking
from warroom.service.site import Site
from warroom.service.troubles import Work

LOG = logging.getLogger("surgeplan.live")
LOOK_SECONDS = 30.0


class Live:
    """Every look asks the store what is due, so a restart forgets nothing."""

    def __init__(self, site: Site, targets: Sequence[Target], sleep: Callable[[float], None] = time.sleep) -> None:
        self.site, self.targets, self.sleep = site, targets, sleep
        self._looked: dict[str, datetime] = {}
        self._minutes = Looking("live minutes", partial(self._each, "minute", self._minute), LOOK_SECONDS, at_once=True)
        self._hours = Looking("live hours", partial(self._each, "hour", self._hour), LOOK_SECONDS, at_once=True)

    def start(self) -> None:
        for clock in (self._minutes, self._hours):
            clock.start()

    def stop(self) -> None:
        """What is half done is done again by whoever comes next."""
        for clock in (self._minutes, self._hours):
            clock.end()
        for clock in (self._minutes, self._hours):
            clock.stop()

    def look(self) -> None:
        """Do what is due now, by the minute and hourly.

        Raises:
            UserError: the workspace cannot be read.
        """
        self._each("minute", self._minute)
        self._each("hour", self._hour)

    def _each(self, work: Work, do: Callable[[Workspace, Plan, datetime], None]) -> None:
        """Campaign by campaign; one that fails does not keep the others from theirs, and its page says why."""
        workspace, clock = self.site.workspace(), self._minutes if work == "minute" else self._hours
        for plan in workspace.plans:
            if clock.stopped:
                return
            now = self.site.clock()
            try:
                do(workspace, plan, now)
            except UserError as error:
                LOG.warning("%s: %s", plan.id, error)
                self.site.troubles.failed(plan.id, work, now, error.problems[0].sentence())
            except Exception:  # whatever it is, the next look tries again: nobody restarts a war room at midnight
                LOG.exception("%s: a look failed", plan.id)
                self.site.troubles.failed(plan.id, work, now, say("a fault of surgeplan, see the service's log"))
            else:
                self.site.troubles.done(plan.id, work)

    def _minute(self, workspace: Workspace, plan: Plan, now: datetime) -> None:
        if minute_watch(plan, now) and self._minute_is_due(plan, now):
            look(workspace, plan.id, now, self.targets)
            self._looked[plan.id] = now

    def _hour(self, workspace: Workspace, plan: Plan, now: datetime) -> None:
        late = jitter(workspace.folder, plan.id)
        # Whether there may be an hour at all is told without the store: most campaigns are long over.
        if due_hour(plan, (), now, late) is not None:
            hour = due_hour(plan, synced_hours(live_store(workspace), plan), now, late)
            if hour is not None:
                sync(workspace, plan.id, now, self.targets, self.sleep)

    def _minute_is_due(self, plan: Plan, now: datetime) -> bool:
        """Not twice within half a minute, whichever way the clock was moved."""
        before = self._looked.get(plan.id)
        return before is None or abs((now - before).total_seconds()) >= LOOK_SECONDS - 5
