"""The shipped judgement of `playbooks/policy/staffing.yaml` as a record."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from campaign.documents import FileRecord, read_yaml, validate
from campaign.plan import Identifier, Positive, Ratio

FILE = Path(__file__).resolve().parent.parent / "policy" / "staffing.yaml"


class DefaultShift(FileRecord):
    hours: Annotated[float, Field(gt=0, le=24)]
    break_minutes: Annotated[int, Field(ge=0)]
    starts_every_minutes: Annotated[int, Field(gt=0)]


class ShortageStep(FileRecord):
    up_to_ratio: Ratio
    price_hours_per_hour: Positive


class Solver(FileRecord):
    gap_ratio: Ratio
    seconds: Positive


class SelfCheckSize(FileRecord):
    paths: Annotated[int, Field(gt=0)]
    contacts_max: Annotated[int, Field(gt=0)]


class TriggerLevels(FileRecord):
    volume_ratio: tuple[float, float]
    minutes: int
    occupancy_ratio: Ratio
    occupancy_minutes: int
    backlog_of_threshold_ratio: Ratio
    lend_from_tickets_ratio: Ratio


class Redials(FileRecord):
    """Of those who give up, how many contact the desk again, and after how many minutes on average."""

    ratio: Annotated[float, Field(ge=0, lt=1)]
    after_minutes: Positive


class LabourLimits(FileRecord):
    """Limits for one person. halves_rest_hours: least rest between halves; a pause up to break_hours_max is a break."""

    rest_hours: Positive
    days_in_seven: Annotated[int, Field(ge=1, le=7)]
    hours_in_seven_days: Positive
    hours_a_day: Positive
    halves_rest_hours: Positive
    break_hours_max: Positive

    @property
    def duty_hours(self) -> float:
        """From coming to going, with the pause between halves: what leaves a night's rest in 24 hours."""
        return 24 - self.rest_hours


class Intent(FileRecord):
    """A kind of question: its assumed share of the campaign's contacts and what training the bot for it can win."""

    id: Identifier
    share_ratio: Ratio
    gain_ratio: Ratio
    effort_days: Positive
    per_offer: bool = False
    counted_as: tuple[str, ...] = ()


class StaffingPolicy(FileRecord):
    schema_version: Literal[1] = 1
    staff_to_quantile: Annotated[float, Field(gt=0, lt=1)]
    patience_seconds: dict[Literal["phone", "chat"], Positive]
    redials: Redials
    chat_throughput_by_concurrency: tuple[Positive, ...]
    recontact_hours: Positive
    order_lead_days: Positive
    plausible_handle_seconds: dict[Literal["phone", "chat", "ticket"], tuple[float, float]]
    shift: DefaultShift
    short_shift_hours: Annotated[float, Field(gt=0, le=12)]
    break_moves_minutes: Annotated[int, Field(ge=0)]
    shortage_steps: tuple[ShortageStep, ...]
    solver: Solver
    surge_load_ratio: Positive
    transient_places_max: Annotated[int, Field(gt=0)]
    self_check: SelfCheckSize
    triggers: TriggerLevels
    intents: tuple[Intent, ...]
    labour: LabourLimits


@cache
def shipped_policy() -> StaffingPolicy:
    return validate(read_yaml(FILE, "playbooks/policy/staffing.yaml"), StaffingPolicy)
