"""What is played: demand on a grid of minutes, and fleets of one service under one policy each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from playbooks.simulation.hpa import SYNC_SECONDS, Counts
from playbooks.simulation.startup import lead_minutes, ready_of

TICK_SECONDS = SYNC_SECONDS
TICKS_PER_MINUTE = 60 // TICK_SECONDS
UNLIMITED = 1_000_000
FULL_RATIO = 1 + 1e-9


@dataclass(frozen=True)
class Ticks:
    """How finely time is cut: so many ticks between two syncs of the controllers, which come every 15 seconds."""

    per_sync: int = 1

    @property
    def seconds(self) -> float:
        return SYNC_SECONDS / self.per_sync

    @property
    def per_minute(self) -> int:
        return TICKS_PER_MINUTE * self.per_sync

    def of_seconds(self, seconds: float) -> int:
        """Ticks that last at least so long."""
        return int(np.ceil(seconds / self.seconds - 1e-9))


EVERY_SYNC = Ticks()


@dataclass(frozen=True)
class Demand:
    """Requests per second [service, path, minute], and how each minute's quarters share it.

    quarters: [service, minute, 4], mean one over each minute; None where minutes are taken as even.
    """

    requests_per_second: NDArray[np.float32]
    quarters: NDArray[np.float64] | None = None

    @property
    def minutes(self) -> int:
        return int(self.requests_per_second.shape[2])

    @property
    def paths(self) -> int:
        return int(self.requests_per_second.shape[1])


@dataclass(frozen=True)
class Nodes:
    """Where pods find room: beyond the head-room a pod waits for a node first. Idle nodes go after ten minutes."""

    wait_seconds: tuple[float, float] = (120.0, 240.0)
    headroom_ratio: float = 0.1


@dataclass(frozen=True)
class Fleet:
    """One service under one policy: a row of the replay.

    service: its row in the demand. floor: minReplicas in each minute [minute], patched `floor_late_seconds` after the
    minute begins. ceiling: maxReplicas.
    target_ratio: of CPU, or of the capacity in requests per second; None where nothing scales above the floor.
    start_seconds: from a pod's creation until it is ready, fastest and slowest. nodes: None where room is plenty.
    """

    service: int
    capacity_requests_per_second_per_replica: float
    floor: Counts
    ceiling: int = UNLIMITED
    target_ratio: float | None = 0.65
    metric: Literal["cpu", "rate"] = "cpu"
    start_seconds: tuple[float, float] = (60.0, 120.0)
    nodes: Nodes | None = None
    floor_late_seconds: float = 0.0

    @property
    def ready(self) -> Counts:
        """[minute]: what is surely ready of the floor."""
        wait = self.nodes.wait_seconds[1] if self.nodes else 0.0
        return ready_of(self.floor, lead_minutes(self.start_seconds[1], wait, self.floor_late_seconds))
