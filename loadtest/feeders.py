"""Values for journeys: `data/<name>.csv` beside the locustfile."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from pathlib import Path


class FeederEmpty(Exception):
    """A feeder whose rows are each used once has run out."""


class Feeders:
    """CSV files read once; rows that are taken are dealt out among workers."""

    def __init__(self, folder: Path, worker: int, workers: int) -> None:
        self.folder, self.worker, self.workers = folder, worker, workers
        self._columns: dict[str, list[str]] = {}
        self._rows: dict[str, list[dict[str, str]]] = {}
        self._next: dict[str, int] = {}

    def values(self, name: str) -> list[str]:
        """The column of that name, else the first one; empty where there is no file."""
        if name not in self._columns:
            rows = self._read(name)
            self._columns[name] = [row.get(name) or next(iter(row.values())) for row in rows]
        return self._columns[name]

    def take(self, name: str) -> Mapping[str, str]:
        rows = self._read(name)
        index = self._next.get(name, self.worker)
        if index >= len(rows):
            raise FeederEmpty(f"data/{name}.csv has {len(rows)} rows, fewer than the visitors that take one")
        self._next[name] = index + self.workers
        return rows[index]

    def _read(self, name: str) -> list[dict[str, str]]:
        if name not in self._rows:
            file = self.folder / f"{name}.csv"
            if not file.is_file():
                self._rows[name] = []
            else:
                with open(file, encoding="utf-8-sig", newline="") as handle:
                    self._rows[name] = list(csv.DictReader(handle))
        return self._rows[name]
