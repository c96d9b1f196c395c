"""YAML 1.2 and JSON documents in, checked records out, every problem with its line.

PyYAML reads `22:30` as 1350 and `NO` as False; here both stay text, and so does every time of day.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails
from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from campaign.errors import Problem, UserError, nearest
from campaign.language import Text, say

TEXTS_KEPT = 256
KeyPath = tuple[str | int, ...]
Record = TypeVar("Record", bound="FileRecord")


class FileRecord(BaseModel):
    """Base of every record that crosses a file boundary: frozen, no unknown keys, finite numbers."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


@dataclass(frozen=True)
class Document:
    """A parsed file: its content and the line of every key."""

    file: str
    content: Any
    lines: dict[KeyPath, int]

    def problem(self, path: KeyPath, what: Text, todo: Text | None = None) -> Problem:
        """A problem at a key, with the line of the nearest key that exists."""
        at = path
        while at and at not in self.lines:
            at = at[:-1]
        return Problem(what, todo, file=self.file, line=self.lines.get(at, 1), key=dotted(path))


def dotted(path: KeyPath) -> str:
    """`offers[2].ends_at` for `("offers", 2, "ends_at")`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def read_yaml(path: Path, name: str) -> Document:
    """Parse a YAML 1.2 file; `name` is what problems call it.

    Raises:
        UserError: missing, not text in UTF-8, not YAML, a key twice, or not a mapping.
    """
    return parse_yaml(read_utf8(path, name), name)


def parse_yaml(text: str, name: str) -> Document:
    """The same of a text that is no file of its own, such as an earlier version of one."""
    try:
        root = _composed(text)
    except YAMLError as error:
        raise _not_yaml(error, name) from error
    if not isinstance(root, MappingNode):
        raise UserError(
            Problem(say("is empty or not a mapping of keys"), say("begin with schema_version: 1"), file=name, line=1)
        )
    lines: dict[KeyPath, int] = {}
    problems: list[Problem] = []
    content = _construct(root, (), lines, problems, name)
    if problems:
        raise UserError(problems)
    return Document(name, content, lines)


def read_yaml_stream(path: Path, name: str) -> tuple[Document, ...]:
    """Parse a file of one or more YAML or JSON documents, such as Kubernetes manifests; empty ones are left out.

    Raises:
        UserError: missing, not text in UTF-8, not YAML, or a key twice.
    """
    text = read_utf8(path, name)
    try:
        roots = [root for root in _yaml().compose_all(text) if root is not None]
    except YAMLError as error:
        raise _not_yaml(error, name) from error
    problems: list[Problem] = []
    documents = []
    for root in roots:
        lines: dict[KeyPath, int] = {}
        documents.append(Document(name, _construct(root, (), lines, problems, name), lines))
    if problems:
        raise UserError(problems)
    return tuple(documents)


@lru_cache(maxsize=TEXTS_KEPT)
def _composed(text: str) -> Node | None:
    """The nodes of a text. Composing is nearly all the time that reading takes, and a service reads the same again."""
    root: Node | None = _yaml().compose(text)
    return root


def _yaml() -> YAML:
    yaml = YAML()
    yaml.version = (1, 2)
    return yaml


def _not_yaml(error: YAMLError, name: str) -> UserError:
    mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
    reason = (error.problem if isinstance(error, MarkedYAMLError) else None) or str(error)
    return UserError(
        Problem(
            say("is not valid YAML: {reason}", reason=reason),
            say("check indentation, colons and quotes on this line and the one above"),
            file=name,
            line=mark.line + 1 if mark else 1,
        )
    )


def read_utf8(path: Path, name: str) -> str:
    try:
        return path.read_text("utf-8-sig")
    except FileNotFoundError as error:
        raise UserError(
            Problem(
                say("does not exist"),
                say("run `surgeplan init DIR --example double11` to see a workspace that works"),
                file=name,
            )
        ) from error
    except UnicodeDecodeError as error:
        raise UserError(Problem(say("is not UTF-8 text"), say("save it as UTF-8 in your editor"), file=name)) from error
    except OSError as error:
        raise UserError(Problem(say("cannot be read: {reason}", reason=error.strerror), file=name)) from error


def _construct(node: Node, path: KeyPath, lines: dict[KeyPath, int], problems: list[Problem], name: str) -> Any:
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, MappingNode):
        content: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            at = (*path, key)
            if key in content:
                problems.append(
                    Problem(
                        say("this key stands twice"),
                        say("keep one of the two"),
                        file=name,
                        line=key_node.start_mark.line + 1,
                        key=dotted(at),
                    )
                )
            lines[at] = key_node.start_mark.line + 1
            content[key] = _construct(value_node, at, lines, problems, name)
        return content
    if isinstance(node, SequenceNode):
        return [_construct(child, (*path, i), lines, problems, name) for i, child in enumerate(node.value)]
    assert isinstance(node, ScalarNode)
    return _scalar(node)


def _scalar(node: ScalarNode) -> str | int | float | bool | None:
    kind = str(node.tag).rpartition(":")[2]
    text: str = node.value
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    if kind == "int":
        return int(text.replace("_", ""), 0)
    if kind == "float":
        return float(text.replace("_", "").replace(".inf", "inf").replace(".nan", "nan"))
    return text


def validate(document: Document, record: type[Record]) -> Record:
    """The document as a record.

    Raises:
        UserError: every problem of the document at once.
    """
    try:
        return record.model_validate(document.content)
    except ValidationError as error:
        raise UserError(problems_of(error, document, record)) from error


def read_json(path: Path, name: str, record: type[Record]) -> Record:
    """A JSON file that a command wrote, as a record.

    Raises:
        UserError: missing, cut short, or of another schema.
    """
    text = read_utf8(path, name)
    try:
        content = json.loads(text)
    except json.JSONDecodeError as error:
        raise UserError(
            Problem(
                say("is not valid JSON: {reason}", reason=error.msg),
                say("make it again with the command that wrote it"),
                file=name,
                line=error.lineno,
            )
        ) from error
    return validate(Document(name, content, {}), record)


def problems_of(error: ValidationError, document: Document, record: type[BaseModel]) -> list[Problem]:
    """Pydantic's complaints in our words, with lines; one for each place."""
    problems: dict[KeyPath, Problem] = {}
    for detail in error.errors():
        path = tuple(part for part in detail["loc"] if isinstance(part, int) or not part.startswith("function-"))
        complaint = detail.get("ctx", {}).get("error")
        if isinstance(complaint, Complaint):
            path += complaint.key
        what, todo = _complaint(detail, path, record)
        problems.setdefault(path, document.problem(path, what, todo))
    return list(problems.values())


def _complaint(detail: ErrorDetails, path: KeyPath, record: type[BaseModel]) -> tuple[Text, Text | None]:
    kind, context, given = detail["type"], detail.get("ctx", {}), detail.get("input")
    if kind == "extra_forbidden":
        return say("unknown key"), nearest(str(path[-1]), keys_at(record, path[:-1]))
    if kind == "missing":
        return say("this key is required"), say("add it")
    if kind == "timezone_aware":
        todo = say("write the offset too, for example {given}+08:00", given=given)
        return say("{given} has no offset", given=given), todo
    if kind.startswith("datetime") or kind.startswith("date_"):
        return say("{given} is not a time", given=repr(given)), say("write it as 2026-11-10T20:00+08:00")
    if kind == "literal_error":
        return say("{given} is not one of {expected}", given=repr(given), expected=context["expected"]), None
    if kind in ("greater_than", "greater_than_equal", "less_than", "less_than_equal"):
        sign, bound = next((s, context[k]) for k, s in _BOUNDS.items() if k in context)
        what = say("{given} must be {sign} {bound}", given=given, sign=sign, bound=_plain(bound))
        return what, _as_share(given, bound, below=sign == "<")
    if kind == "string_pattern_mismatch":
        todo = say("write letters, digits and . _ - without spaces")
        if "A-Za-z" in str(context.get("pattern")):
            todo = say("write Latin letters (a-z), digits and . _ - without spaces")
        return say("{given} is not a short name", given=given), todo
    if kind == "finite_number":
        return say("{given} is not a finite number", given=given), say("write a number, or leave the key out")
    if kind == "value_error":
        complaint = context["error"]
        if isinstance(complaint, Complaint):
            return complaint.what, complaint.todo
        return say("{reason}", reason=str(complaint)), None
    expected = _TYPES.get(kind.removesuffix("_type").removesuffix("_parsing"))
    if expected:
        return say("{given} is not {expected}", given=repr(given), expected=expected), None
    return say("{reason}", reason=detail["msg"]), None


def _plain(bound: object) -> object:
    return f"{bound:g}" if isinstance(bound, int | float) else bound


def _as_share(given: object, bound: object, *, below: bool) -> Text | None:
    """A number that looks like percent where a share up to 1, or below it, belongs."""
    if bound == 1 and below and given in (1, 100):
        return say("write a share below 1, such as 0.99")
    if bound != 1 or not isinstance(given, int | float) or not 1 < given <= 100:
        return None
    return say(
        "a share lies between 0 and 1: for {given} % write {share}", given=f"{given:g}", share=f"{given / 100:g}"
    )


class Complaint(ValueError):
    """Raised inside a record's validator: what is wrong, what to do, and which key below the record it is about."""

    def __init__(self, what: Text, todo: Text | None = None, key: KeyPath = ()) -> None:
        super().__init__(what.speak("en"))
        self.what, self.todo, self.key = what, todo, key


_BOUNDS = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤"}
_TYPES = {
    "string": say("text (put it in quotes)"),
    "int": say("a whole number"),
    "int_from_float": say("a whole number"),
    "float": say("a number"),
    "bool": say("true or false"),
    "list": say("a list"),
    "tuple": say("a list"),
    "dict": say("a mapping of keys"),
    "model": say("a mapping of keys"),
}


def keys_at(record: type[BaseModel], path: KeyPath) -> Iterable[str]:
    """The keys that a record allows at a path: what an unknown key may have meant."""
    schema = record.model_json_schema()
    node: dict[str, Any] = schema
    for part in path:
        node = _resolved(node, schema)
        if isinstance(part, int):
            node = node.get("items", {})
        else:
            node = node.get("properties", {}).get(part) or node.get("additionalProperties") or {}
    return tuple(_resolved(node, schema).get("properties", {}))


def _resolved(node: Any, schema: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(node, dict):
        return {}
    for option in node.get("anyOf", []):
        if option.get("type") != "null":
            return _resolved(option, schema)
    if "$ref" in node:
        return _resolved(schema["$defs"][node["$ref"].rpartition("/")[2]], schema)
    return node
