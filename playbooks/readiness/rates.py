"""The model's rates just after the plan's announced instants: where floors, not the autoscaler, have to carry them."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from campaign.plan import Plan

AROUND = timedelta(minutes=10)  # the jump after an announced instant is what floors are for; later rises are the HPA's
Rates = Mapping[str, Sequence[tuple[datetime, float]]]


def rates_near_instants(file: Path, plan: Plan) -> dict[str, list[tuple[datetime, float]]]:
    """The p90 rates of `traffic.csv` within ten minutes after each announced instant, by service."""
    found: dict[str, list[tuple[datetime, float]]] = {}
    with open(file, encoding="utf-8", newline="") as stream:
        for row in csv.DictReader(stream):
            at = datetime.fromisoformat(row["starts_at_utc"])
            if any(instant <= at < instant + AROUND for instant in plan.instants):
                found.setdefault(row["service"], []).append((at, float(row["requests_per_second_p90"])))
    return found
