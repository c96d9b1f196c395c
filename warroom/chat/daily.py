"""Looks every minute whether a digest is to be sent; the log remembers which were, so that none is sent twice."""

from __future__ import annotations

from collections.abc import Sequence

from campaign.language import Text
from campaign.plan import Plan
from campaign.store.events import Act, Event
from campaign.workspace import Workspace
from playbooks.readiness.publish import review
from playbooks.readiness.record import record_on_log, workspace_log
from warroom.chat.digest import KIND, digest, digest_due
from warroom.chat.messages import Message
from warroom.chat.sending import Sender
from warroom.chat.targets import Target
from warroom.service.looking import Looking
from warroom.service.site import Site

LOOK_EVERY_SECONDS = 60.0


class AlreadySent(Exception):
    """Another process of this workspace was quicker."""


class Daily:
    """One thread per service; the log decides which of several services sends."""

    def __init__(self, site: Site, sender: Sender, address: str = "") -> None:
        self.site, self.sender, self.address = site, sender, address
        self._looking = Looking("digests", self.look, LOOK_EVERY_SECONDS)

    def start(self) -> None:
        self._looking.start()

    def stop(self) -> None:
        self._looking.stop()

    def look(self) -> None:
        """Send every digest that is due now."""
        workspace, now = self.site.workspace(), self.site.clock()
        events = workspace_log(workspace).events()
        for plan in workspace.plans:
            day = digest_due(plan, workspace.settings, events, now)
            if day is not None:
                self._send(workspace, plan, day)

    def _send(self, workspace: Workspace, plan: Plan, day: str) -> None:
        now = self.site.clock()
        zone = workspace.settings.zone_of(plan)
        link = f"{self.address}/campaigns/{plan.id}/checklist" if self.address else ""
        title, lines = digest(review(workspace, plan.id, now).checklist, plan, zone, now, link)

        def once(earlier: Sequence[Event]) -> Act:
            if digest_due(plan, workspace.settings, earlier, now) is None:
                raise AlreadySent
            return Act(kind=KIND, campaign=plan.id, subject=day, actor="surgeplan", role="surgeplan", at_utc=now)

        try:
            record_on_log(workspace, once)
        except AlreadySent:
            return
        if lines:
            self.sender.tell(lambda target: message(title, lines, target, workspace))


def message(title: Text, lines: list[Text], target: Target, workspace: Workspace) -> Message:
    """The words in the target's language, else the workspace's."""
    language = target.language or workspace.settings.language
    return Message(title.speak(language), [line.speak(language) for line in lines])
