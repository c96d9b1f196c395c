"""Series by minute read and written some minutes at a time.

Series are kept [..., minute]. One minute of all of them is a stride apart in memory, a cache miss for each value; a few
minutes turned round at once are read and written side by side.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from playbooks.simulation.fleet import TICKS_PER_MINUTE, Demand, Ticks
from playbooks.simulation.hpa import Rates

TOGETHER = 64


@dataclass
class Written:
    """Sums that grow minute after minute, `whole` [..., minute]; `at` gives one minute to add to, never an earlier
    block's; `done` ends it."""

    whole: NDArray[np.float32]
    _block: NDArray[np.float32] = field(init=False)
    _first: int = 0
    _touched: bool = False

    def __post_init__(self) -> None:
        self._block = np.zeros((TOGETHER, *self.whole.shape[:-1]), np.float32)

    @classmethod
    def none(cls, *shape: int) -> Written:
        return cls(np.zeros(shape, np.float32))

    def at(self, minute: int) -> NDArray[np.float32]:
        """[...] of this minute, to be changed in place."""
        if minute >= self._first + TOGETHER:
            self._write()
            self._first = minute // TOGETHER * TOGETHER
        self._touched = True
        found: NDArray[np.float32] = self._block[minute - self._first]
        return found

    def done(self) -> NDArray[np.float32]:
        """The whole series."""
        self._write()
        return self.whole

    def _write(self) -> None:
        if self._touched:
            part = self.whole[..., self._first : self._first + TOGETHER]
            part[...] = np.moveaxis(self._block[: part.shape[-1]], 0, -1)
            self._block[:] = 0.0
            self._touched = False


@dataclass
class Coming:
    """Demand of rows tick by tick, [row, path]; the same array for all ticks of a minute that is even. Not to be
    changed in place. which: [row] of the demand's services."""

    demand: Demand
    which: NDArray[np.integer]
    ticks: Ticks
    _even: NDArray[np.bool_] = field(init=False)
    _block: NDArray[np.float32] = field(init=False)
    _first: int = -TOGETHER
    _minute: int = -1
    _rates: Rates = field(init=False)

    def __post_init__(self) -> None:
        quarters = self.demand.quarters
        even = np.ones(self.demand.minutes, bool) if quarters is None else (quarters == 1).all(axis=(0, 2))
        self._even = even
        self._block = np.empty((0, 0, 0), np.float32)
        self._rates = np.empty((0, 0))

    def at(self, tick: int) -> Rates:
        """Requests per second in this tick."""
        minute, quarter = divmod(tick // self.ticks.per_sync, TICKS_PER_MINUTE)
        if minute != self._minute:
            self._rates, self._minute = self._read(minute), minute
        if self._even[minute] or self.demand.quarters is None:
            return self._rates
        shared: Rates = self._rates * self.demand.quarters[self.which, minute, quarter, None]
        return shared

    def _read(self, minute: int) -> Rates:
        if not self._first <= minute < self._first + TOGETHER:
            self._first = minute // TOGETHER * TOGETHER
            part = self.demand.requests_per_second[:, :, self._first : self._first + TOGETHER]
            self._block = np.ascontiguousarray(np.moveaxis(part, 2, 0))
        rates: Rates = self._block[minute - self._first][self.which].astype(np.float64)
        return rates
