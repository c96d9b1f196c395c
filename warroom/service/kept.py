"""Values that are made once for all who ask, and anew when what they came from has changed."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

Value = TypeVar("Value")

MOMENT_SECONDS = 0.5
"""How long a value is taken for right by who is not patient: looking whether it is costs more than to send it."""


def stamp_of(path: Path | None) -> tuple[int, int] | None:
    """A file's date in nanoseconds and its size in bytes; None where it is not there."""
    try:
        found = path.stat() if path else None
    except OSError:
        return None
    return (found.st_mtime_ns, found.st_size) if found else None


@dataclass
class _Place:
    """What is kept under one name: its key and the value, found right at `found`; one thread at a time makes it.

    failed: when it could not be made the last time, and why.
    """

    lock: threading.Lock = field(default_factory=threading.Lock)
    kept: tuple[object, Any] | None = None
    found: float = 0.0
    failed: tuple[float, Exception] | None = None


class Kept:
    """Values by name, at most `most` of them: those asked for last. Safe for several threads.

    Errors are not kept: only who waited while it could not be made is told the same, instead of failing as slowly."""

    def __init__(self, most: int = 256) -> None:
        self._most = most
        self._guard = threading.Lock()
        self._places: OrderedDict[Hashable, _Place] = OrderedDict()

    def get(
        self, name: Hashable, key: Callable[[], object], make: Callable[[], Value], *, patient: bool = True
    ) -> Value:
        """The value under a name while its key is the present one, else a new one; others that want it wait.

        Who is not patient gets the value before while another is made, and what was right half a second ago.

        The key is taken before the value is made: what changes in between makes the value old at once. Whoever waited
        takes the key again, since it may have changed meanwhile.
        """
        place = self._place(name)
        kept = place.kept
        if patient or kept is None or not (place.lock.locked() or time.monotonic() < place.found + MOMENT_SECONDS):
            kept = self._right(place, kept, key, make)
        value: Value = kept[1]
        return value

    def _right(
        self,
        place: _Place,
        kept: tuple[object, Any] | None,
        key: Callable[[], object],
        make: Callable[[], Value],
    ) -> tuple[object, Any]:
        looked = time.monotonic()
        if kept is None or kept[0] != key():
            with place.lock:
                if place.failed is not None and place.failed[0] > looked:
                    raise place.failed[1]
                looked, present, kept = time.monotonic(), key(), place.kept
                if kept is None or kept[0] != present:
                    kept = place.kept = (present, _made(place, make))
        place.found = looked
        return kept

    def doubt(self, name: Hashable) -> None:
        """Something that the value rests on was changed: nobody takes it for right without looking."""
        self._place(name).found = 0.0

    def last(self, name: Hashable) -> Any:
        """The value that was made last under a name, however old; None before the first."""
        with self._guard:
            place = self._places.get(name)
        return place.kept[1] if place and place.kept else None

    def _place(self, name: Hashable) -> _Place:
        with self._guard:
            place = self._places.setdefault(name, _Place())
            self._places.move_to_end(name)
            if len(self._places) > self._most:
                self._places.popitem(last=False)
            return place


def _made(place: _Place, make: Callable[[], Value]) -> Value:
    try:
        return make()
    except Exception as error:
        place.failed = (time.monotonic(), error)
        raise
