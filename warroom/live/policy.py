"""The live rules and metrics of a workspace, and how its system is read; read again only when their files change."""

from __future__ import annotations

from campaign.workspace import Workspace
from metrics.dictionary import DICTIONARY, Dictionary, open_dictionary
from playbooks.growth.policy import RULES, RulesFile, read_rules
from playbooks.readiness.policy import CHECKLIST, read_checklist_policy
from playbooks.readiness.readings import ReadingsPolicy
from warroom.live.yardstick import stamp_of

_DICTIONARIES: dict[str, tuple[object, Dictionary]] = {}
_REMEMBERED: dict[str, tuple[object, RulesFile]] = {}
_READINGS: dict[str, tuple[object, ReadingsPolicy]] = {}


def dictionary_of(workspace: Workspace) -> Dictionary:
    """metrics.yaml over what is shipped.

    Raises:
        UserError: every problem of metrics.yaml at once.
    """
    stamp = (stamp_of(workspace.folder / DICTIONARY), workspace.settings)
    kept = _DICTIONARIES.get(str(workspace.folder))
    if kept is None or kept[0] != stamp:
        kept = (stamp, open_dictionary(workspace))
        _DICTIONARIES[str(workspace.folder)] = kept
    return kept[1]


def rules_of(workspace: Workspace) -> RulesFile:
    """rules.yaml over what is shipped.

    Raises:
        UserError: every problem of rules.yaml or metrics.yaml at once.
    """
    stamps = tuple(stamp_of(workspace.folder / name) for name in (RULES, DICTIONARY))
    kept = _REMEMBERED.get(str(workspace.folder))
    if kept is None or kept[0] != stamps:
        kept = (stamps, read_rules(workspace.folder, dictionary_of(workspace)))
        _REMEMBERED[str(workspace.folder)] = kept
    return kept[1]


def readings_of(workspace: Workspace) -> ReadingsPolicy:
    """`readings:` of the workspace's checklist.yaml; none is shipped.

    Raises:
        UserError: every problem of checklist.yaml at once.
    """
    stamp = stamp_of(workspace.folder / CHECKLIST)
    if stamp is None:
        return ReadingsPolicy()
    kept = _READINGS.get(str(workspace.folder))
    if kept is None or kept[0] != stamp:
        kept = (stamp, read_checklist_policy(workspace.folder).readings)
        _READINGS[str(workspace.folder)] = kept
    return kept[1]
