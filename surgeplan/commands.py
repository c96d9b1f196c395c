"""The commands that join several lanes: check, init, run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from campaign.console import Console, JsonOption, LangOption, SeedOption, WorkspaceOption, open_workspace
from campaign.language import _


def mount(app: typer.Typer) -> None:
    """Add these commands to the app."""
    app.callback()(_before_any_command)
    app.command("init", help=_("Make a new workspace: a shipped example, or your own exports."))(init)
    app.command("check", help=_("Validate everything in the workspace; every problem at once."))(check)


def _before_any_command(lang: LangOption = None) -> None:
    """Takes `--lang` before the command too; the entry point has already heeded it."""


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help=_("The new workspace's folder; new or empty."))],
    example: Annotated[str, typer.Option("--example", help=_("A shipped example."), metavar="NAME")] = "double11",
    data: Annotated[
        Path | None, typer.Option("--data", help=_("The folder an example is made from."), metavar="FOLDER")
    ] = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
    seed: SeedOption = 0,
) -> None:
    from surgeplan.init import init_example

    console = Console.open(folder, lang, as_json)
    with console.progress() as progress:
        made = init_example(folder, example, data, seed, progress)
    console = Console.open(folder, lang, as_json)
    opened = open_workspace(folder)
    console.result(
        _("{folder}: a workspace with {plans} plans and {services} services").format(
            folder=folder, plans=len(opened.plans), services=len(opened.settings.services)
        ),
        {"folder": str(folder), "example": example, "seed": seed, "plans": [plan.id for plan in opened.plans]},
    )
    console.next(f"surgeplan run {made.next_campaign} --workspace {folder}")


def check(workspace: WorkspaceOption = Path(), as_json: JsonOption = False, lang: LangOption = None) -> None:
    console = Console.open(workspace, lang, as_json)
    opened = open_workspace(workspace)
    document = {"plans": len(opened.plans), "services": list(opened.settings.service_names), "problems": []}
    console.result(
        _("{plans} plans, {services} services: no problems").format(
            plans=len(opened.plans), services=len(opened.settings.services)
        ),
        document,
    )
