"""Readiness: checklist items, the gates they belong to, and what state they are in."""

from __future__ import annotations

from typing import Annotated, Literal, get_args

from pydantic import AwareDatetime, Field

from campaign.documents import FileRecord
from campaign.words import Words

Role = Literal["marketing", "sre", "ops", "support", "data", "commander"]
Gate = Literal["G0", "G1", "G2", "G3", "G4", "G5", "G6", "G7"]
Tier = Literal["S", "M", "L"]
State = Literal["pending", "pass", "fail", "stale", "waived"]

GATES: tuple[Gate, ...] = get_args(Gate)
ROLES: tuple[Role, ...] = get_args(Role)
DONE: frozenset[State] = frozenset({"pass", "waived"})


class Item(FileRecord):
    """One thing to be ready: who owes it, by when, and what proves it."""

    id: str
    title: Words
    owner: Role
    gate: Gate | None
    due_at_utc: AwareDatetime
    due: str = Field(description="relative to the campaign, such as T-3d or T-1h; T+ counts from its end")
    evidence: Words
    why: Words | None = None
    scope: str = Field(description="the campaign, or the promotion whose waves share this item")
    check: str | None = Field(default=None, description="the machine check that decides it; null: a signed note does")
    or_note: bool = Field(default=False, description="a signed note does while the check has no evidence")
    binds: tuple[str, ...] = Field(default=(), description="what a signed note is about; a change there makes it stale")
    life_hours: float | None = Field(default=None, description="evidence older than this is stale")
    state: State = "pending"
    overdue: bool = False
    note: Words | None = Field(default=None, description="why it is in this state")

    @property
    def done(self) -> bool:
        return self.state in DONE


class Signature(FileRecord):
    """One role's signature under a gate: pending until signed, stale once what was signed has changed."""

    role: Role
    state: Literal["pending", "pass", "stale"]
    by: str | None = None
    at_utc: AwareDatetime | None = None
    note: Words | None = None


class GateState(FileRecord):
    """A gate is open when every one of its items passed or was waived, and every role it asks for has signed."""

    gate: Gate
    title: Words
    due_at_utc: AwareDatetime
    open: bool
    items: int
    missing: tuple[str, ...] = Field(description="ids of the items that hold it shut")
    signatures: tuple[Signature, ...] = ()


class Reopened(FileRecord):
    """An item, or a role's signature under a gate, that was done in the checklist before and is not any more."""

    subject: str
    title: Words
    owner: Role
    state: State
    note: Words | None = None


class Checklist(FileRecord):
    """`out/<id>/playbook/checklist.json`."""

    schema_version: Literal[1] = 1
    campaign: str
    tier: Tier
    tier_ratio: Annotated[float, Field(ge=0)] | None = Field(
        description="p90 peak over known capacity, the tightest service; null where a capacity is unknown"
    )
    evaluated_at_utc: AwareDatetime
    historical: bool = False
    items: tuple[Item, ...]
    gates: tuple[GateState, ...]
    inputs: dict[str, str]
    assumptions: tuple[Words, ...] = ()
    reopened: tuple[Reopened, ...] = Field(default=(), description="was done at some time, and is not any more")
    bundle: str | None = Field(default=None, description="hash of the frozen bundle")
    demands: dict[str, str] = Field(
        default={}, description="hash of what a version of the plan asks a forecast for, by the hash of its file"
    )

    def of_gate(self, gate: Gate | None) -> tuple[Item, ...]:
        """The items of one gate (None: of no gate), in order of due time."""
        return tuple(item for item in self.items if item.gate == gate)

    @property
    def items_by_gate(self) -> dict[str, int]:
        """How many items each gate has; those of no gate are under an empty name."""
        counts = {gate.gate: gate.items for gate in self.gates}
        free = len(self.of_gate(None))
        return counts | ({"": free} if free else {})
