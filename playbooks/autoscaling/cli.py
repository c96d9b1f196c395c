"""`surgeplan lint`: checks manifests, also those that somebody has edited."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.console import Console, JsonOption, LangOption, NowOption, WorkspaceOption, clock, open_workspace
from campaign.errors import ExitCode
from campaign.language import _

if TYPE_CHECKING:
    from campaign.settings import Settings
    from playbooks.autoscaling.lint.folder import Linted

Folder = Annotated[Path, typer.Argument(help=_("A folder of manifests, or one file."), metavar="DIR")]


def mount(app: typer.Typer) -> None:
    """Add the lane's commands."""
    app.command("lint", help=_("Check manifests: ranges, time zones, dates, a way back, limits."))(lint)


def lint(
    folder: Folder,
    workspace: WorkspaceOption = Path(),
    now: NowOption = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    from playbooks.autoscaling.lint.bounds import bounds_of
    from playbooks.autoscaling.lint.folder import lint_folder

    console = Console.open(workspace, lang, as_json)
    linted = lint_folder(folder, bounds_of(_settings(workspace)), clock(now))
    console.result(_in_words(linted), _document(linted))
    if linted.problems:
        raise typer.Exit(ExitCode.NO)
    console.next(f"kubectl apply --dry-run=server -f {applied_alone(folder)}")


def applied_alone(folder: Path) -> Path:
    """What one `kubectl apply` may take: of a whole playbook the folder of one executor, never all of them."""
    return folder / "kubernetes" if (folder / "kubernetes").is_dir() else folder


def _settings(workspace: Path) -> Settings | None:
    """The workspace's settings where there is one: without it, limits are not checked."""
    from campaign.workspace import SETTINGS

    return open_workspace(workspace).settings if (workspace / SETTINGS).is_file() else None


def _in_words(linted: Linted) -> str:
    summary = _("{files} files, {objects} objects, {problems} problems").format(
        files=len(linted.files), objects=linted.objects, problems=len(linted.problems)
    )
    return "\n".join([*map(str, linted.problems), summary])


def _document(linted: Linted) -> dict[str, object]:
    return {
        "files": list(linted.files),
        "objects": linted.objects,
        "problems": [problem.as_json() for problem in linted.problems],
    }
