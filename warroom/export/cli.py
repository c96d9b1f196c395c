"""The command `export`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from campaign.console import Console, JsonOption, LangOption, NowOption, WorkspaceOption, clock, open_workspace
from campaign.language import _


def mount(app: typer.Typer) -> None:
    app.command("export", help=_("For other tools: Prometheus alert rules, a Grafana dashboard, a calendar."))(export)


def export(
    campaign: Annotated[str, typer.Argument(help=_("The campaign's id."), metavar="ID")],
    workspace: WorkspaceOption = Path(),
    address: Annotated[
        str, typer.Option("--address", help=_("The address that people open the war room at."), metavar="URL")
    ] = "http://127.0.0.1:8780",
    as_json: JsonOption = False,
    lang: LangOption = None,
    now: NowOption = None,
) -> None:
    from warroom.export.publish import publish_export
    from warroom.service.access import Door, secret_of

    console = Console.open(workspace, lang, as_json)
    opened = open_workspace(workspace)
    made = publish_export(opened, campaign, clock(now))
    token = Door("links", secret_of(opened.folder), opened.settings.roles).feed(campaign)
    link = f"{address.rstrip('/')}/calendar/{token}.ics"
    lines = [*map(str, made.files), _("calendar to subscribe to: {link}").format(link=link)]
    document = {
        "schema_version": 1,
        "campaign": campaign,
        "files": [str(file) for file in made.files],
        "services": list(made.services),
        "calendar": link,
    }
    console.result("\n".join(lines), document)
    console.next(f"surgeplan warroom --workspace {workspace}")
