"""The plan that a new one replaces: found, kept under `playbook/history/` and compared with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from campaign.documents import read_json
from campaign.files import sha256, write_text
from campaign.workspace import Workspace
from playbooks.staffing.changes import changes_since, kept_as, order_plan, own_inputs, since_order
from playbooks.staffing.plan import StaffingPlan


def compared(workspace: Workspace, plan: StaffingPlan, order_lead_days: float) -> StaffingPlan:
    """The plan with its differences from the one before it, which is kept, and from the one seats were ordered by.

    A plan made again from the same inputs is compared with what it was compared with before, so that it is the same.

    Raises:
        UserError: the plan last written, or one kept, cannot be read.
    """
    folder = workspace.out(plan.campaign) / "playbook"
    last = _read(workspace, folder / "staffing.json")
    if last is None:
        return plan
    if own_inputs(last) == plan.inputs:
        kept = workspace.folder / last.changes.earlier if last.changes else None
    else:
        kept = folder / "history" / kept_as(last)
        if last.desks and not kept.is_file():
            write_text(kept, (folder / "staffing.json").read_text("utf-8"))
    before = list(_chain(workspace, kept))
    if not before:
        return plan
    name, earlier = before[0]
    found = plan.model_copy(
        update={
            "inputs": plan.inputs | {name: sha256(workspace.folder / name)},
            "changes": changes_since(earlier, name, plan.desks),
        }
    )
    return _since_order(workspace, found, before, order_lead_days)


def _since_order(
    workspace: Workspace, plan: StaffingPlan, before: Sequence[tuple[str, StaffingPlan]], lead_days: float
) -> StaffingPlan:
    campaign = workspace.plan(plan.campaign)
    if plan.as_of_utc is None or plan.as_of_utc <= campaign.starts_at - timedelta(days=lead_days):
        return plan
    number = order_plan(before, campaign.starts_at, lead_days)
    if number is None:
        return plan
    name, ordered = before[number]
    zone = ZoneInfo(campaign.time_zone or workspace.settings.time_zone)
    return plan.model_copy(
        update={
            "inputs": plan.inputs | {name: sha256(workspace.folder / name)},
            "since_order": since_order(ordered, name, plan.desks, zone),
        }
    )


def _chain(workspace: Workspace, file: Path | None) -> Iterator[tuple[str, StaffingPlan]]:
    """A kept plan and those before it, newest first, as far as they are there."""
    seen: set[Path] = set()
    while file is not None and file not in seen and (plan := _read(workspace, file)) is not None:
        seen.add(file)
        yield _name(workspace, file), plan
        file = workspace.folder / plan.changes.earlier if plan.changes else None


def _read(workspace: Workspace, file: Path) -> StaffingPlan | None:
    return read_json(file, _name(workspace, file), StaffingPlan) if file.is_file() else None


def _name(workspace: Workspace, file: Path) -> str:
    return file.relative_to(workspace.folder).as_posix()
