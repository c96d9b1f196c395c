"""The war room while an event is played: at each sync it sees what has come so far and may raise floors.

What it makes of what it sees comes from outside, as a function; here is when it is asked, what it is shown, and when
what it decides takes effect. A raised floor is held for some hours and taken back unless a later sync raises it again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from playbooks.simulation.fleet import Ticks
from playbooks.simulation.hpa import Counts, Rates

Rule = Callable[[int, NDArray[np.float32], Counts], Counts]
"""rule(sync, came, running): floors [row, path] that are wanted, zero where nothing is to be done.

sync: its index. came: mean requests per second [row, path, interval] in the intervals that have ended by then, and no
others. running: ready replicas [row, path], zero where only the war room's own floor holds them.
"""


@dataclass(frozen=True)
class WarRoom:
    """syncs: minutes in which it meets, in order. interval_minutes: of what it is shown, counted from minute 0.

    reaction_seconds: from a sync until the floor is raised; replicas then start as any others do.
    """

    rule: Rule
    syncs: tuple[int, ...]
    interval_minutes: int
    reaction_seconds: float
    hold_minutes: int


@dataclass(frozen=True)
class _Raise:
    """In effect in ticks [first, last)."""

    first: int
    last: int
    floor: Counts


@dataclass
class Meeting:
    """A war room at work. came: mean requests per second [row, path, interval]; lately: the sum over the ticks of the
    interval that lasts. acts: [row, path], how often it raised a floor above what it had raised before."""

    room: WarRoom
    ticks: Ticks
    came: NDArray[np.float32]
    lately: Rates
    acts: Counts
    raises: list[_Raise] = field(default_factory=list)

    @classmethod
    def begun(cls, room: WarRoom, ticks: Ticks, rows: int, paths: int, minutes: int) -> Meeting:
        intervals = -(-minutes // room.interval_minutes)
        came = np.zeros((rows, paths, intervals), np.float32)
        return cls(room, ticks, came, np.zeros((rows, paths)), np.zeros((rows, paths), np.int64))

    @property
    def _interval_ticks(self) -> int:
        return self.room.interval_minutes * self.ticks.per_minute

    def meet(self, tick: int, ready: Counts) -> None:
        """Ask the rule where this tick begins a sync's minute. ready: replicas [row, path]."""
        minute, within = divmod(tick, self.ticks.per_minute)
        if within or minute not in self.room.syncs:
            return
        ended = tick // self._interval_ticks
        held = self.floor_at(tick - 1)
        held = np.zeros_like(ready) if held is None else held
        running = np.where(held > 0, 0, ready)
        wanted = self.room.rule(self.room.syncs.index(minute), self.came[:, :, :ended], running)
        self.acts += wanted > held
        if wanted.any():
            first = tick + self.ticks.of_seconds(self.room.reaction_seconds)
            self.raises.append(_Raise(first, tick + self.room.hold_minutes * self.ticks.per_minute, wanted))

    def see(self, tick: int, load: Rates) -> None:
        """Requests per second [row, path] that came in this tick, those that came again with them."""
        self.lately += load
        interval, within = divmod(tick + 1, self._interval_ticks)
        if not within:
            self.came[:, :, interval - 1] = self.lately / self._interval_ticks
            self.lately[:] = 0.0

    def floor_at(self, tick: int) -> Counts | None:
        """[row, path]: the largest floor that is held; None where none is."""
        self.raises = [each for each in self.raises if tick < each.last]
        floors = [each.floor for each in self.raises if each.first <= tick]
        return np.maximum.reduce(floors) if floors else None
