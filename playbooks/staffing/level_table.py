"""Service level by load and seats, computed once: what a simulation of many paths looks up instead of solving again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.interpolate import RegularGridInterpolator

from campaign.files import write_bytes
from playbooks.staffing.erlang import Floats
from playbooks.staffing.requirement import Rules, performance

LOADS = 25


@dataclass(frozen=True)
class LevelTable:
    """One desk. loads: contacts in hand, rising from 0; seats_per_load: seats as a multiple of load ÷ contacts at once.

    level_ratio, abandoned_ratio: [load, seats_per_load], by the desk's own definition. Loads are of all attempts:
    who looks levels up lets those who give up come again.
    """

    at_once: int
    loads: Floats
    seats_per_load: Floats
    level_ratio: Floats
    abandoned_ratio: Floats

    def level(self, load: Floats, seats: Floats) -> Floats:
        """Service level between the table's points; beyond its edges, that of the edge. No load: 1."""
        return self._read(self.level_ratio, load, seats, 1.0)

    def abandoned(self, load: Floats, seats: Floats) -> Floats:
        return self._read(self.abandoned_ratio, load, seats, 0.0)

    def _read(self, values: Floats, load: Floats, seats: Floats, idle: float) -> Floats:
        some = load > 0
        share = np.divide(seats * self.at_once, load, out=np.ones_like(load), where=some)
        points = np.stack(
            [
                np.sqrt(np.clip(load, self.loads[0], self.loads[-1])),
                np.clip(share, self.seats_per_load[0], self.seats_per_load[-1]),
            ],
            axis=-1,
        )
        found = RegularGridInterpolator((np.sqrt(self.loads), self.seats_per_load), values)(points)
        return np.where(some, found, idle)


def level_table(rules: Rules, most_load: float) -> LevelTable:
    """The table for one desk, up to `most_load` contacts in hand; finest where a seat matters most."""
    rules = replace(rules, redial_ratio=0.0)
    loads = np.linspace(np.sqrt(0.25), np.sqrt(max(most_load, 1.0)), LOADS) ** 2
    share = np.concatenate([np.linspace(0.0, 0.7, 8)[:-1], np.linspace(0.7, 1.4, 24), np.linspace(1.5, 8.0, 10)])
    level, abandoned = np.empty((LOADS, len(share))), np.empty((LOADS, len(share)))
    for row, load in enumerate(loads):
        seats = share * load / rules.at_once
        below = np.floor(seats).astype(np.int64)
        part = seats - below
        low = performance(rules, np.full(len(share), load), below)
        high = performance(rules, np.full(len(share), load), below + 1)
        level[row] = (1 - part) * low.level(rules.definition) + part * high.level(rules.definition)
        abandoned[row] = (1 - part) * low.abandoned_ratio + part * high.abandoned_ratio
    return LevelTable(rules.at_once, loads, share, level, abandoned)


def save_tables(path: Path, tables: dict[str, LevelTable]) -> None:
    """`staffing_levels.npz`: arrays `<desk>/<field>`."""
    arrays = {
        f"{desk}/{name}": np.asarray(value) for desk, table in tables.items() for name, value in vars(table).items()
    }
    write_bytes(path, lambda file: np.savez(file, **arrays))  # type: ignore[arg-type]


def load_tables(path: Path) -> dict[str, LevelTable]:
    with np.load(path, allow_pickle=False) as stored:
        desks = dict.fromkeys(name.rpartition("/")[0] for name in stored.files)
        return {
            desk: LevelTable(
                int(stored[f"{desk}/at_once"]),
                *(stored[f"{desk}/{name}"] for name in ("loads", "seats_per_load", "level_ratio", "abandoned_ratio")),
            )
            for desk in desks
        }
