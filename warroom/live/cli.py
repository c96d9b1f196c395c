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
    state = done.state
    return {
        "schema_version": 1,
        "campaign": state.campaign,
        "synced_at_utc": state.now.isoformat(),
        "hour": done.hour.isoformat() if done.hour else None,
        "call": state.call,
        "model": state.yardstick.model_hash,
        "frozen": state.yardstick.frozen,
        "posted": done.posted,
        "metrics": {
            metric.name: [
                {
                    "starts_at_utc": hour.starts_at.isoformat(),
                    "actual": hour.actual,
                    "forecast": hour.frozen.model_dump() if hour.frozen else None,
                    "percentile_ratio": hour.percentile_ratio,
                    "preliminary": hour.preliminary,
                }
                for hour in metric.hours
            ]
            for metric in state.metrics
        },
        "capacities": {
            name: {
                "requests_per_second": capacity.requests_per_second,
                "basis": capacity.basis,
                "headroom_ratio": capacity.headroom_ratio,
                "reached_at_utc": capacity.reached_at.isoformat() if capacity.reached_at else None,
            }
            for name, capacity in state.capacities.items()
        },
        "alerts": [
            {
                "key": alert.key,
                "level": alert.level,
                "owner": alert.owner,
                "fired_at_utc": alert.fired_at.isoformat(),
                "cleared_at_utc": alert.cleared_at.isoformat() if alert.cleared_at else None,
                "impact_per_hour": alert.impact_per_hour,
            }
            for alert in state.alerts
        ],
        "sources": [
            {
                "name": source.name,
                "measure": source.measure,
                "state": source.state,
                "watermark_utc": source.watermark.isoformat() if source.watermark else None,
            }
            for source in state.sources
        ],
    }
