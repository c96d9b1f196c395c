"""The metric dictionary: what this package ships, extended and overridden by the workspace's `metrics.yaml`.

A workspace entry of a shipped name replaces the fields it gives and keeps the others; a new name is a new metric.
A definition that leaves out `time_zone` or a money metric that leaves out `currency` has the workspace's: the id
holds the resolved value.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from campaign.documents import Document, FileRecord, KeyPath, problems_of, read_yaml
from campaign.errors import Problem, UserError, nearest
from campaign.language import say
from campaign.plan import Family, Plan, Positive
from campaign.settings import Settings
from campaign.workspace import Workspace
from metrics.definitions import MONEY, Definition, definition_id
from metrics.manifests import BoundSource

DICTIONARY = "metrics.yaml"
SHIPPED = Path(__file__).parent / "policy" / DICTIONARY
NAME = re.compile(r"[a-z][a-z0-9_]*")


class Pair(FileRecord):
    """Two totals that move together, such as sessions to clicks: what their ratio may be.

    low, high: bounds of the ratio; left out, a day may differ from the median day by `tolerance_ratio`.
    """

    of: str
    to: str
    low: Positive | None = None
    high: Positive | None = None
    tolerance_ratio: Positive = 0.3


class Bindings(FileRecord):
    """What `metrics.yaml` says besides definitions.

    sources: BI files bound once. families: a channel's family, where no plan says it. reconcile: totals compared
    between sources. prometheus: the counter or histogram that holds a table's column, by `table.value`.
    """

    sources: tuple[BoundSource, ...] = ()
    families: dict[str, Family] = {}
    reconcile: tuple[Pair, ...] = ()
    prometheus: dict[str, str] = {}


class DictionaryFile(Bindings):
    """The shape of `metrics.yaml`."""

    schema_version: Literal[1] = 1
    metrics: dict[str, Definition]


@dataclass(frozen=True)
class Dictionary:
    """Checked definitions by name, and the id of each.

    `inherited` are the names that the workspace has as shipped.
    """

    definitions: dict[str, Definition]
    ids: dict[str, str]
    inherited: frozenset[str]
    bindings: Bindings = field(default_factory=Bindings)

    def find(self, reference: str) -> str | None:
        """The name that `name` or `name@id` means, None where there is none or its id is another."""
        name, at, wanted = reference.partition("@")
        if name not in self.ids or (at and self.ids[name] != wanted):
            return None
        return name

    def as_json(self, name: str) -> dict[str, Any]:
        """One definition as the commands show it: its id, whether it is as shipped, and its given fields."""
        fields = self.definitions[name].model_dump(mode="json", exclude_defaults=True)
        return {"id": self.ids[name], "inherited": name in self.inherited, "fields": fields}

    def users_of(self, name: str) -> tuple[str, ...]:
        """Names whose id changes when this one's does, itself left out."""
        direct = [n for n, d in self.definitions.items() if name in d.references.values()]
        return tuple(sorted({*direct, *(user for n in direct for user in self.users_of(n))}))


def open_dictionary(workspace: Workspace) -> Dictionary:
    """The dictionary of a workspace.

    Raises:
        UserError: every problem of `metrics.yaml` at once.
    """
    return read_dictionary(workspace.folder, workspace.settings)


def read_dictionary(folder: Path, settings: Settings) -> Dictionary:
    """As `open_dictionary`, for callers without plans.

    Raises:
        UserError: every problem of `metrics.yaml` at once.
    """
    own = folder / DICTIONARY
    shipped = _shipped()
    document = read_yaml(own, DICTIONARY) if own.is_file() else Document(DICTIONARY, {"metrics": {}}, {})
    given = document.content.get("metrics")
    if not isinstance(given, dict) or any(not isinstance(entry, dict) for entry in given.values()):
        todo = say("write metrics: and below it one mapping per metric")
        raise UserError(document.problem(("metrics",), say("is not a mapping of metrics"), todo))
    entries = {name: shipped.get(name, {}) | given.get(name, {}) for name in [*shipped, *(set(given) - set(shipped))]}
    resolved = {name: _resolved(entry, settings) for name, entry in sorted(entries.items())}
    content = {"reconcile": _shipped_pairs()} | document.content | {"metrics": resolved}
    try:
        file = DictionaryFile.model_validate(content)
    except ValidationError as error:
        raise UserError(problems_of(error, document, DictionaryFile)) from error
    problems = [*_reference_problems(file.metrics, document), *_pair_problems(file, document)]
    if problems:
        raise UserError(problems)
    bindings = Bindings(**{key: getattr(file, key) for key in Bindings.model_fields})
    return Dictionary(file.metrics, definition_ids(file.metrics), frozenset(set(shipped) - set(given)), bindings)


@cache
def _shipped() -> dict[str, dict[str, Any]]:
    metrics: dict[str, dict[str, Any]] = read_yaml(SHIPPED, DICTIONARY).content["metrics"]
    return metrics


@cache
def _shipped_pairs() -> list[dict[str, Any]]:
    pairs: list[dict[str, Any]] = read_yaml(SHIPPED, DICTIONARY).content["reconcile"]
    return pairs


def _resolved(entry: dict[str, Any], settings: Settings) -> dict[str, Any]:
    """The entry with the workspace's zone and currency where it leaves them open."""
    entry = {"time_zone": settings.time_zone} | entry
    unit = entry.get("unit")
    if isinstance(unit, str) and (unit == MONEY or unit.startswith(f"{MONEY}_per_")):
        entry = {"currency": settings.currency} | entry
    return entry


def definition_ids(definitions: dict[str, Definition]) -> dict[str, str]:
    """The id of every definition; references must exist and hold no circle."""
    ids: dict[str, str] = {}

    def find(name: str) -> str:
        if name not in ids:
            definition = definitions[name]
            ids[name] = definition_id(definition, {key: find(part) for key, part in definition.references.items()})
        return ids[name]

    return {name: find(name) for name in definitions}


def _reference_problems(definitions: dict[str, Definition], document: Document) -> Iterator[Problem]:
    for name, definition in definitions.items():
        if not NAME.fullmatch(name):
            todo = say("use small letters, digits and underscores, such as {name}", name="coupon_claims")
            yield document.problem(("metrics", name), say("{name} cannot be a metric's name", name=name), todo)
        unknown = [key for key, part in definition.references.items() if part not in definitions]
        for key in unknown:
            part = definition.references[key]
            what = say("there is no metric {name}", name=part)
            yield document.problem(("metrics", name, key), what, nearest(part, definitions))
        if unknown:
            continue
        circle = _circle(name, definitions)
        if circle:
            what = say("refers to itself: {circle}", circle=" → ".join(circle))
            yield document.problem(("metrics", name), what, say("define one of them by a table instead"))
        elif definition.kind == "ratio":
            yield from _unlike_parts(name, definition, definitions, document)


def _pair_problems(file: DictionaryFile, document: Document) -> Iterator[Problem]:
    for place, pair in enumerate(file.reconcile):
        for key, name in (("of", pair.of), ("to", pair.to)):
            if name not in file.metrics:
                what = say("there is no metric {name}", name=name)
                yield document.problem(("reconcile", place, key), what, nearest(name, file.metrics))


def _circle(name: str, definitions: dict[str, Definition]) -> list[str]:
    """The way from a metric back to itself, empty where there is none."""
    ways = [[name]]
    seen: set[str] = set()
    while ways:
        way = ways.pop()
        for part in definitions[way[-1]].references.values() if way[-1] in definitions else ():
            if part == name:
                return [*way, name]
            if part not in seen:
                seen.add(part)
                ways.append([*way, part])
    return []


def _unlike_parts(
    name: str, ratio: Definition, definitions: dict[str, Definition], document: Document
) -> Iterator[Problem]:
    assert ratio.numerator
    assert ratio.denominator
    above, below = definitions[ratio.numerator], definitions[ratio.denominator]
    at: KeyPath = ("metrics", name)
    if above.grain != below.grain:
        yield document.problem(
            at,
            say("numerator is per {above}, denominator per {below}", above=above.grain, below=below.grain),
            say("give both the same grain"),
        )
    if above.time_zone != below.time_zone or above.day_starts != below.day_starts:
        yield document.problem(
            at,
            say("numerator and denominator count their days differently"),
            say("give both the same time_zone and day_starts"),
        )
    if above.currency and below.currency and above.currency != below.currency:
        what = say("mixes {above} and {below}", above=above.currency, below=below.currency)
        yield document.problem(at, what, say("convert one of them in its own definition first"))


def require_metric(dictionary: Dictionary, reference: str) -> str:
    """The name that `name` or `name@id` means.

    Raises:
        UserError: there is none; suggests the nearest.
    """
    found = dictionary.find(reference)
    if found is None:
        raise UserError(_unknown_metric(Document(DICTIONARY, {}, {}), (), reference, dictionary))
    return found


def check_plan_metrics(workspace: Workspace, dictionary: Dictionary) -> list[Problem]:
    """Every name under `metrics:` and `expected:` of every plan that the dictionary does not have, with its line."""
    problems: list[Problem] = []
    for plan in workspace.plans:
        unknown = [(path, name) for path, name in _named_in(plan) if dictionary.find(name) is None]
        if unknown:
            file = workspace.plan_file(plan.id)
            document = read_yaml(file, f"campaigns/{file.name}")
            problems += [_unknown_metric(document, path, name, dictionary) for path, name in unknown]
    return problems


def _named_in(plan: Plan) -> Iterable[tuple[KeyPath, str]]:
    yield from ((("metrics", i), name) for i, name in enumerate(plan.metrics))
    yield from ((("expected", name), name) for name in plan.expected)


def _unknown_metric(document: Document, path: KeyPath, reference: str, dictionary: Dictionary) -> Problem:
    name, _, wanted = reference.partition("@")
    if name in dictionary.ids:
        return document.problem(
            path,
            say("{name} is now {id}, not {wanted}", name=name, id=dictionary.ids[name], wanted=wanted),
            say("its meaning changed: check the figure, then write {name}@{id}", name=name, id=dictionary.ids[name]),
        )
    return document.problem(path, say("there is no metric {name}", name=name), nearest(name, dictionary.ids))
