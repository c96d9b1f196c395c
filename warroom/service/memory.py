"""What was read is kept until a file it came from changes, so that two hundred phones cost little more than one."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from campaign.language import Language
from campaign.store.database import STATE_URL, STORE
from campaign.workspace import SETTINGS, Workspace, language_of, open_workspace
from playbooks.readiness.evidence import Evidence
from playbooks.readiness.gather import Named, read_files
from playbooks.readiness.publish import Review, review
from playbooks.readiness.record import workspace_log

Kept = TypeVar("Kept")
REVIEW_SECONDS = 15
READ_BY_REVIEWS = ("history", "evidence", "out/capacity", "metrics.yaml", "checklist.yaml")
LOG_FILES = (STORE, f"{STORE}-wal")

Stamp = tuple[str, int, int]
"""A file's path, its date in nanoseconds and its size in bytes."""


class Memory:
    """Workspace, language and reviews of one folder, each made by one thread while others that want it wait.

    Safe for several threads; refusals are not kept.
    """

    def __init__(self) -> None:
        self._kept: dict[str, tuple[object, object]] = {}
        self._locks: dict[str, threading.Lock] = {}

    def workspace(self, folder: Path) -> Workspace:
        """The workspace as its settings and plans say now, compared by content."""
        return self._remembered("workspace", lambda: _contents(folder), lambda: open_workspace(folder))

    def language(self, folder: Path) -> Language:
        return self._remembered("language", lambda: _bytes(folder / SETTINGS), lambda: language_of(folder))

    def review(self, workspace: Workspace, campaign: str, now: datetime) -> Review:
        """A campaign's checklist; older than a quarter of a minute, or than anything it rests on, it is made anew."""
        instant = int(now.timestamp()) // REVIEW_SECONDS
        return self._remembered(
            f"review:{campaign}",
            lambda: (instant, _log(workspace), _rests_on(workspace, campaign)),
            lambda: review(workspace, campaign, now, read=self.files),
        )

    def files(self, workspace: Workspace, campaign: str, named: Named) -> Evidence:
        """What a review reads besides the log: the slow part of it, which no signature changes."""
        attached = [workspace.folder / path for path in sorted(named.attachments)]
        return self._remembered(
            f"files:{campaign}",
            lambda: (named, _rests_on(workspace, campaign), _stamps(attached)),
            lambda: read_files(workspace, campaign, named),
        )

    def _remembered(self, name: str, key: Callable[[], object], make: Callable[[], Kept]) -> Kept:
        """What is kept under a name while its key is the present one.

        The key is taken before its value is made: a file that changes in between makes the value old at once. Whoever
        waited for the lock takes the key again, since it may have changed meanwhile.
        """
        kept = self._kept.get(name)
        if kept is None or kept[0] != key():
            with self._locks.setdefault(name, threading.Lock()):
                present, kept = key(), self._kept.get(name)
                if kept is None or kept[0] != present:
                    kept = self._kept[name] = (present, make())
        return kept[1]  # type: ignore[return-value]


def _contents(folder: Path) -> str:
    told = hashlib.sha256()
    for path in (folder / SETTINGS, *sorted((folder / "campaigns").glob("*.yaml"))):
        told.update(path.name.encode() + b"\0" + _bytes(path) + b"\0")
    return told.hexdigest()


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _log(workspace: Workspace) -> object:
    """What changes with every act; a database that others write to as well is asked for its newest."""
    if os.environ.get(STATE_URL):
        newest = workspace_log(workspace).newest()
        return newest.hash if newest else None
    return _stamps([workspace.folder / name for name in LOG_FILES])


def _rests_on(workspace: Workspace, campaign: str) -> object:
    """What changes with every file that a review may read, the log aside."""
    roots = [workspace.out(campaign), *(workspace.folder / name for name in READ_BY_REVIEWS)]
    return _contents(workspace.folder), _stamps(roots)


def _stamps(roots: Iterable[Path]) -> tuple[Stamp, ...]:
    """Of every file that is or lies below one of the roots; those that are missing have none."""
    return tuple(sorted(stamp for root in roots for stamp in _stamps_at(root)))


def _stamps_at(root: Path) -> Iterator[Stamp]:
    try:
        if root.is_dir():
            yield from _stamps_below(str(root))
        else:
            found = root.stat()
            yield str(root), found.st_mtime_ns, found.st_size
    except OSError:  # not there, or gone since its folder was listed: then its folder is listed again soon
        return


def _stamps_below(folder: str) -> Iterator[Stamp]:
    """Every page asks: this is four times as quick as paths are."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _stamps_below(entry.path)
            else:
                found = entry.stat()
                yield entry.path, found.st_mtime_ns, found.st_size
