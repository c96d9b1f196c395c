"""Retrospectives as the forecast reads them: what each channel of past campaigns was planned to reach and did."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel, ConfigDict, NonNegativeFloat, PositiveFloat, ValidationError

from campaign.errors import Problem, UserError
from campaign.files import sha256
from campaign.language import say
from campaign.workspace import Workspace
from forecast.uplift.promised import Reach


class _Line(BaseModel):
    """One channel in `reach` of `out/<id>/retro.json`; the retrospective may say more than this reads."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    channel: str
    planner: str = ""
    planned: PositiveFloat
    real: NonNegativeFloat
    measure: str = "reach"


class _Retrospective(BaseModel):
    model_config = ConfigDict(extra="ignore", frozen=True)

    reach: tuple[_Line, ...] = ()


def read_reach(workspace: Workspace) -> tuple[Reach, ...]:
    """Planned and real reach from every past campaign's retrospective; files without `reach` say nothing.

    Raises:
        UserError: a retrospective that is no JSON, or whose `reach` is not as it should be.
    """
    found: list[Reach] = []
    problems: list[Problem] = []
    for path in retrospectives(workspace):
        name = str(path.relative_to(workspace.folder))
        try:
            lines = _Retrospective.model_validate(json.loads(path.read_text("utf-8"))).reach
        except (ValueError, ValidationError) as error:
            what = say("is not a retrospective that can be read: {reason}", reason=str(error).splitlines()[0])
            problems.append(Problem(what, say("write it again with: surgeplan retro ID"), file=name))
            continue
        people = [line for line in lines if line.measure != "spend"]
        found += [Reach(path.parent.name, line.channel, line.planner, line.planned, line.real) for line in people]
    if problems:
        raise UserError(problems)
    return tuple(found)


def retrospectives(workspace: Workspace) -> Iterator[Path]:
    """`out/<id>/retro.json` of every plan that has one, in the plans' order."""
    for plan in workspace.plans:
        path = workspace.out(plan.id) / "retro.json"
        if path.is_file():
            yield path


def retrospective_hashes(workspace: Workspace) -> dict[str, str]:
    """SHA-256 of every retrospective that is read, by its path in the workspace."""
    return {str(path.relative_to(workspace.folder)): sha256(path) for path in retrospectives(workspace)}
