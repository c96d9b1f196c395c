"""One metric's definition: the fields that say what its number means, apart from those that only describe it."""

from __future__ import annotations

import hashlib
import json
from datetime import date
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from campaign.documents import Complaint, FileRecord
from campaign.language import say
from campaign.plan import NonNegative, Positive
from campaign.settings import Count, TimeOfDay, TimeZone
from campaign.words import Words

Kind = Literal["sum", "count", "count_distinct", "ratio", "cohort_ratio", "cohort_value", "quantile", "gauge"]
Grain = Literal["minute", "hour", "day", "campaign"]
Role = Literal["marketing", "ops", "data"]
ID_LENGTH = 12
MONEY = "money"

REFERENCES = ("numerator", "denominator", "cohort", "returns")
NEEDS: dict[Kind, tuple[str, ...]] = {
    "sum": ("table", "value"),
    "count": ("table",),
    "count_distinct": ("table", "identity", "dedupe"),
    "ratio": ("numerator", "denominator", "zero_denominator"),
    "cohort_ratio": ("cohort", "returns", "return_days", "return_window"),
    "cohort_value": ("cohort", "returns", "horizon_days"),
    "quantile": ("table", "value", "quantile"),
    "gauge": ("table", "value", "reading"),
}


class Attribution(FileRecord):
    """Which touch gets the credit, and how long after it."""

    model: Literal["first", "last", "linear", "position"]
    window_hours: Positive


class ReturnDays(FileRecord):
    """A return counts from the end of day `first` - 1 to the end of day `last` after the cohort's day 0."""

    first: Annotated[int, Field(ge=1)]
    last: Annotated[int, Field(ge=1)]


class Approval(FileRecord):
    """One role's consent to one definition id."""

    id: str
    role: Role
    by: str
    on: date


class Meaning(FileRecord):
    """The semantic fields: two figures may be compared only where all of these agree.

    unit: what one is (orders, CNY, requests_per_second, ratio …). grain: the shortest stretch a value belongs to.
    table: the event or ad table it is computed from. value: column or SQL expression of that table.
    identity: the column that says what is the same thing twice; dedupe: how often the same thing counts.
    filter: SQL condition on the table. settles_after_hours: a value is preliminary until then.
    numerator, denominator, cohort, returns: names of other metrics; their ids are part of this one's id.
    """

    kind: Kind
    unit: str
    grain: Grain
    by: tuple[str, ...] = ()
    time_zone: TimeZone | None = None
    day_starts: TimeOfDay = "00:00"
    event_time: Literal["client", "server", "payment"] | None = None
    table: str | None = None
    value: str | None = None
    filter: str | None = None
    identity: str | None = None
    dedupe: Literal["none", "per_window", "per_day", "first_ever"] | None = None
    window_minutes: Positive | None = None
    quantile: Annotated[float, Field(gt=0, lt=1)] | None = None
    reading: Literal["max", "mean", "last"] | None = None
    numerator: str | None = None
    denominator: str | None = None
    zero_denominator: Literal["missing", "zero"] | None = None
    scale: Positive | None = None
    cohort: str | None = None
    returns: str | None = None
    return_days: ReturnDays | None = None
    return_window: Literal["calendar", "rolling"] | None = None
    horizon_days: Annotated[int, Field(ge=1)] | None = None
    attribution: Attribution | None = None
    currency: str | None = None
    tax: Literal["included", "excluded"] | None = None
    refunds: Literal["net", "gross"] | None = None
    settles_after_hours: NonNegative | None = None

    @model_validator(mode="after")
    def _complete(self) -> Self:
        for key in NEEDS[self.kind]:
            if getattr(self, key) is None:
                raise Complaint(say("a {kind} needs {key}", kind=self.kind, key=key), say("add it"), key=(key,))
        if self.dedupe == "per_window" and self.window_minutes is None:
            raise Complaint(say("dedupe per_window needs window_minutes"), say("add it"), key=("window_minutes",))
        if self.return_days and self.return_days.last < self.return_days.first:
            raise Complaint(say("last is before first"), say("swap them"), key=("return_days", "last"))
        return self


class Definition(Meaning):
    """One entry of `metrics.yaml`: its meaning, and what may change without changing the meaning."""

    title: Words
    description: str = ""
    owners: tuple[str, ...] = ()
    target: float | None = None
    target_is: Literal["at_most", "at_least"] | None = None
    sample_min: Count | None = None
    approvals: tuple[Approval, ...] = ()

    @property
    def references(self) -> dict[str, str]:
        """Names of the metrics this one is made of, by the field that names them."""
        return {key: name for key in REFERENCES if (name := getattr(self, key)) is not None}


def definition_id(definition: Definition, reference_ids: dict[str, str]) -> str:
    """SHA-256 of the canonical semantic fields, its first twelve hex digits.

    `reference_ids` holds the ids of the metrics it refers to, by field; they stand in for the names, so that a
    ratio's id changes with its parts. Fields that are left out are not hashed: a field added to the format later
    changes no old id.
    """
    return id_of(given_meaning(definition) | reference_ids)


def id_of(meaning: dict[str, Any]) -> str:
    """The id of given semantic fields, with the ids of the parts in place of their names."""
    canonical = json.dumps(meaning, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:ID_LENGTH]


def given_meaning(definition: Definition) -> dict[str, Any]:
    """The semantic fields that a definition gives, blanks squeezed."""
    return {key: value for key, value in _meaning(definition).items() if value not in (None, [])}


def _meaning(definition: Definition) -> dict[str, Any]:
    fields = definition.model_dump(mode="json", include=set(Meaning.model_fields))
    return {key: " ".join(value.split()) if isinstance(value, str) else value for key, value in fields.items()}
