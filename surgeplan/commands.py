"""The commands that join several lanes: check, init, run."""

from __future__ import annotations

from pathlib import Path

import typer

from campaign.console import Console, JsonOption, LangOption, WorkspaceOption, open_workspace
from campaign.language import _


def mount(app: typer.Typer) -> None:
    """Add these commands to the app."""
    app.callback()(_before_any_command)
    app.command("check", help=_("Validate everything in the workspace; every problem at once."))(check)


def _before_any_command(lang: LangOption = None) -> None:
    """Takes `--lang` before the command too; the entry point has already heeded it."""


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
