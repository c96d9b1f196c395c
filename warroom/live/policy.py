"""The live rules and metrics of a workspace, and how its system is read; read again only when their files change."""

from __future__ import annotations

from campaign.workspace import Workspace
from metrics.dictionary import DICTIONARY, Dictionary, open_dictionary
from playbooks.growth.policy import RULES, RulesFile, read_rules
from playbooks.readiness.policy import CHECKLIST, read_checklist_policy
from playbooks.readiness.readings import ReadingsPolicy
from warroom.service.kept import Kept, stamp_of

_KEPT = Kept()


def dictionary_of(workspace: Workspace) -> Dictionary:
    """metrics.yaml over what is shipped.

    Raises:
        UserError: every problem of metrics.yaml at once.
    """
    file = workspace.folder / DICTIONARY
    return _KEPT.get(file, lambda: (stamp_of(file), workspace.settings), lambda: open_dictionary(workspace))


def rules_of(workspace: Workspace) -> RulesFile:
    """rules.yaml over what is shipped.

    Raises:
        UserError: every problem of rules.yaml or metrics.yaml at once.
    """
    files = [workspace.folder / name for name in (RULES, DICTIONARY)]
    return _KEPT.get(
        files[0],
        lambda: tuple(map(stamp_of, files)),
        lambda: read_rules(workspace.folder, dictionary_of(workspace)),
    )


def readings_of(workspace: Workspace) -> ReadingsPolicy:
    """`readings:` of the workspace's checklist.yaml; none is shipped.

    Raises:
        UserError: every problem of checklist.yaml at once.
    """
    file = workspace.folder / CHECKLIST
    if stamp_of(file) is None:
        return ReadingsPolicy()
    return _KEPT.get(file, lambda: stamp_of(file), lambda: read_checklist_policy(workspace.folder).readings)
