"""`campaigns/<id>.yaml`, changed by a form: comments and order stay, and only the file that was opened is replaced."""

from __future__ import annotations

import fcntl
import hashlib
import io
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from campaign.errors import Problem, UserError
from campaign.files import write_text
from campaign.language import say

LOCK = "state/plans.lock"
IDENTITIES = ("id", "name", "at", "starts_at")


class ChangedMeanwhile(UserError):
    """The file is no longer the one that was opened; `theirs` is what stands there now."""

    def __init__(self, name: str, theirs: str) -> None:
        super().__init__(
            Problem(
                say("was changed by somebody else while you edited it"),
                say("compare the two versions, then save yours again or keep theirs"),
                file=name,
            )
        )
        self.theirs = theirs


def version_of(text: str) -> str:
    """What a form carries to say which file it opened; empty for a plan that is new."""
    return hashlib.sha256(text.encode()).hexdigest() if text else ""


@contextmanager
def one_writer(folder: Path) -> Iterator[None]:
    """Holds the workspace's plans against other writers of any process on this machine."""
    path = folder / LOCK
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def save(folder: Path, campaign: str, text: str, opened: str) -> bool:
    """Replace the plan's file if it is still the version `opened`; call it inside `one_writer`.

    Returns whether anything changed.

    Raises:
        ChangedMeanwhile: somebody else saved it since.
    """
    path = folder / "campaigns" / f"{campaign}.yaml"
    there = path.read_text("utf-8") if path.is_file() else ""
    if there == text:
        return False
    if version_of(there) != opened:
        raise ChangedMeanwhile(f"campaigns/{path.name}", there)
    write_text(path, text)
    return True


def revised(text: str, content: Mapping[str, Any]) -> str:
    """The YAML `text` saying `content` instead; comments, order and the spelling of what did not change stay."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    indented = re.search(r"^\w[\w-]*:[^\n]*\n(?:\s*#[^\n]*\n)*( *)- ", text, re.MULTILINE)
    if indented is None or indented[1]:
        yaml.indent(mapping=2, sequence=4, offset=2)
    document = yaml.load(text)
    _merge(document, content)
    made = io.StringIO()
    yaml.dump(document, made)
    return made.getvalue()


def _merge(old: Any, new: Mapping[str, Any]) -> None:
    for key in [key for key in old if key not in new]:
        del old[key]
    for key, value in new.items():
        if key in old and _joined(old[key], value):
            continue
        old[key] = value


def _joined(old: Any, new: Any) -> bool:
    """Whether `old` now says `new`, changed in place where it is a mapping or list; false where it must be replaced."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        _merge(old, new)
        return True
    if isinstance(old, list) and isinstance(new, list | tuple) and all(isinstance(v, Mapping) for v in (*old, *new)):
        _merge_list(old, new)
        return True
    return bool(_plain(old) == _plain(new))


def _merge_list(old: list[Any], new: Sequence[Mapping[str, Any]]) -> None:
    """Records keep their place and comments by what identifies them; new ones go where the form has them."""
    kept: list[Any] = []
    for record in new:
        match = next((o for o in old if not any(o is k for k in kept) and _same_record(o, record)), None)
        if match is None:
            kept.append(record)
        else:
            _merge(match, record)
            kept.append(match)
    if len(kept) != len(old) or any(a is not b for a, b in zip(kept, old, strict=True)):
        old[:] = kept


def _same_record(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    for key in IDENTITIES:
        if key in new or key in old:
            return bool(_plain(old.get(key)) == _plain(new.get(key)))
    return False


def _plain(value: Any) -> Any:
    """Values that mean the same compare equal: instants in any zone or spelling, numbers of any type."""
    if isinstance(value, datetime):
        return value.timestamp() if value.tzinfo else value
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return str(value)
        return moment.timestamp() if moment.tzinfo and len(value) > 10 else str(value)
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    return value
