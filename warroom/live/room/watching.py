"""One look at the war room for everyone who watches: made once for each change and minute, rendered once per view.

It is as of the whole minute, so that what is made again within it says something else only where something changed.
Whoever comes while it is made again gets what there is; nobody waits but the first. What a page says is named by a tag
of its content, so that a phone that has it already is answered with nothing.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime

from campaign.errors import UserError
from campaign.store.database import STATE_URL, STORE
from campaign.workspace import Workspace
from metrics.dictionary import DICTIONARY
from playbooks.growth.policy import RULES
from playbooks.readiness.publish import Review
from warroom.live.room.war_room import WarRoom, open_war_room
from warroom.live.state import SYNC, live_store
from warroom.service.kept import stamp_of
from warroom.service.site import Site

LOOK_EVERY_SECONDS = 1.0
"""How often files are looked at; so old may be what a page says of what somebody else just did."""
SHARE_MOST = 0.2
"""The most that looking may take of one core, however often something changes."""
AGAIN_SECONDS = 5.0
"""When a look that failed is tried again."""
ELSEWHERE_SECONDS = 5
"""How often a store is read whose changes no file shows (SURGEPLAN_STATE)."""
WATCHED = (STORE, f"{STORE}-wal", RULES, DICTIONARY)
WATCHED_OUT = (
    "traffic.json",
    "loadtest/results.json",
    "playbook/autoscaling.json",
    "playbook/staffing.csv",
    "effects.json",
    "live",
)


@dataclass(frozen=True)
class View:
    """A page as it is sent, and the tag of its content."""

    text: str
    tag: str


@dataclass(frozen=True)
class Failed:
    """Since when a newer look could not be made, and why."""

    since: datetime
    error: UserError


@dataclass
class Seen:
    """The newest look at one campaign, what it was made from, and the views of it that were asked for."""

    room: WarRoom
    workspace: Workspace
    key: object
    failed: Failed | None = None
    _views: dict[Hashable, View] = field(default_factory=dict)
    _locks: dict[Hashable, threading.Lock] = field(default_factory=dict)

    def view(self, name: Hashable, render: Callable[[WarRoom, Failed | None], str]) -> View:
        """One view of it, rendered once."""
        known = self._views.get(name)
        if known is not None:
            return known
        with self._locks.setdefault(name, threading.Lock()):
            found = self._views.get(name)
            if found is None:
                text = render(self.room, self.failed)
                found = View(text, hashlib.sha256(text.encode()).hexdigest()[:24])
                self._views[name] = found
            return found


class Watching:
    """The newest look at each campaign. Safe for several threads."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._seen: dict[str, Seen] = {}
        self._next_look: dict[str, float] = {}
        self._making: dict[str, threading.Lock] = {}
        self._refused: dict[str, tuple[float, UserError]] = {}

    def look(self, campaign: str, *, now_at_least: bool = False) -> Seen:
        """What is known; at most a second old, or older where it takes long to make.

        now_at_least: with everything that was written before this call, for whoever just wrote it.

        Raises:
            UserError: no such campaign, or it was never seen and cannot be now.
        """
        seen = self._seen.get(campaign)
        if seen is not None and not now_at_least and time.monotonic() < self._next_look[campaign]:
            return seen
        if seen is None:
            self.site.workspace().plan(campaign)  # what does not exist is given no lock
        making = self._making.setdefault(campaign, threading.Lock())
        if not making.acquire(blocking=seen is None or now_at_least):
            return seen if seen is not None else self._seen[campaign]
        try:
            return self._look(campaign)
        finally:
            making.release()

    def _look(self, campaign: str) -> Seen:
        began = time.thread_time()
        until, why = self._refused.get(campaign, (0.0, None))
        if why is not None and time.monotonic() < until:
            raise why
        try:
            found = self._made(campaign, self._seen.get(campaign))
        except UserError as error:  # those who wait for the first look are told, too, and try no more often
            self._refused[campaign] = time.monotonic() + AGAIN_SECONDS, error
            raise
        pause = AGAIN_SECONDS if found.failed else max(LOOK_EVERY_SECONDS, (time.thread_time() - began) / SHARE_MOST)
        self._seen[campaign] = found
        self._next_look[campaign] = time.monotonic() + pause
        return found

    def _made(self, campaign: str, seen: Seen | None) -> Seen:
        now = whole_minute(self.site.clock())
        try:
            workspace = self.site.workspace()
            troubles = self.site.troubles.of(campaign)
            key = (troubles, _key(workspace, campaign, now))
            if seen is not None and seen.failed is None and seen.workspace is workspace and seen.key == key:
                return seen
            live_store(workspace).document(campaign, SYNC)  # that it is locked is known before much is made
            room = open_war_room(workspace, campaign, now, self._review(campaign), troubles)
            return Seen(room, workspace, key)
        except UserError as error:
            if seen is None:
                raise
            since = seen.failed.since if seen.failed else now
            return Seen(seen.room, seen.workspace, None, Failed(since, error))

    def _review(self, campaign: str) -> Review | UserError:
        """The checklist; a file of it that cannot be read takes only its own blocks away."""
        try:
            return self.site.review(campaign)
        except UserError as error:
            return error


def whole_minute(now: datetime) -> datetime:
    return now.replace(second=0, microsecond=0)


def _key(workspace: Workspace, campaign: str, now: datetime) -> object:
    """Everything that a look may show otherwise: the minute, the store, and the files beside it."""
    out = workspace.out(campaign)
    files = [*(workspace.folder / name for name in WATCHED), *(out / name for name in WATCHED_OUT)]
    elsewhere = int(now.timestamp()) // ELSEWHERE_SECONDS if os.environ.get(STATE_URL) else 0
    return int(now.timestamp()) // 60, elsewhere, tuple(map(stamp_of, files))
