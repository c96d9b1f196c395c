"""The commands that join several lanes: check, init, run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from campaign.console import (
    AsOfOption,
    Console,
    JsonOption,
    LangOption,
    NowOption,
    SeedOption,
    WorkspaceOption,
    clock,
    moment_option,
    open_workspace,
)
from campaign.language import _


def mount(app: typer.Typer) -> None:
    """Add these commands to the app."""
    app.callback()(_before_any_command)
    app.command("init", help=_("Make a new workspace: a shipped example, or your own exports."))(init)
    app.command("run", help=_("The whole pack of one campaign: forecast, load test, playbook, one page."))(run)
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
    from surgeplan.check import check_workspace

    console = Console.open(workspace, lang, as_json)
    checked = check_workspace(workspace)
    text = _("{plans} plans, {services} services, {metrics} metrics: no problems").format(
        plans=len(checked.workspace.plans),
        services=len(checked.workspace.settings.services),
        metrics=len(checked.dictionary.ids),
    )
    for note in checked.notes:
        console.note(note)
    document = {
        "plans": [plan.id for plan in checked.workspace.plans],
        "services": list(checked.workspace.settings.service_names),
        "notes": [note.speak("en") for note in checked.notes],
        "problems": [],
    }
    console.result(text, document)
    upcoming = checked.workspace.plans[-1].id if checked.workspace.plans else "ID"
    console.next(f"surgeplan forecast {upcoming}")


def run(
    campaign: str,
    workspace: WorkspaceOption = Path(),
    as_of: AsOfOption = None,
    now: NowOption = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
    seed: SeedOption = 0,
) -> None:
    from surgeplan.index import files_of, publish_index
    from surgeplan.run import run_campaign
    from surgeplan.summary import summary_document, summary_text

    console = Console.open(workspace, lang, as_json)
    opened = open_workspace(workspace)
    instant = moment_option(as_of, "--as-of")
    with console.progress() as progress:
        pack = run_campaign(opened, campaign, instant, clock(now), seed, progress)
        index = publish_index(opened, pack)
    files = files_of(index.parent)
    text = summary_text(pack, opened.settings.zone) + "\n" + _("{count} files in {folder}").format(
        count=len(files) + 1, folder=index.parent
    )  # fmt: skip
    console.result(text, summary_document(pack, files))
    console.look(index)
