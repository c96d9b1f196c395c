"""What was read is kept until a file it came from changes, so that two hundred phones cost little more than one."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable, Iterable
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from campaign.language import Language
from campaign.store.database import STATE_URL
from campaign.workspace import SETTINGS, Workspace, language_of, open_workspace
from playbooks.readiness.publish import Review, review

Kept = TypeVar("Kept")
REVIEW_SECONDS = 15
READ_BY_REVIEWS = ("history", "evidence", "state", "metrics.yaml", "metrics.archive.jsonl", "checklist.yaml")


class Memory:
    """Workspace, language and reviews of one folder. Safe for several threads; refusals are not kept."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[object, object]] = {}

    def workspace(self, folder: Path) -> Workspace:
        """The workspace as its settings and plans say now, compared by content."""
        return self._remembered("workspace", _contents(folder), lambda: open_workspace(folder))

    def language(self, folder: Path) -> Language:
        return self._remembered("language", _bytes(folder / SETTINGS), lambda: language_of(folder))

    def review(self, workspace: Workspace, campaign: str, now: datetime) -> Review:
        """A campaign's checklist; older than a quarter of a minute, or than any file it rests on, it is made anew."""
        instant = int(now.timestamp()) // REVIEW_SECONDS
        if os.environ.get(STATE_URL):  # acts of other services cannot be seen in a file's date
            return review(workspace, campaign, now)
        key = (instant, id(workspace), _stamps(workspace, campaign))
        return self._remembered(f"review:{campaign}", key, lambda: review(workspace, campaign, now))

    def _remembered(self, name: str, key: object, make: Callable[[], Kept]) -> Kept:
        with self._lock:
            kept_key, kept = self._kept.get(name, (None, None))
            if kept is None or kept_key != key:
                kept = make()
                self._kept[name] = (key, kept)
            return kept  # type: ignore[return-value]


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


def _stamps(workspace: Workspace, campaign: str) -> tuple[tuple[str, int, int], ...]:
    """Name, date and size of every file that a review may rest on."""
    roots = [workspace.out(campaign), workspace.folder / "out" / "capacity"]
    roots += [workspace.folder / name for name in READ_BY_REVIEWS]
    return tuple(stamp for root in roots for stamp in _stamps_below(root))


def _stamps_below(root: Path) -> Iterable[tuple[str, int, int]]:
    paths = [root] if root.is_file() else sorted(path for path in root.rglob("*") if path.is_file())
    for path in paths:
        try:
            found = path.stat()
        except OSError:  # gone since it was listed
            continue
        yield str(path), found.st_mtime_ns, found.st_size
