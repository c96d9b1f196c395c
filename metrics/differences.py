"""What changed between two dictionaries: meanings, ids that changed through their parts, and mere words."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from campaign.documents import read_yaml, validate
from campaign.errors import Problem, UserError
from campaign.language import say
from campaign.settings import Settings
from campaign.workspace import SETTINGS
from metrics.archive import Archived, archived, read_archive
from metrics.definitions import REFERENCES, Meaning
from metrics.dictionary import DICTIONARY, Dictionary, read_dictionary

Kind = Literal["added", "removed", "meaning", "parts", "words"]


@dataclass(frozen=True)
class Change:
    """One metric's change. fields: what was and what is, by field; because: the parts whose ids changed.

    meaning: its own semantic fields changed (and maybe its parts); parts: only its parts' ids; words: no id changed.
    """

    name: str
    kind: Kind
    old_id: str | None
    new_id: str | None
    fields: dict[str, tuple[Any, Any]]
    because: tuple[str, ...] = ()

    @property
    def semantic(self) -> bool:
        return self.kind != "words"

    def as_json(self) -> dict[str, Any]:
        fields = {key: {"old": old, "new": new} for key, (old, new) in self.fields.items()}
        return {
            "metric": self.name, "kind": self.kind, "semantic": self.semantic, "old_id": self.old_id,
            "new_id": self.new_id, "fields": fields, "because": list(self.because),
        }  # fmt: skip


def read_version(path: Path, settings: Settings) -> Dictionary:
    """The dictionary of a folder (a workspace, a frozen bundle) or of a metrics.yaml by itself.

    Raises:
        UserError: there is none, or it has problems.
    """
    if not path.exists():
        raise UserError(Problem(say("does not exist"), say("name a folder or a metrics.yaml"), file=str(path)))
    folder = path if path.is_dir() else path.parent
    if not path.is_dir() and path.name != DICTIONARY:
        todo = say("name a folder, or a file called {name}", name=DICTIONARY)
        raise UserError(Problem(say("is not called {name}", name=DICTIONARY), todo, file=str(path)))
    own = folder / SETTINGS
    return read_dictionary(folder, validate(read_yaml(own, SETTINGS), Settings) if own.is_file() else settings)


def compare(old: Dictionary, new: Dictionary) -> list[Change]:
    """Every metric that changed, in order of name."""
    before = {name: archived(name, old) for name in old.ids}
    after = {name: archived(name, new) for name in new.ids}
    words = {name: _words(old, new, name) for name in set(before) & set(after)}
    return _changes(before, after, words)


def compare_with_archive(folder: Path, new: Dictionary) -> list[Change]:
    """What changed since each metric was last agreed on; metrics that never were are left out."""
    before = {one.name: one for one in read_archive(folder).values()}
    after = {name: archived(name, new) for name in new.ids if name in before}
    return _changes(before, after, {})


def _changes(
    before: dict[str, Archived], after: dict[str, Archived], words: dict[str, dict[str, tuple[Any, Any]]]
) -> list[Change]:
    changed = {name for name in before if name in after and before[name].id != after[name].id}
    found: list[Change] = []
    for name in sorted({*before, *after}):
        was, now = before.get(name), after.get(name)
        if was is None or now is None:
            kind: Kind = "added" if was is None else "removed"
            found.append(Change(name, kind, was.id if was else None, now.id if now else None, {}))
        elif name in changed:
            found.append(_of_meaning(name, was, now))
        elif words.get(name):
            found.append(Change(name, "words", was.id, now.id, words[name]))
    return found


def _of_meaning(name: str, was: Archived, now: Archived) -> Change:
    fields = dict(_unlike(was, now))
    through = {key for key in REFERENCES if was.meaning.get(key) != now.meaning.get(key) and _same(key, was, now)}
    because = tuple(sorted(now.parts[str(now.meaning[key])] for key in through))
    own = {key: value for key, value in fields.items() if key not in through}
    return Change(name, "meaning" if own else "parts", was.id, now.id, own, because)


def _same(key: str, was: Archived, now: Archived) -> bool:
    """Whether a field names the same metric as before, whatever that one's id is."""
    return was.parts.get(str(was.meaning.get(key))) == now.parts.get(str(now.meaning.get(key)))


def _unlike(was: Archived, now: Archived) -> Iterator[tuple[str, tuple[Any, Any]]]:
    for key in Meaning.model_fields:
        old, new = was.meaning.get(key), now.meaning.get(key)
        if old != new:
            yield key, (was.parts.get(str(old), old), now.parts.get(str(new), new))


def _words(old: Dictionary, new: Dictionary, name: str) -> dict[str, tuple[Any, Any]]:
    was, now = (d.definitions[name].model_dump(mode="json", exclude=set(Meaning.model_fields)) for d in (old, new))
    return {key: (was[key], now[key]) for key in was if was[key] != now[key]}
