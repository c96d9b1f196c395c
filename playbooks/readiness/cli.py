"""The command `checklist`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from campaign.console import Console, JsonOption, LangOption, NowOption, WorkspaceOption, clock, open_workspace
from campaign.language import _

CampaignArgument = Annotated[str, typer.Argument(help=_("The campaign's id."), metavar="ID")]


def mount(app: typer.Typer) -> None:
    """Add the readiness commands to the app."""
    app.command("checklist", help=_("What is still to be ready, by gate and owner."))(checklist)


def checklist(
    campaign: CampaignArgument,
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
    lang: LangOption = None,
    now: NowOption = None,
) -> None:
    from playbooks.readiness.pages import as_text
    from playbooks.readiness.publish import make_checklist, zone_of

    console = Console.open(workspace, lang, as_json)
    opened = open_workspace(workspace)
    made = make_checklist(opened, campaign, clock(now))
    plan = opened.plan(campaign)
    console.result(as_text(made, plan, zone_of(opened, plan)), made.model_dump(mode="json"))
    console.next(f"surgeplan playbook {campaign}")
