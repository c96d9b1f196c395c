"""The shipped judgement of `playbooks/policy/rehearsal.yaml` as a record."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

from campaign.documents import FileRecord, read_yaml, validate
from campaign.plan import NonNegative, Positive, Ratio

FILE = Path(__file__).resolve().parent.parent / "policy" / "rehearsal.yaml"


class LostOrders(FileRecord):
    """What an order that is lost changes for support; the file says what each key means."""

    follow_ratio: Ratio
    lags_hours: tuple[tuple[Positive, Ratio], ...]
    complain_ratio: Ratio


class DeclaredCapacity(FileRecord):
    """What a replica may carry of a figure that was declared and never measured."""

    low: Positive
    mid: Positive
    high: Positive


class RehearsalPolicy(FileRecord):
    schema_version: Literal[1] = 1
    seed: int
    declared_capacity: DeclaredCapacity
    lost_orders: LostOrders
    support_hours_before: NonNegative
    support_days_after: NonNegative


@cache
def shipped_policy() -> RehearsalPolicy:
    return validate(read_yaml(FILE, "playbooks/policy/rehearsal.yaml"), RehearsalPolicy)
