"""Old ids stay readable: every definition that was ever agreed on, one line each in `metrics.archive.jsonl`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from campaign.documents import Document, FileRecord, problems_of, read_utf8
from campaign.errors import Problem, UserError
from campaign.files import write_text
from campaign.language import say
from campaign.words import Words
from metrics.definitions import given_meaning, id_of
from metrics.dictionary import Dictionary

ARCHIVE = "metrics.archive.jsonl"


class Archived(FileRecord):
    """One definition as it was. meaning: its semantic fields, parts by id; parts: the names these ids had."""

    id: str
    name: str
    title: Words
    meaning: dict[str, Any]
    parts: dict[str, str] = {}


def read_archive(folder: Path) -> dict[str, Archived]:
    """Every archived definition by id, the oldest first; none where nothing was agreed on yet.

    Raises:
        UserError: a line is not one, or was edited: its id is not that of its meaning.
    """
    file = folder / ARCHIVE
    if not file.is_file():
        return {}
    found: dict[str, Archived] = {}
    problems: list[Problem] = []
    for number, line in enumerate(read_utf8(file, ARCHIVE).splitlines(), start=1):
        try:
            one = Archived.model_validate(json.loads(line))
        except json.JSONDecodeError as error:
            what = say("is not valid JSON: {reason}", reason=error.msg)
            problems.append(Problem(what, say("restore the line from git"), file=ARCHIVE, line=number))
            continue
        except ValidationError as error:
            problems += problems_of(error, Document(ARCHIVE, {}, {(): number}), Archived)
            continue
        if id_of(one.meaning) != one.id:
            what = say("{name}@{id} was edited after it was agreed on", name=one.name, id=one.id)
            problems.append(Problem(what, say("restore the line from git"), file=ARCHIVE, line=number))
        found[one.id] = one
    if problems:
        raise UserError(problems)
    return found


def archived(name: str, dictionary: Dictionary) -> Archived:
    """A definition as the archive keeps it."""
    definition = dictionary.definitions[name]
    parts = {dictionary.ids[part]: part for part in definition.references.values()}
    by_id = {key: dictionary.ids[part] for key, part in definition.references.items()}
    meaning = given_meaning(definition) | by_id
    return Archived(id=dictionary.ids[name], name=name, title=definition.title, meaning=meaning, parts=parts)


def archive(folder: Path, names: list[str], dictionary: Dictionary) -> list[str]:
    """Keep these definitions and all they are made of; returns the ids that were new.

    Raises:
        UserError: the archive was edited, or cannot be written.
    """
    known = read_archive(folder)
    wanted: dict[str, Archived] = {}
    waiting = [*names]
    while waiting:
        name = waiting.pop(0)
        if dictionary.ids[name] not in known | wanted:
            wanted[dictionary.ids[name]] = archived(name, dictionary)
        waiting += dictionary.definitions[name].references.values()
    lines = [
        json.dumps(one.model_dump(), ensure_ascii=False, sort_keys=True) + "\n" for one in (known | wanted).values()
    ]
    if wanted:
        write_text(folder / ARCHIVE, "".join(lines))
    return [*wanted]
