"""The campaign plan: what marketing will do, when, to whom, through which channels."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints, ValidationInfo

from campaign.documents import Complaint, FileRecord
from campaign.language import say

Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]*$", max_length=100)]
Label = Annotated[str, StringConstraints(pattern=r"^\w[\w.@-]*$", max_length=100)]
"""A short name in any script."""
Ratio = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NonNegative = Annotated[float, Field(ge=0)]
Family = Literal["field", "alliance", "campaign", "top-kol", "private-domain", "paid", "organic"]


def _forward(ends_at: datetime, told: ValidationInfo) -> datetime:
    """A field's own check, so that it is told beside whatever else is wrong with the record."""
    starts_at = told.data.get("starts_at")
    if starts_at is not None and ends_at <= starts_at:
        raise Complaint(
            say("ends_at {end} is not after starts_at {start}", end=ends_at.isoformat(), start=starts_at.isoformat()),
            say("swap them, or correct the date"),
        )
    return ends_at


EndsAt = Annotated[AwareDatetime, AfterValidator(_forward)]
"""The end of what has a `starts_at` before it in the record: later than that."""


class Owner(FileRecord):
    team: str = ""
    name: str = ""
    contact: str = ""


class Send(FileRecord):
    """One push, message or mail: `reach` people, sent at `per_second`, of whom `open_ratio` come."""

    at: AwareDatetime
    reach: NonNegative
    per_second: Positive | None = None
    open_ratio: Ratio | None = None
    lands_on: str | None = None


class Slot(FileRecord):
    """A stretch of attention, such as a livestream."""

    starts_at: AwareDatetime
    ends_at: EndsAt
    expected_viewers: NonNegative | None = None
    lands_on: str | None = None


class Channel(FileRecord):
    """A way to reach people: sends at instants, slots of attention, or spend over a stretch."""

    name: Label
    family: Family | None = None
    sends: tuple[Send, ...] = ()
    slots: tuple[Slot, ...] = ()
    spend: NonNegative | None = None
    starts_at: AwareDatetime | None = None
    ends_at: EndsAt | None = None
    lands_on: str | None = None


class Moment(FileRecord):
    """An instant at which demand jumps, to the second."""

    at: AwareDatetime
    kind: Identifier
    quantity: NonNegative | None = None
    lands_on: str | None = None


class Offer(FileRecord):
    """What support and the bot will be asked about."""

    id: Identifier
    title: str = ""
    rules: str = ""
    announced_at: AwareDatetime | None = None
    ends_at: AwareDatetime | None = None


class Observed(FileRecord):
    """What came, for campaigns whose minutes are gone."""

    peak_requests_per_second: Positive | None = None
    peak_at: AwareDatetime | None = None
    sessions: NonNegative | None = None
    orders: NonNegative | None = None
    contacts: NonNegative | None = None
    reach: NonNegative | None = None
    spend: NonNegative | None = None
    source: str = ""


class Plan(FileRecord):
    """`campaigns/<id>.yaml`. Only id, kind, starts_at and ends_at are required."""

    schema_version: Literal[1] = 1
    id: Identifier
    name: str = ""
    kind: Identifier
    part_of: Identifier | None = None
    time_zone: str | None = None
    starts_at: AwareDatetime
    ends_at: EndsAt
    owner: Owner = Owner()
    services: tuple[str, ...] = ()
    drivers: dict[str, float] = {}
    channels: tuple[Channel, ...] = ()
    moments: tuple[Moment, ...] = ()
    offers: tuple[Offer, ...] = ()
    metrics: tuple[str, ...] = ()
    expected: dict[str, float] = {}
    observed: Observed | None = None

    @property
    def title(self) -> str:
        return self.name or self.id

    @property
    def sends(self) -> tuple[Send, ...]:
        """Every send of every channel, in time order."""
        return tuple(sorted((s for c in self.channels for s in c.sends), key=lambda send: send.at))

    @property
    def instants(self) -> tuple[datetime, ...]:
        """Every instant at which demand may jump: moments and sends, in time order, without repeats."""
        return tuple(sorted({m.at for m in self.moments} | {s.at for s in self.sends}))

    def touches(self, service: str) -> bool:
        return not self.services or service in self.services

    def overlaps(self, starts_at: datetime, ends_at: datetime) -> bool:
        return self.starts_at < ends_at and starts_at < self.ends_at
