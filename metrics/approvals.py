"""Two roles agree on each definition id: marketing, and operations or data. Consent stands in metrics.yaml."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Literal

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq

from campaign.documents import read_utf8
from campaign.errors import Problem, UserError, nearest
from campaign.files import write_text
from campaign.language import Text, say
from campaign.settings import Settings
from metrics.archive import archive
from metrics.definitions import Role
from metrics.dictionary import DICTIONARY, Dictionary

State = Literal["agreed", "one-sided", "edited", "open"]
SIDES: tuple[frozenset[Role], ...] = (frozenset({"marketing"}), frozenset({"ops", "data"}))
ROLES: tuple[Role, ...] = ("marketing", "ops", "data")
STATES: dict[State, Text] = {
    "agreed": say("agreed"),
    "one-sided": say("one side agreed"),
    "edited": say("edited after it was agreed on"),
    "open": say("not agreed on"),
}


def state_of(name: str, dictionary: Dictionary) -> State:
    """Where the present id stands; `edited` where only an earlier one was consented to."""
    approvals = dictionary.definitions[name].approvals
    roles = {approval.role for approval in approvals if approval.id == dictionary.ids[name]}
    if all(roles & side for side in SIDES):
        return "agreed"
    return "one-sided" if roles else "edited" if approvals else "open"


def edited_after_approval(dictionary: Dictionary) -> list[str]:
    """Metrics whose meaning was changed after somebody agreed on it, and nobody has since."""
    return [name for name in dictionary.ids if state_of(name, dictionary) == "edited"]


def role_of(actor: str, role: str | None, settings: Settings) -> Role:
    """The role in which somebody consents: the one given, else the only one they have of the three that may.

    Raises:
        UserError: nobody is named, or they have none of these roles.
    """
    if not actor:
        raise _refusal(say("nobody is named as the one who acts"), say("add --as NAME, or set SURGEPLAN_USER"), "--as")
    held = [part.strip() for part in settings.roles.get(actor, "").split(",")]
    return consenting_role(actor, held, role)


def consenting_role(actor: str, held: Sequence[str], role: str | None) -> Role:
    """The same of somebody who has the roles `held`.

    Raises:
        UserError: none of them may agree, or several may and none is given.
    """
    mine = [known for known in ROLES if known in held]
    if role is not None and role not in mine:
        raise _refusal(say("{name} is not {role} here", name=actor, role=role), nearest(role, mine), "--role")
    chosen = [known for known in mine if role in (None, known)]
    if len(chosen) != 1:
        todo = say("name one of marketing, ops, data with --role, or under roles: in surgeplan.yaml")
        raise _refusal(say("{name} has no one role that may agree", name=actor), todo, "--role")
    return chosen[0]


def approve(folder: Path, names: list[str], dictionary: Dictionary, actor: str, role: Role, on: date) -> list[str]:
    """Write one role's consent to the present ids into metrics.yaml, comments kept; returns the names newly agreed on.

    The definitions, with all they are made of, go into the archive.

    Raises:
        UserError: this person already consented to one of them in another role: two roles are two people.
    """
    new = [n for n in names if not _consented(n, dictionary, role)]
    twice = [
        n for n in new if any(a.by == actor and a.id == dictionary.ids[n] for a in dictionary.definitions[n].approvals)
    ]
    if twice:
        problem = say("{name} agreed on {metrics} in another role", name=actor, metrics=", ".join(twice))
        raise UserError(Problem(problem, say("somebody else has to agree for the other side"), file=DICTIONARY))
    archive(folder, names, dictionary)
    if new:
        _write(folder / DICTIONARY, new, dictionary, actor, role, on)
    return new


def _consented(name: str, dictionary: Dictionary, role: Role) -> bool:
    return any(a.id == dictionary.ids[name] and a.role == role for a in dictionary.definitions[name].approvals)


def _write(file: Path, names: list[str], dictionary: Dictionary, actor: str, role: Role, on: date) -> None:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    text = read_utf8(file, DICTIONARY) if file.is_file() else "schema_version: 1\nmetrics:\n"
    content = yaml.load(text)
    if content.get("metrics") is None:
        content["metrics"] = CommentedMap()
    for name in names:
        entry = content["metrics"].setdefault(name, CommentedMap())
        consent = CommentedMap({"id": dictionary.ids[name], "role": role, "by": actor, "on": on.replace()})
        consent.fa.set_flow_style()
        entry.setdefault("approvals", CommentedSeq()).append(consent)
    written = StringIO()
    yaml.dump(content, written)
    write_text(file, written.getvalue())


def _refusal(what: Text, todo: Text, key: str) -> UserError:
    return UserError(Problem(what, todo, key=key))
