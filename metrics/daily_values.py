"""Where daily values come from: the BI's bound files first, event tables for what they do not carry."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from campaign.errors import Problem, UserError
from campaign.files import sha256
from campaign.language import say
from campaign.workspace import Workspace
from metrics.bound_values import CHANNEL, bound_files, read_bound_values
from metrics.compute import Split, Value, compute_all
from metrics.daily import Daily, daily_of
from metrics.dictionary import Dictionary
from metrics.sql import tables_of
from metrics.tables import ENDINGS


def families_of(workspace: Workspace, dictionary: Dictionary) -> dict[str, str]:
    """Each channel's family: what `metrics.yaml` says, else what the newest plan with that channel says."""
    planned = {c.name: str(c.family) for plan in workspace.plans for c in plan.channels if c.family}
    return planned | {channel: str(family) for channel, family in dictionary.bindings.families.items()}


def campaign_starts(workspace: Workspace) -> dict[str, datetime]:
    """The earliest instant that each campaign's rows may have: a presale is a moment before it starts."""
    return {plan.id: min([plan.starts_at, *plan.instants]) for plan in workspace.plans}


def read_daily(workspace: Workspace, dictionary: Dictionary, names: Sequence[str], data: Path) -> Daily:
    """Daily values by channel (where a metric has channels) of these metrics and of all they are made of.

    `missing` names those that neither a bound source nor the tables in `data` give.

    Raises:
        UserError: there are no values at all, or what there is cannot be used.
    """
    wanted = _with_parts(names, dictionary)
    found: dict[str, list[Value]] = {
        name: values for name, values in read_bound_values(workspace.folder, dictionary).items() if name in wanted
    }
    here = [name for name in wanted if name not in found and _tables_there(name, dictionary, data)]
    for by in ((CHANNEL,), ()):
        some = [n for n in here if (CHANNEL in dictionary.definitions[n].by) == bool(by)]
        if some:
            found |= compute_all(some, dictionary, data, Split(by)).values
    if not any(found.values()):
        how = say("bind your BI's files under sources: in metrics.yaml, or export event tables to {data}", data=data)
        raise UserError(Problem(say("there are no daily values"), how, file=str(data)))
    bound = [file for _, file in bound_files(workspace.folder, dictionary)]
    inputs = {str(file.relative_to(workspace.folder)): sha256(file) for file in bound}
    missing = tuple(name for name in names if name not in found and not _from_parts(name, found, dictionary))
    return daily_of(found, inputs | (hashes_of(data) if here else {}), missing)


def _with_parts(names: Sequence[str], dictionary: Dictionary) -> list[str]:
    found: dict[str, None] = {}
    for name in names:
        parts = dictionary.definitions[name].references.values()
        found |= dict.fromkeys(_with_parts([*parts], dictionary)) | {name: None}
    return [name for name in found if dictionary.definitions[name].grain == "day"]


def _from_parts(name: str, found: dict[str, list[Value]], dictionary: Dictionary) -> bool:
    definition = dictionary.definitions[name]
    parts = definition.references.values() if definition.kind == "ratio" else ()
    return bool(parts) and all(part in found or _from_parts(part, found, dictionary) for part in parts)


def _tables_there(name: str, dictionary: Dictionary, data: Path) -> bool:
    files = [p.name for p in data.glob("*")] if data.is_dir() else []
    tables = tables_of(name, dictionary.definitions)
    return all(any(f.startswith(table) and f.endswith(ENDINGS) for f in files) for table in tables)


def hashes_of(data: Path) -> dict[str, str]:
    """SHA-256 of every table in a folder."""
    return {f"{data.name}/{p.name}": sha256(p) for p in sorted(data.glob("*")) if p.name.endswith(ENDINGS)}
