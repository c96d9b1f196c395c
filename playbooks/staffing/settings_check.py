"""What is wrong with the desks of surgeplan.yaml, with the lines it stands on."""

from __future__ import annotations

import re
from dataclasses import replace

from campaign.documents import Document, KeyPath, read_yaml
from campaign.errors import Problem
from campaign.workspace import SETTINGS, Workspace
from playbooks.staffing.desk import check_desk
from playbooks.staffing.policy import shipped_policy


def desk_problems(workspace: Workspace) -> list[Problem]:
    """Every reason why a desk of the settings cannot be planned with."""
    policy = shipped_policy()
    found = [
        problem for index, desk in enumerate(workspace.settings.desks) for problem in check_desk(desk, index, policy)
    ]
    if not found:
        return []
    document = read_yaml(workspace.folder / SETTINGS, SETTINGS)
    return [_with_line(problem, document) for problem in found]


def _with_line(problem: Problem, document: Document) -> Problem:
    path: KeyPath = tuple(int(part) if part.isdigit() else part for part in re.findall(r"[^.\[\]]+", problem.key))
    return replace(problem, line=document.problem(path, problem.what).line)
