"""The demand behind the traffic: sessions, orders and support contacts on the same path index."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from campaign.files import write_bytes

HOUR_SECONDS = 3600
HALF_HOUR_SECONDS = 1800


@dataclass(frozen=True)
class DemandPaths:
    """`out/<id>/demand_paths.npz`, from D-7 to D+14; path i is path i of `traffic_paths.npz`.

    sessions, orders: float32 [path, hour], counts in the hour.
    contacts: float32 [path, desk, half_hour], contacts that reach the desk or its bot, before the bot takes any off.
    desks: names, in the array's order.
    hours_utc, half_hours_utc: datetime64[s], naive UTC, when each interval starts.
    """

    sessions: NDArray[np.float32]
    orders: NDArray[np.float32]
    contacts: NDArray[np.float32]
    desks: tuple[str, ...]
    hours_utc: NDArray[np.datetime64]
    half_hours_utc: NDArray[np.datetime64]

    def of_desk(self, desk: str) -> NDArray[np.float32]:
        """Contacts of one desk, float32 [path, half_hour]."""
        return self.contacts[:, self.desks.index(desk)]

    def save(self, path: Path) -> None:
        write_bytes(
            path,
            lambda file: np.savez(
                file,
                sessions=self.sessions.astype(np.float32),
                orders=self.orders.astype(np.float32),
                contacts=self.contacts.astype(np.float32),
                desks=np.array(self.desks),
                hours_utc=self.hours_utc.astype("datetime64[s]"),
                half_hours_utc=self.half_hours_utc.astype("datetime64[s]"),
            ),
        )

    @classmethod
    def load(cls, path: Path) -> DemandPaths:
        with np.load(path, allow_pickle=False) as stored:
            return cls(
                stored["sessions"],
                stored["orders"],
                stored["contacts"],
                tuple(str(name) for name in stored["desks"]),
                stored["hours_utc"],
                stored["half_hours_utc"],
            )
