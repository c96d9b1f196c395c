"""Every submission is a git commit in the submitter's name, pushed where a remote is set; a refusal is said."""

from __future__ import annotations

import os
import re
import subprocess
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from campaign.errors import Problem, UserError
from campaign.language import say

SECONDS_MAX = 20
AUTHORS_HOST = "surgeplan.invalid"
SEPARATOR = "\x1f"


@dataclass(frozen=True)
class Revision:
    """One submission: who, when, why, and the commit that holds it."""

    commit: str
    author: str
    at: datetime
    subject: str
    reason: str


def keep(folder: Path, paths: Sequence[Path], author: str, subject: str, reason: str) -> tuple[Problem, ...]:
    """Commit and push; what goes wrong is told, the saved files stay."""
    try:
        commit(folder, paths, author, subject, reason)
        push(folder)
    except UserError as error:
        return error.problems
    return ()


def commit(folder: Path, paths: Sequence[Path], author: str, subject: str, reason: str) -> None:
    """Commit some files of the workspace, whatever else is staged there; makes the repository where there is none.

    Raises:
        UserError: git is missing or refuses; the files themselves are saved.
    """
    if not _inside_git(folder):
        _git(folder, "init", "--quiet")
    names = [str(path) for path in paths]
    _git(folder, "add", "--", *names)
    message = f"{subject}\n\n{reason}" if reason else subject
    mail = f"{_mailbox(author)}@{AUTHORS_HOST}"
    name = _one_line(author) or "surgeplan"
    who = {"GIT_AUTHOR_NAME": name, "GIT_AUTHOR_EMAIL": mail, "GIT_COMMITTER_NAME": name, "GIT_COMMITTER_EMAIL": mail}
    _git(folder, "commit", "--quiet", "--message", message, "--only", "--", *names, who=who)


def catch_up(folder: Path) -> tuple[str, ...]:
    """Commit plans that were saved when an earlier service ended before it could; returns their names."""
    if not _inside_git(folder):
        return ()
    told = _git(folder, "status", "--porcelain", "-z", "--no-renames", "--", "campaigns").split("\0")
    changed = [line[3:].rpartition("/")[2] for line in told if line.endswith(".yaml") and "D" not in line[:2]]
    left = [name for name in changed if not name.startswith(".")]  # not what was being written when it ended
    for name in left:
        commit(
            folder,
            (folder / "campaigns" / name,),
            "surgeplan",
            f"{name.removesuffix('.yaml')}: saved before a restart",
            "",
        )
    return tuple(left)


def push(folder: Path) -> None:
    """Push the branch where it has an upstream or the repository one remote; nothing happens where it has none.

    Raises:
        UserError: the remote refuses or does not answer; the commit stays here.
    """
    remotes = _git(folder, "remote").split()
    if not remotes:
        return
    remote = "origin" if "origin" in remotes else remotes[0]
    try:
        _git(folder, "push", "--quiet", remote, "HEAD")
    except UserError as error:
        reason = error.problems[0].what
        what = say("{remote} did not take the submission: {reason}", remote=remote, reason=reason)
        todo = say("it is saved and committed here; pull and push by hand, or the next submission tries again")
        raise UserError(Problem(what, todo, file="git")) from error


def revisions(folder: Path, path: Path) -> tuple[Revision, ...]:
    """The submissions of one file, newest first; none where there is no git."""
    if not _inside_git(folder):
        return ()
    form = SEPARATOR.join(("%H", "%an", "%aI", "%s", "%b")) + "%x1e"
    try:
        told = _git(folder, "log", f"--format={form}", "--max-count=100", "--", str(path))
    except UserError:  # a repository without any commit
        return ()
    records = [record.strip("\n").split(SEPARATOR) for record in told.split("\x1e") if record.strip()]
    return tuple(Revision(c, who, datetime.fromisoformat(at), subject, b.strip()) for c, who, at, subject, b in records)


def text_at(folder: Path, path: Path, revision: str) -> str:
    """The file as it was at a commit.

    Raises:
        UserError: no such commit, or no such file in it.
    """
    if not (7 <= len(revision) <= 64 and set(revision) <= set("0123456789abcdef")):
        raise UserError(Problem(say("{revision} is no revision", revision=revision)))
    return _git(folder, "show", f"{revision}:./{path.relative_to(folder)}")


def _inside_git(folder: Path) -> bool:
    try:
        return _git(folder, "rev-parse", "--is-inside-work-tree").strip() == "true"
    except UserError as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise
        return False


def _git(folder: Path, *arguments: str, who: dict[str, str] | None = None) -> str:
    command: Sequence[str] = ("git", "-C", str(folder), *arguments)
    env = os.environ | {"GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8"} | (who or {})
    try:
        done = subprocess.run(
            command, env=env, capture_output=True, timeout=SECONDS_MAX, check=False, stdin=subprocess.DEVNULL
        )
    except FileNotFoundError as error:
        problem = Problem(say("git is not installed"), say("install git: revisions of plans are kept in it"))
        raise UserError(problem) from error
    except subprocess.TimeoutExpired as error:
        raise UserError(Problem(say("git did not answer within {n} seconds", n=SECONDS_MAX), file="git")) from error
    if done.returncode:
        lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["?"]
        raise UserError(Problem(say("{reason}", reason=lines[0]), file="git"))
    return done.stdout.decode("utf-8", "replace")


def _mailbox(author: str) -> str:
    """Letters and digits of a name in any script, as addresses may hold since RFC 6531; `-` stands for the rest."""
    return "-".join(re.findall(r"[^\W_]+", unicodedata.normalize("NFKC", author))) or "somebody"


def _one_line(author: str) -> str:
    """Names cannot end the header line they stand in."""
    return " ".join("".join(c for c in author if c.isprintable() and c not in "<>").split())
