"""The checklist as data: `playbooks/policy/checklist.yaml`, overridden by the workspace's `checklist.yaml`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, ValidationError, model_validator

from campaign.documents import Complaint, Document, FileRecord, parse_yaml, problems_of, read_utf8, read_yaml
from campaign.errors import Problem, UserError, nearest
from campaign.language import say
from campaign.plan import Identifier, Positive, Ratio
from campaign.readiness import Gate, Role, Tier
from campaign.words import Words
from playbooks.readiness.binding import Part
from playbooks.readiness.checks import CHECKS, TIMED_CHECKS
from playbooks.readiness.readings import ReadingsPolicy

CHECKLIST = "checklist.yaml"
SHIPPED = Path(__file__).parent.parent / "policy" / CHECKLIST
OFFSET = re.compile(r"T([+-])(\d{1,4})([dhm])")
UNITS = {"d": "days", "h": "hours", "m": "minutes"}


def _offset(text: str) -> str:
    if not OFFSET.fullmatch(text):
        raise Complaint(
            say("{given} is not a due time", given=text), say("write T-3d, T-1h, T-30m before it, T+7d after it")
        )
    return text


def _known_check(name: str) -> str:
    if name not in CHECKS and name not in TIMED_CHECKS:
        raise Complaint(say("there is no check {name}", name=name), nearest(name, {*CHECKS, *TIMED_CHECKS}))
    return name


Due = Annotated[str, AfterValidator(_offset)]
Need = Literal["bot", "caps", "declared", "desks", "limits_hit", "sends", "switches"]


class GatePolicy(FileRecord):
    due: Due
    title: Words
    signatures: tuple[Role, ...] = ()
    binds: tuple[Part, ...] = ()


class ItemPolicy(FileRecord):
    """One row of the checklist before it meets a campaign."""

    id: Identifier
    title: Words
    evidence: Words
    why: Words | None = None
    owner: Role
    due: Due
    counts_from: Literal["start", "end"] | None = None
    gate: Gate | None = None
    tiers: tuple[Tier, ...]
    scope: Literal["campaign", "promotion"] = "campaign"
    needs: Need | None = None
    lists: Literal["floors", "limits"] | None = None
    check: Annotated[str, AfterValidator(_known_check)] | None = None
    or_note: bool = False
    life_hours: Positive | None = None
    binds: tuple[Part, ...] = ()


class TierBelow(FileRecord):
    """A campaign is S or M below these shares of known capacity, else L."""

    S: Ratio
    M: Ratio


class ChecklistPolicy(FileRecord):
    """The shape of `checklist.yaml`."""

    schema_version: Literal[1] = 1
    tier_below: TierBelow
    four_eyes: tuple[Tier, ...]
    gates: dict[Gate, GatePolicy]
    items: tuple[ItemPolicy, ...]
    readings: ReadingsPolicy = ReadingsPolicy()

    @model_validator(mode="after")
    def _four_eyes_where_it_matters(self) -> Self:
        for tier in ("M", "L"):
            if tier not in self.four_eyes:
                what = say("tier {tier} cannot do without four eyes", tier=tier)
                raise Complaint(what, say("only tier S may: [M, L]"), key=("four_eyes",))
        return self


def read_checklist_policy(folder: Path) -> ChecklistPolicy:
    """The shipped checklist with the workspace's changes.

    Raises:
        UserError: every problem of the workspace's `checklist.yaml` at once.
    """
    own = folder / CHECKLIST
    return _policy_with(read_utf8(own, CHECKLIST) if own.is_file() else None)


@lru_cache(maxsize=16)
def _policy_with(own: str | None) -> ChecklistPolicy:
    """The shipped checklist changed by a text: the same two are asked for again and again."""
    shipped = read_yaml(SHIPPED, CHECKLIST).content
    document = parse_yaml(own, CHECKLIST) if own is not None else Document(CHECKLIST, {}, {})
    order = _own_order(document)
    items: dict[str, dict[str, Any]] = {item["id"]: item for item in shipped["items"]}
    for item in document.content.get("items", []):
        items[item["id"]] = items.get(item["id"], {}) | item
    merged = shipped | document.content | {"items": [*items.values()]}
    merged["gates"] = shipped["gates"] | document.content.get("gates", {})
    try:
        return ChecklistPolicy.model_validate(merged)
    except ValidationError as error:
        places = _moved_lines(document, order, list(items))
        raise UserError(problems_of(error, places, ChecklistPolicy)) from error


def _own_order(document: Document) -> dict[str, int]:
    """Where each item stands in the workspace's file."""
    items = document.content.get("items", [])
    if not isinstance(items, list):
        raise UserError(document.problem(("items",), say("is not a list of items"), say("begin each item with - id:")))
    problems: list[Problem] = []
    order: dict[str, int] = {}
    for i, item in enumerate(items):
        name = item.get("id") if isinstance(item, dict) else None
        if not isinstance(name, str):
            problems.append(document.problem(("items", i), say("this item has no id"), say("begin it with - id:")))
        elif name in order:
            what = say("{name} stands twice", name=name)
            problems.append(document.problem(("items", i, "id"), what, say("keep one of them")))
        else:
            order[name] = i
    if problems:
        raise UserError(problems)
    return order


def _moved_lines(document: Document, order: dict[str, int], merged: list[str]) -> Document:
    """The document with the lines of its items at their places in the merged list."""
    lines = {path: line for path, line in document.lines.items() if path[:1] != ("items",)}
    for path, line in document.lines.items():
        if len(path) > 1 and path[0] == "items":
            name = next(name for name, i in order.items() if i == path[1])
            lines["items", merged.index(name), *path[2:]] = line
    return Document(document.file, document.content, lines)


def due_at(due: str, starts_at: datetime, ends_at: datetime, counts_from: str | None = None) -> datetime:
    """`T-3d` before the start; `T+7d` after the end, or after the start where it counts from there; in UTC."""
    match = OFFSET.fullmatch(due)
    assert match
    sign, count, unit = match.groups()
    away = timedelta(**{UNITS[unit]: int(count)})
    if sign == "-":
        return (starts_at - away).astimezone(UTC)
    return ((starts_at if counts_from == "start" else ends_at) + away).astimezone(UTC)
