"""The command `retro`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from campaign.console import Console, JsonOption, LangOption, NowOption, WorkspaceOption, clock, open_workspace
from campaign.language import _


def mount(app: typer.Typer) -> None:
    app.command("retro", help=_("Score a finished campaign, and teach the next forecast."))(retro)


def retro(
    campaign: Annotated[str, typer.Argument(help=_("The campaign's id."), metavar="ID")],
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
    lang: LangOption = None,
    now: NowOption = None,
) -> None:
    from warroom.retrospective.page import as_text
    from warroom.retrospective.publish import publish_retrospective

    console = Console.open(workspace, lang, as_json)
    opened = open_workspace(workspace)
    made = publish_retrospective(opened, campaign, clock(now))
    text = as_text(made.retro, opened.plan(campaign), observed_written=made.observed_written)
    console.result(text, made.retro.model_dump(mode="json"))
    console.look(opened.out(campaign) / "retro.html")
