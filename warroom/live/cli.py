"""The command `sync`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from campaign.console import Console, JsonOption, LangOption, NowOption, WorkspaceOption, clock, open_workspace
from campaign.language import _

if TYPE_CHECKING:
    from warroom.live.sync import Synced


def mount(app: typer.Typer) -> None:
    app.command("sync", help=_("One sync: what came against the frozen forecast, alerts, the hour's message."))(sync)


def sync(
    campaign: Annotated[str, typer.Argument(help=_("The campaign's id."), metavar="ID")],
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
    lang: LangOption = None,
    now: NowOption = None,
) -> None:
    import os
    import time

    from warroom.chat.sending import Sender
    from warroom.chat.targets import VARIABLE, targets_of
    from warroom.live.outbox import drain
    from warroom.live.state import live_store
    from warroom.live.sync import sync as sync_once

    console = Console.open(workspace, lang, as_json)
    opened, at = open_workspace(workspace), clock(now)
    sender = Sender(targets_of(os.environ.get(VARIABLE, "")))
    done = sync_once(opened, campaign, at, sender.targets, time.sleep)
    if sender.targets:
        drain(live_store(opened), sender, sender.clock)
    plan = opened.plan(campaign)
    console.result(_as_text(done, opened.settings.zone_of(plan)), _as_json(done))
    for each in done.state.stale:
        console.note(each.what)
    console.next(f"surgeplan warroom --workspace {workspace}")


def _as_text(done: Synced, zone: Any) -> str:
    from campaign.numbers import local_minute

    if done.words is None:
        at = done.state.clock.next_sync_at
        return _("nothing to compare yet: the first hour is synced at {at}").format(
            at=local_minute(at, zone) if at else "-"
        )
    title, lines = done.words
    return "\n".join([str(title), *(f"  {line}" for line in lines)])


def _as_json(done: Synced) -> dict[str, Any]:
    from warroom.live.answer import state_answer

    told = state_answer(done.state).model_dump(mode="json")
    return {
        "schema_version": 1,
        "campaign": done.state.campaign,
        "synced_at_utc": done.state.now.isoformat(),
        "hour": done.hour.isoformat() if done.hour else None,
        "posted": done.posted,
    } | told
