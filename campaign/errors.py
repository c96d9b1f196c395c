"""Refusals: what is wrong, where, and what to do about it. Everything else that is raised is our bug."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from enum import IntEnum

from campaign.language import Text, say


class ExitCode(IntEnum):
    """What a command's exit code tells a script."""

    YES = 0
    NO = 1
    WRONG_INPUT = 2
    INVALID = 3
    INCONCLUSIVE = 4
    BUG = 70
    INTERRUPTED = 130


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: `file:line key: what`, and below it what to do."""

    what: Text
    todo: Text | None = None
    file: str = ""
    line: int | None = None
    key: str = ""

    def place(self) -> str:
        where = f"{self.file}:{self.line}" if self.file and self.line else self.file
        return " ".join(part for part in (where, self.key) if part)

    def sentence(self) -> Text:
        """Where and what, without what to do."""
        place = self.place()
        return say("{place}: {what}", place=place, what=self.what) if place else self.what

    def __str__(self) -> str:
        place = self.place()
        head = f"{place}: {self.what}" if place else str(self.what)
        return f"{head}\n  {self.todo}" if self.todo else head

    def as_json(self) -> dict[str, str | int | None]:
        return {
            "file": self.file or None,
            "line": self.line,
            "key": self.key or None,
            "what": self.what.speak("en"),
            "todo": self.todo.speak("en") if self.todo else None,
        }


class UserError(Exception):
    """Input that cannot be used, reported with all its problems at once; nothing was written."""

    exit_code = ExitCode.WRONG_INPUT

    def __init__(self, problems: Iterable[Problem] | Problem) -> None:
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def nearest(name: str, known: Iterable[str]) -> Text:
    """What to do about an unknown name: the nearest known one, or the list of them."""
    names = sorted(known)
    near = get_close_matches(name, names, n=1, cutoff=0.6)
    if near:
        return say("did you mean {near}?", near=near[0])
    return say("known: {names}", names=", ".join(names) or "-")
