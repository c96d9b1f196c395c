"""Readiness: checklist items, the gates they belong to, and what state they are in."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AwareDatetime, Field

from campaign.documents import FileRecord

Role = Literal["marketing", "sre", "ops", "support", "data", "commander"]
Gate = Literal["G0", "G1", "G2", "G3", "G4", "G5", "G6", "G7"]
Tier = Literal["S", "M", "L"]
State = Literal["pending", "pass", "fail", "stale", "waived"]


class Item(FileRecord):
    """One thing to be ready: who owes it, by when, and what proves it."""

    id: str
    title: str
    owner: Role
    gate: Gate | None
    due_at_utc: AwareDatetime
    due: str = Field(description="relative to the campaign, such as T-3d or T-1h")
    evidence: str
    why: str = ""
    state: State = "pending"


class Checklist(FileRecord):
    """`out/<id>/playbook/checklist.json`."""

    schema_version: Literal[1] = 1
    campaign: str
    tier: Tier
    tier_ratio: Annotated[float, Field(ge=0)] | None
    items: tuple[Item, ...]
    inputs: dict[str, str]
    assumptions: tuple[str, ...] = ()
