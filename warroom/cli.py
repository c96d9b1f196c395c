"""The commands of `warroom`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from campaign.console import (
    Console,
    JsonOption,
    LangOption,
    NowOption,
    WorkspaceOption,
    clock,
    moment_option,
    open_workspace,
)
from campaign.language import _

PORT = 8780


def mount(app: typer.Typer) -> None:
    """Add this package's commands to the app."""
    app.command("warroom", help=_("The web service: campaign plans, support's page, the war room."))(warroom)
    app.command("ask", help=_("Can I push now? Fits, fits from, fits up to, fits if sent over."))(ask)


def ask(
    campaign: Annotated[str, typer.Argument(metavar="ID", help=_("The campaign's id."))],
    reach: Annotated[str, typer.Option("--reach", help=_("People reached, such as 320000 or 32万."), metavar="N")],
    at: Annotated[
        str, typer.Option("--at", help=_("When it is sent, such as 2026-11-10T20:05+08:00."), metavar="TIME")
    ],
    lands_on: Annotated[
        str, typer.Option("--lands-on", help=_("The service or stage that people come to."), metavar="NAME")
    ] = "",
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
    lang: LangOption = None,
    now: NowOption = None,
) -> None:
    from campaign.errors import ExitCode
    from forecast.threads import one_thread
    from warroom.push.asking import Oracle
    from warroom.push.routes import asked

    console = Console.open(workspace, lang, as_json)
    opened = open_workspace(workspace)
    with one_thread():
        answer = asked(Oracle(), opened, opened.plan(campaign), reach, at, lands_on, clock(now))
    console.result("\n".join((*answer.sentences, *answer.counted, *answer.assumptions)), answer.model_dump(mode="json"))
    console.next(f"surgeplan warroom --workspace {workspace}")
    raise typer.Exit(ExitCode.YES if answer.fits else ExitCode.NO)


def warroom(
    workspace: WorkspaceOption = Path(),
    host: Annotated[str, typer.Option("--host", help=_("The address to listen on."))] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help=_("The port; 0 takes a free one."))] = PORT,
    auth: Annotated[
        str,
        typer.Option("--auth", help=_("Who gets in: this machine, holders of signed links, or a gateway's header.")),
    ] = "local",
    address: Annotated[
        str, typer.Option("--address", help=_("The address that people open, for links in messages."), metavar="URL")
    ] = "",
    invite: Annotated[
        list[str] | None,
        typer.Option(
            "--invite", help=_("Print a signed link for NAME:ROLE and stop; may be repeated."), metavar="NAME:ROLE"
        ),
    ] = None,
    hours: Annotated[float, typer.Option("--hours", min=0.1, help=_("How long such a link lets somebody in."))] = 72.0,
    as_json: JsonOption = False,
    now: NowOption = None,
    lang: LangOption = None,
) -> None:
    from warroom.service.run import Listening, invitations, serve

    console = Console.open(workspace, lang, as_json)
    if invite:
        links = invitations(workspace, invite, hours, address.rstrip("/") or f"http://{host}:{port}")
        console.result("\n".join(f"{who}: {link}" for who, link in links.items()), links)
        return
    serve(workspace, Listening(host, port, auth, address.rstrip("/")), moment_option(now, "--now"), console.note)
