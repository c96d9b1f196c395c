"""Whole command sessions, word for word: what is typed, what is printed, the exit code, what is written.

A session in `tests/sessions/` is a text file of sections. `=== file PATH` makes a file, `=== run COMMAND` runs it, and
`=== stdout`, `=== stderr`, `=== exit N` are what must come of it; `=== untouched` says that no file changed.
`SESSIONS=write pytest tests/test_sessions.py` writes what came into the files, to be read before it is committed.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

import pytest

from campaign.language import use_language
from surgeplan.cli import main

SESSIONS = sorted((Path(__file__).parent / "sessions").glob("*.txt"))
RESULTS = ("stdout", "stderr", "exit", "untouched")


@dataclass
class Section:
    kind: str
    argument: str
    body: str


def sections_of(text: str) -> list[Section]:
    sections = []
    for part in text.split("\n=== ")[0:] if text.startswith("=== ") else []:
        head, _, body = part.removeprefix("=== ").partition("\n")
        kind, _, argument = head.partition(" ")
        sections.append(Section(kind, argument, body.rstrip("\n") + "\n" if body.strip() else ""))
    return sections


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def play(text: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """The session's text with what really came in place of what was expected."""
    played: list[str] = []
    for section in sections_of(text):
        if section.kind == "file":
            path = folder / section.argument
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(section.body, "utf-8")
            played.append(f"=== file {section.argument}\n{section.body}")
        elif section.kind == "run":
            before = snapshot(folder)
            code = main(shlex.split(section.argument)[1:])
            came = capsys.readouterr()
            played.append(f"=== run {section.argument}\n")
            played += [f"=== {name}\n{words}" for name, words in (("stdout", came.out), ("stderr", came.err)) if words]
            played.append(f"=== exit {int(code)}\n")
            if snapshot(folder) == before:
                played.append("=== untouched\n")
        else:
            assert section.kind in RESULTS, section.kind
    return "\n".join(part.rstrip("\n") + "\n" for part in played)


@pytest.mark.parametrize("session", SESSIONS, ids=lambda path: path.stem)
def test_session(
    session: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "100")
    use_language("en")
    expected = session.read_text("utf-8")
    came = play(expected, tmp_path, capsys)
    if os.environ.get("SESSIONS") == "write":
        session.write_text(came, "utf-8")
    assert came == session.read_text("utf-8")
