"""`staffing.csv` desk by desk: what comes, who is needed, who is there, and where somebody is missing."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

GAPS_SHOWN = 6


@dataclass(frozen=True)
class Interval:
    """One interval of one desk."""

    starts_at: datetime
    contacts_p50: float
    contacts_p90: float
    required: float
    rostered: float
    service_level_ratio: float | None

    @property
    def missing(self) -> float:
        return max(self.required - self.rostered, 0.0)


def read_intervals(path: Path) -> dict[str, list[Interval]]:
    """Every desk's intervals in time order; empty where there is no plan yet."""
    if not path.is_file():
        return {}
    desks: dict[str, list[Interval]] = {}
    for row in csv.DictReader(io.StringIO(path.read_text("utf-8-sig"))):
        desks.setdefault(row["desk"], []).append(_interval(row))
    return desks


def worst_gaps(intervals: Sequence[Interval]) -> list[Interval]:
    """Where most people are missing, in time order."""
    short = sorted((one for one in intervals if one.missing > 0), key=lambda one: -one.missing)[:GAPS_SHOWN]
    return sorted(short, key=lambda one: one.starts_at)


def level_of(intervals: Sequence[Interval]) -> float | None:
    """Service level of several intervals by the plan, weighed by their contacts; None where it says none."""
    known = [(one.contacts_p50, one.service_level_ratio) for one in intervals if one.service_level_ratio is not None]
    whole = sum(contacts for contacts, _ in known)
    return sum(contacts * level for contacts, level in known) / whole if whole > 0 else None


def _interval(row: dict[str, str]) -> Interval:
    level = row["service_level_ratio"]
    starts = datetime.fromisoformat(row["starts_at_utc"])
    return Interval(
        starts if starts.tzinfo else starts.replace(tzinfo=UTC),
        float(row["contacts_p50"]),
        float(row["contacts_p90"]),
        float(row["agents_required"]),
        float(row["agents_rostered"]),
        float(level) if level else None,
    )
