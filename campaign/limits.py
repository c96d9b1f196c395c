"""Caps that a GO with limits sets: rules that every later step keeps to, in `out/<id>/limits.json`."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import AwareDatetime, Field

from campaign.documents import FileRecord, read_json
from campaign.plan import Positive

LIMITS = "limits.json"
Measure = Literal["spend", "push_per_second"]


class Cap(FileRecord):
    """One rule: the measure stays at or below the value (money for the whole campaign, or messages per second)."""

    measure: Measure
    at_most: Positive
    unit: str = Field(description="the workspace's currency, or messages/s")


class CampaignLimits(FileRecord):
    """`out/<id>/limits.json`; there is no such file where the last decision set no limits."""

    schema_version: Literal[1] = 1
    campaign: str
    decided_by: str
    decided_at_utc: AwareDatetime
    bundle: str | None = None
    caps: tuple[Cap, ...]

    def cap(self, measure: Measure) -> float | None:
        """The highest value allowed, None where it is not capped."""
        return min((cap.at_most for cap in self.caps if cap.measure == measure), default=None)


def read_limits(out: Path) -> CampaignLimits | None:
    """The limits in a campaign's `out/<id>` folder, None where there are none.

    Raises:
        UserError: the file cannot be read.
    """
    file = out / LIMITS
    return read_json(file, f"out/{out.name}/{LIMITS}", CampaignLimits) if file.is_file() else None
