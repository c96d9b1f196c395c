"""Everything in a workspace checked at once: settings, plans, metric names, history."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from campaign.errors import Problem, UserError
from campaign.language import Text
from campaign.workspace import Workspace, open_workspace
from forecast.history import check_history
from metrics.dictionary import Dictionary, check_plan_metrics, open_dictionary
from playbooks.growth.policy import read_rules
from playbooks.staffing.settings_check import desk_problems


@dataclass(frozen=True)
class Checked:
    """A workspace without problems, and what people should know about it all the same."""

    workspace: Workspace
    dictionary: Dictionary
    notes: tuple[Text, ...]


def check_workspace(folder: Path) -> Checked:
    """Read everything there is to read.

    Raises:
        UserError: the problems of settings and plans; where those are sound, of desks, dictionary and history.
    """
    workspace = open_workspace(folder)
    problems: list[Problem] = desk_problems(workspace)
    notes: tuple[Text, ...] = ()
    try:
        dictionary = open_dictionary(workspace)
        problems += check_plan_metrics(workspace, dictionary)
        read_rules(folder, dictionary)
    except UserError as error:
        problems += error.problems
    try:
        notes = check_history(workspace)
    except UserError as error:
        problems += error.problems
    if problems:
        raise UserError(problems)
    return Checked(workspace, dictionary, notes)
