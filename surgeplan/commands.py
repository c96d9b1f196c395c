"""The commands that join several lanes: check, init, run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.console import (
    AsOfOption,
    Console,
    JsonOption,
    LangOption,
    NowOption,
    SeedOption,
    WorkspaceOption,
    chosen_language,
    clock,
    moment_option,
    open_workspace,
)
from campaign.language import _

if TYPE_CHECKING:
    from campaign.workspace import Workspace
    from metrics.intake.records import Answers
    from playbooks.rehearsal.inputs import Inputs
    from playbooks.rehearsal.war_room import Room


def mount(app: typer.Typer) -> None:
    """Add these commands to the app."""
    app.callback()(_before_any_command)
    app.command("init", help=_("Make a new workspace: a shipped example, or your own exports."))(init)
    app.command("run", help=_("The whole pack of one campaign: forecast, load test, playbook, rehearsal, one page."))(
        run
    )
    app.command("check", help=_("Validate everything in the workspace; every problem at once."))(check)


def _before_any_command(context: typer.Context, lang: LangOption = None) -> None:
    """Takes `--lang` before the command too; the entry point has already heeded it. Hands the rehearsal its war room,
    which no package below may import."""
    if lang is not None:
        chosen_language(lang, Path())
    context.obj = _war_room


def _war_room(workspace: Workspace, campaign: str, inputs: Inputs) -> Room | None:
    from surgeplan.war_room.making import war_room

    return war_room(workspace, campaign, inputs)


def init(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help=_("The new workspace's folder; new or empty."))],
    example: Annotated[
        str | None, typer.Option("--example", help=_("A shipped example."), metavar="NAME", show_default="double11")
    ] = None,
    data: Annotated[
        Path | None, typer.Option("--data", help=_("The folder an example is made from."), metavar="FOLDER")
    ] = None,
    exports: Annotated[
        Path | None,
        typer.Option("--from", help=_("A folder of exports: Grafana, BI, logs, kubectl, schedules."), metavar="FOLDER"),
    ] = None,
    time_zone: Annotated[
        str | None, typer.Option("--time-zone", help=_("The team's zone, and that of times without an offset."))
    ] = None,
    rates: Annotated[
        bool | None, typer.Option("--rates/--counts", help=_("What figures are where the files do not say."))
    ] = None,
    requests_per_session: Annotated[
        float | None,
        typer.Option("--requests-per-session", min=0.01, help=_("Where only visits are known, no requests.")),
    ] = None,
    service: Annotated[
        str | None, typer.Option("--service", help=_("The service of exports that name none."), metavar="NAME")
    ] = None,
    day_first: Annotated[
        bool | None, typer.Option("--day-first/--month-first", help=_("How dates such as 11/10/2026 are meant."))
    ] = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
    seed: SeedOption = 0,
) -> None:
    console = Console.open(folder, lang, as_json)
    if exports is None:
        _init_example(folder, example or "double11", data, lang, seed, console)
        return
    from surgeplan.intake.answers import given_answers, refuse_other_origins

    refuse_other_origins(example, data)
    answers = given_answers(time_zone, rates, requests_per_session, service, day_first)
    _init_from(folder, exports, answers, lang, console)


def _init_example(folder: Path, example: str, data: Path | None, lang: str | None, seed: int, console: Console) -> None:
    from surgeplan.init import init_example

    with console.progress() as progress:
        made = init_example(folder, example, data, seed, progress)
    console = Console.open(folder, lang, console.as_json)
    opened = open_workspace(folder)
    console.result(
        _("{folder}: a workspace with {plans} plans and {services} services").format(
            folder=folder, plans=len(opened.plans), services=len(opened.settings.services)
        ),
        {"folder": str(folder), "example": example, "seed": seed, "plans": [plan.id for plan in opened.plans]},
    )
    console.next(f"surgeplan run {made.next_campaign} --workspace {folder}")


def _init_from(folder: Path, exports: Path, answers: Answers, lang: str | None, console: Console) -> None:
    from metrics.intake.records import Unanswered
    from surgeplan.intake.answers import answered
    from surgeplan.intake.make import init_from
    from surgeplan.intake.texts import next_command, report, report_json

    while True:
        try:
            with console.progress() as progress:
                imported = init_from(folder, exports, answers, lang, progress)
            break
        except Unanswered as unanswered:
            if console.as_json or not sys.stdin.isatty():
                raise
            question = unanswered.questions[0]
            answers = answered(answers, question, typer.prompt(str(question.problem()), err=True))
    console = Console.open(folder, lang, console.as_json)
    console.result(report(imported), report_json(imported))
    console.next(next_command(imported, folder))


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
