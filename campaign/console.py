"""The terminal: options that every command takes, results on stdout, progress and problems on stderr."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Protocol

import typer

from campaign.language import LANGUAGES, Language, Text, _, asked_language, say, use_language

if TYPE_CHECKING:
    from campaign.errors import Problem, UserError
    from campaign.workspace import Workspace

WorkspaceOption = Annotated[
    Path, typer.Option("--workspace", help=_("The workspace's folder."), show_default=_("current folder"))
]
JsonOption = Annotated[bool, typer.Option("--json", help=_("One JSON document on stdout."))]
LangOption = Annotated[
    str | None, typer.Option("--lang", help=_("zh or en; the workspace's language where left out."), metavar="zh|en")
]
NowOption = Annotated[
    str | None,
    typer.Option("--now", help=_("Stands in for the clock, such as 2026-11-08T20:00+08:00."), metavar="TIME"),
]
AsOfOption = Annotated[
    str | None,
    typer.Option(
        "--as-of", help=_("Only what was known then; three days before, or now if that is earlier."), metavar="TIME"
    ),
]
SeedOption = Annotated[int, typer.Option("--seed", help=_("Seed of every random draw."))]


class Progress(Protocol):
    """Told of steps as they are done; computing code takes one and knows nothing of terminals."""

    def __call__(self, step: Text, done: int, of: int) -> None: ...


def no_progress(step: Text, done: int, of: int) -> None:
    """For callers that show none."""


@dataclass(frozen=True)
class Console:
    """Where a command's words go."""

    as_json: bool

    @classmethod
    def open(cls, folder: Path, lang: str | None, as_json: bool) -> Console:
        """Choose the language: `--lang`, else the workspace's."""
        use_language(chosen_language(lang, folder))
        return cls(as_json)

    def result(self, text: str, document: Any) -> None:
        """Print a command's result: `text` for people, or `document` as JSON."""
        from campaign.files import to_json

        sys.stdout.write(to_json(document) if self.as_json else text.rstrip("\n") + "\n")

    def next(self, command: str) -> None:
        """The last line: the next command."""
        if not self.as_json:
            sys.stdout.write(_("next: {command}").format(command=command) + "\n")

    def look(self, page: Path) -> None:
        """The last line of a command that made a page: where to look."""
        if not self.as_json:
            sys.stdout.write(_("open: {page}").format(page=page) + "\n")

    def note(self, text: Text) -> None:
        sys.stderr.write(f"{text}\n")

    @contextmanager
    def progress(self) -> Iterator[Progress]:
        """A bar on stderr for what takes longer than two seconds; plain lines where stderr is no terminal."""
        from campaign.progress import show

        with show() as progress:
            yield progress


def chosen_language(lang: str | None, folder: Path) -> Language:
    from campaign.errors import Problem, UserError

    if lang is None:
        from campaign.workspace import language_of

        return asked_language() or language_of(folder)
    for known in LANGUAGES:
        if lang == known:
            return known
    what = say("{lang} is not a language surgeplan speaks", lang=lang)
    raise UserError(Problem(what, say("known: zh, en"), key="--lang"))


def open_workspace(folder: Path) -> Workspace:
    """The workspace, read only when a command needs it."""
    from campaign import workspace

    return workspace.open_workspace(folder)


def moment_option(value: str | None, key: str) -> datetime | None:
    """An option that is a time with an offset.

    Raises:
        UserError: not a time, or no offset.
    """
    from campaign.errors import Problem, UserError

    if value is None:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError as error:
        problem = Problem(say("{given} is not a time", given=value), say("write it as 2026-11-10T20:00+08:00"), key=key)
        raise UserError(problem) from error
    if moment.tzinfo is None:
        raise UserError(
            Problem(
                say("{given} has no offset", given=value),
                say("write the offset too, for example {given}+08:00", given=value),
                key=key,
            )
        )
    return moment.astimezone(UTC)


def clock(now: str | None) -> datetime:
    """`--now`, else the clock; the only place that reads it for commands."""
    return moment_option(now, "--now") or datetime.now(UTC)


def actor(given: str | None) -> str:
    """Who signs: `--as`, else SURGEPLAN_USER; empty where nobody said."""
    return given or os.environ.get("SURGEPLAN_USER", "")


def show_problems(error: UserError, as_json: bool) -> None:
    """All problems on stderr, and as a JSON document on stdout where that was asked for."""
    if as_json:
        problems = [problem.as_json() for problem in error.problems]
        sys.stdout.write(json.dumps({"problems": problems}, ensure_ascii=False, indent=2) + "\n")
    sys.stderr.write(problems_text(error.problems) + "\n")


def problems_text(problems: Sequence[Problem]) -> str:
    count = len(problems)
    summary = _("1 problem; nothing was written") if count == 1 else _("{count} problems; nothing was written")
    return "\n".join([*map(str, problems), summary.format(count=count)])


def table(headings: Sequence[str], rows: Sequence[Sequence[str]], left: int = 1) -> str:
    """A plain table: the first `left` columns left-aligned, the rest right-aligned; wide characters count double."""
    cells = [list(headings), *map(list, rows)]
    widths = [max(width(row[i]) for row in cells) for i in range(len(headings))]
    return "\n".join(
        "  ".join(_aligned(cell, widths[i], i < left) for i, cell in enumerate(row)).rstrip() for row in cells
    )


def _aligned(cell: str, columns: int, to_left: bool) -> str:
    gap = " " * (columns - width(cell))
    return cell + gap if to_left else gap + cell


def width(text: str) -> int:
    """Columns that a text takes in a terminal."""
    from unicodedata import east_asian_width

    return sum(2 if east_asian_width(c) in "WF" else 1 for c in text)
