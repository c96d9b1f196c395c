"""The plan that a new one replaces: found, kept under `playbook/history/` and compared with."""

from __future__ import annotations

from pathlib import Path

from campaign.documents import read_json
from campaign.files import sha256, write_text
from campaign.workspace import Workspace
from playbooks.staffing.changes import changes_since, kept_as, own_inputs
from playbooks.staffing.plan import StaffingPlan


def compared(workspace: Workspace, plan: StaffingPlan) -> StaffingPlan:
    """The plan with its differences from the one before it, which is kept.

    A plan made again from the same inputs is compared with what it was compared with before, so that it is the same.

    Raises:
        UserError: the plan last written cannot be read.
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
    earlier = _read(workspace, kept) if kept else None
    if kept is None or earlier is None:
        return plan
    name = _name(workspace, kept)
    return plan.model_copy(
        update={
            "inputs": plan.inputs | {name: sha256(kept)},
            "changes": changes_since(earlier, name, plan.desks),
        }
    )


def _read(workspace: Workspace, file: Path) -> StaffingPlan | None:
    return read_json(file, _name(workspace, file), StaffingPlan) if file.is_file() else None


def _name(workspace: Workspace, file: Path) -> str:
    return file.relative_to(workspace.folder).as_posix()
