"""What people attach: kept under `evidence/` in the workspace, named by content, so nothing is overwritten."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from campaign.errors import Problem, UserError
from campaign.files import write_bytes
from campaign.language import say
from campaign.workspace import Workspace

FOLDER = "evidence"
ENDINGS = frozenset(
    {".png", ".jpg", ".jpeg", ".webp", ".pdf", ".csv", ".json", ".jsonl", ".txt", ".md", ".log", ".xlsx", ".yaml"}
)
STEM_MAX = 60


def attach(workspace: Workspace, campaign: str, name: str, content: bytes) -> Path:
    """Keep an upload and return its path.

    Raises:
        UserError: nothing in it, or a kind of file that is no evidence.
    """
    given = Path(name.replace("\\", "/")).name
    ending = Path(given).suffix.lower()
    if not content:
        raise UserError(Problem(say("{file} is empty", file=given or "?"), say("choose the file again")))
    if ending not in ENDINGS:
        todo = say("attach one of: {endings}", endings=" ".join(sorted(ENDINGS)))
        raise UserError(Problem(say("{file} is not a kind of file that is kept", file=given), todo))
    digest = hashlib.sha256(content).hexdigest()[:12]
    path = workspace.folder / FOLDER / campaign / f"{_stem(given)}-{digest}{ending}"
    if not path.is_file():
        write_bytes(path, lambda file: file.write(content))
    return path


def uploaded(workspace: Workspace, campaign: str, paths: Sequence[str]) -> list[Path]:
    """Earlier uploads by their path in the workspace.

    Raises:
        UserError: none of that path.
    """
    folder = workspace.folder / FOLDER / campaign
    there = {path.relative_to(workspace.folder).as_posix(): path for path in folder.glob("*") if path.is_file()}
    unknown = [path for path in paths if path not in there]
    if unknown:
        todo = say("send the file first, and write the path that is answered")
        raise UserError(Problem(say("does not exist"), todo, file=path) for path in unknown)
    return [there[path] for path in paths]


def _stem(name: str) -> str:
    """Letters of any script, digits and dashes; nothing that a shell, a page or a file system could misread."""
    plain = unicodedata.normalize("NFKC", Path(name).stem)
    return re.sub(r"[^\w-]+", "-", plain)[:STEM_MAX].strip("-_") or "file"
