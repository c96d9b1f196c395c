"""`surgeplan init`: a new workspace, whole or not at all."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from campaign.console import Progress, no_progress
from campaign.errors import Problem, UserError, nearest
from campaign.files import unwritable, write_text
from campaign.language import say

GITIGNORE = """\
# What commands make again, and what must not leave the machine.
state/
out/**/*.npz
.cache/
"""


@dataclass(frozen=True)
class Example:
    """A shipped workspace: how it is made, and the campaign to look at first."""

    make: Callable[[Path, int, Path | None, Progress], None]
    needs_data: bool
    next_campaign: str


def _double11(folder: Path, seed: int, data: Path | None, progress: Progress) -> None:
    from surgeplan.examples.double11.publish import make_double11

    make_double11(folder, seed, progress)


def _worldcup98(folder: Path, seed: int, data: Path | None, progress: Progress) -> None:
    from surgeplan.examples.worldcup98 import make_worldcup98

    assert data is not None
    make_worldcup98(folder, data, progress)


EXAMPLES = {
    "double11": Example(_double11, needs_data=False, next_campaign="double11-2026-opening"),
    "worldcup98": Example(_worldcup98, needs_data=True, next_campaign="m49-italy-norway"),
}


def init_example(
    folder: Path, name: str, data: Path | None = None, seed: int = 0, progress: Progress = no_progress
) -> Example:
    """Make a workspace from a shipped example.

    Raises:
        UserError: no such example, its data missing, or the folder is not empty or cannot be written.
    """
    example = EXAMPLES.get(name)
    if example is None:
        problem = Problem(say("there is no example {name}", name=name), nearest(name, EXAMPLES), key="--example")
        raise UserError(problem)
    if example.needs_data and data is None:
        raise UserError(
            Problem(
                say("the example {name} is made from a data folder", name=name),
                say("add --data FOLDER; docs/examples/{name}.md says where to get it", name=name),
                key="--data",
            )
        )
    if not example.needs_data and data is not None:
        problem = Problem(say("the example {name} needs no data", name=name), say("leave --data out"), key="--data")
        raise UserError(problem)
    with new_workspace(folder) as draft:
        example.make(draft, seed, data, progress)
    return example


@contextmanager
def new_workspace(folder: Path) -> Iterator[Path]:
    """A temporary folder to build the workspace in; it becomes `folder` only when all went well.

    It lies inside a `folder` that exists, whose parent may be neither writable nor on the same disk (a container's
    volume), and beside one that does not.

    Raises:
        UserError: `folder` exists and is not empty, or cannot be written.
    """
    refuse_occupied(folder)
    target = folder.absolute()
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        around = target if target.is_dir() else target.parent
        draft = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=around))
    except OSError as error:
        raise unwritable(folder, error) from error
    try:
        draft.chmod(0o755)
        write_text(draft / ".gitignore", GITIGNORE)
        yield draft
        _move(draft, target, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def refuse_occupied(folder: Path) -> None:
    """Raises UserError where `folder` is a file or holds anything."""
    if folder.is_dir():
        try:
            occupied = next(folder.iterdir(), None)
        except OSError as error:
            raise unwritable(folder, error) from error
        if occupied is None:
            return
        what = say("is not empty: it holds {name}", name=occupied.name)
    elif folder.exists():
        what = say("is a file")
    else:
        return
    raise UserError(Problem(what, say("choose a new or an empty folder"), file=str(folder)))


def _move(draft: Path, target: Path, folder: Path) -> None:
    try:
        if draft.parent == target:
            for child in draft.iterdir():
                child.replace(target / child.name)
        else:
            draft.replace(target)
    except OSError as error:
        raise unwritable(folder, error) from error
