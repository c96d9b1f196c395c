"""What was read is kept until a file it came from changes, so that two hundred phones cost little more than one."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from campaign.language import Language
from campaign.store.database import STATE_URL, STORE
from campaign.workspace import SETTINGS, Workspace, language_of, open_workspace, plan_files
from playbooks.readiness.evidence import Evidence
from playbooks.readiness.gather import BROUGHT, Named, hashes_of, read_files
from playbooks.readiness.publish import Review, review
from playbooks.readiness.record import workspace_log
from warroom.service.kept import Kept

REVIEW_SECONDS = 15
READ_BY_REVIEWS = ("history", "out/capacity", "metrics.yaml", "checklist.yaml")
LOG_FILES = (STORE, f"{STORE}-wal")

Stamp = tuple[str, int, int]
"""A file's path, its date in nanoseconds and its size in bytes."""


class Memory:
    """Workspace, language and reviews of one folder. Safe for several threads; refusals are not kept."""

    def __init__(self) -> None:
        self._kept = Kept()

    def workspace(self, folder: Path, *, patient: bool = True) -> Workspace:
        """The workspace as its settings and plans say now, compared by content; without patience, a moment ago."""
        return self._kept.get("workspace", lambda: _contents(folder), lambda: open_workspace(folder), patient=patient)

    def language(self, folder: Path) -> Language:
        return self._kept.get("language", lambda: _bytes(folder / SETTINGS), lambda: language_of(folder))

    def review(self, workspace: Workspace, campaign: str, now: datetime, *, patient: bool = True) -> Review:
        """A campaign's checklist; older than a quarter of a minute, or than anything it rests on, it is made anew.

        patient: wait where that is under way, as whoever has just signed does.
        """
        instant = int(now.timestamp()) // REVIEW_SECONDS
        return self._kept.get(
            f"review:{campaign}",
            lambda: (instant, _log(workspace), _rests_on(workspace, campaign)),
            lambda: review(workspace, campaign, now, read=self.files),
            patient=patient,
        )

    def known_review(self, campaign: str) -> Review | None:
        found: Review | None = self._kept.last(f"review:{campaign}")
        return found

    def doubt(self, campaign: str) -> None:
        """Something was done to a campaign's checklist: whoever looks next sees it."""
        self._kept.doubt(f"review:{campaign}")

    def view(self, name: Hashable, of: object, make: Callable[[], str]) -> str:
        """A text made of one object, such as a review, until there is another."""
        return self._kept.get(("view", name), lambda: _Same(of), make)

    def files(self, workspace: Workspace, campaign: str, named: Named) -> Evidence:
        """What a review reads besides the log: the slow part of it, which no signature changes."""
        attached = [workspace.folder / path for path in sorted(named.attachments)]
        files = self._kept.get(
            f"files:{campaign}",
            lambda: (named.bundle, _read(workspace, campaign)),
            lambda: read_files(workspace, campaign, Named(named.bundle)),
        )
        hashes = self._kept.get(
            f"attachments:{campaign}",
            lambda: (named.attachments, _stamps(attached)),
            lambda: hashes_of(named.attachments, workspace),
        )
        return replace(files, attachments=hashes)


@dataclass(frozen=True, eq=False)
class _Same:
    """Equal to what holds the very same object: a workspace is made anew when a byte of it changes."""

    of: object

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and self.of is other.of

    def __hash__(self) -> int:
        return id(self.of)


def _contents(folder: Path) -> str:
    told = hashlib.sha256()
    for path in (folder / SETTINGS, *plan_files(folder)):
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
    return _read(workspace, campaign), _stamps([workspace.folder / "evidence"])


def _read(workspace: Workspace, campaign: str) -> object:
    """The same without what people attach."""
    evidence = [workspace.folder / "evidence" / name for name in _drilled_with(workspace, campaign)]
    roots = [workspace.out(campaign), *(workspace.folder / name for name in READ_BY_REVIEWS)]
    return _Same(workspace), _stamps([*roots, *(folder / name for folder in evidence for name in BROUGHT)])


def _drilled_with(workspace: Workspace, campaign: str) -> tuple[str, ...]:
    """The campaign and the promotion that it is a wave of."""
    promotion = next((plan.part_of for plan in workspace.plans if plan.id == campaign), None)
    return (campaign, promotion) if promotion else (campaign,)


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
