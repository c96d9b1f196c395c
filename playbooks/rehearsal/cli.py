"""`surgeplan rehearse`: go, go with limits or no-go, before the day.

What makes the war room comes as the context's object (`playbooks.rehearsal.war_room.Joins`): it joins other packages.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.console import (
    Console,
    JsonOption,
    LangOption,
    WorkspaceOption,
    moment_option,
    open_workspace,
    table,
)
from campaign.language import _
from campaign.numbers import spoken

if TYPE_CHECKING:
    from campaign.workspace import Workspace
    from playbooks.rehearsal.record import Rehearsal

InjectOption = Annotated[
    list[str] | None,
    typer.Option(
        "--inject",
        help=_("A fault to drill; several times for several. A drill writes no files."),
        metavar="lose-replicas:SERVICE:SHARE@HH:MM|node-wait:TIMES|limit:NAME:TIMES|forecast:TIMES|push-early:MINUTESm[@HH:MM]|bot-down[:HH:MM-HH:MM]",
    ),
]
GameDayOption = Annotated[
    bool, typer.Option("--game-day", help=_("Also a script to print: the worst two faults, practised by people."))
]
SubsetOption = Annotated[
    int | None, typer.Option("--seed", help=_("Chooses the paths where fewer are played; evenly where left out."))
]
WorkersOption = Annotated[
    int | None, typer.Option("--workers", min=1, metavar="N", help=_("Processes here; one per core."))
]
ClusterOption = Annotated[
    str | None, typer.Option("--cluster", metavar="ADDRESS", help=_("A dask scheduler that plays the paths."))
]
PathsOption = Annotated[int, typer.Option("--paths", min=20, help=_("Sample paths to play at most."))]
WarRoomOption = Annotated[
    bool, typer.Option("--war-room/--no-war-room", help=_("Also with hourly syncs that act by what they see."))
]
AsOfNowOption = Annotated[
    str | None,
    typer.Option(
        "--now",
        metavar="TIME",
        help=_("As of when; refused where the forecast or a measured capacity is newer. Otherwise the forecast's own."),
    ),
]
PATHS = 2000  # as `publish.PATHS`, which is not loaded for the help


def mount(app: typer.Typer) -> None:
    """Add the lane's command."""
    app.command("rehearse", help=_("Play the whole event before it happens: go, go with limits or no-go."))(rehearse)


def rehearse(
    context: typer.Context,
    campaign: str,
    workspace: WorkspaceOption = Path(),
    inject: InjectOption = None,
    paths: PathsOption = PATHS,
    game_day: GameDayOption = False,
    workers: WorkersOption = None,
    cluster: ClusterOption = None,
    seed: SubsetOption = None,
    war_room: WarRoomOption = True,
    now: AsOfNowOption = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    from playbooks.rehearsal.publish import Wanted, publish_rehearsal

    console = Console.open(workspace, lang, as_json)
    opened = open_workspace(workspace)
    at = moment_option(now, "--now")
    wanted = Wanted(paths, tuple(inject or ()), seed, at, workers, cluster, game_day, context.obj if war_room else None)
    with console.progress() as progress:
        found = publish_rehearsal(opened, campaign, wanted, progress)
    from playbooks.rehearsal.verdict import EXITS

    console.result(_in_words(found, opened), found.model_dump(mode="json"))
    if not inject:
        console.look(opened.out(campaign) / ("gameday.html" if game_day else "rehearsal.html"))
    raise typer.Exit(EXITS[found.verdict])


def _in_words(found: Rehearsal, workspace: Workspace) -> str:
    from campaign.numbers import local_minute
    from playbooks.rehearsal.certainty import with_interval
    from playbooks.rehearsal.settling import settled_in_words
    from playbooks.rehearsal.verdict import headline
    from playbooks.rehearsal.war_room_words import told_of_war_room, worth_of_war_room

    zone = workspace.settings.zone_of(workspace.plan(found.campaign))
    rows = [
        [
            one.name,
            with_interval(one.event_ratio, one.event_interval),
            with_interval(one.worst_minute_ratio, one.worst_minute_interval),
            local_minute(one.worst_at_utc, zone),
        ]
        for one in found.breaks
    ]
    rows += [
        [desk.desk, with_interval(desk.breaks_ratio, desk.breaks_interval), "-", local_minute(desk.worst_at_utc, zone)]
        for desk in found.desks
    ]
    parts = [str(headline(found))]
    if settled := settled_in_words(found):
        parts.append(str(settled))
    if found.missing:
        parts.append("\n".join(f"- {each}" for each in found.missing))
    parts.append(table([_("what"), _("events"), _("worst minute"), _("at")], rows))
    parts.append(
        _("orders lost: {mean} on average, p90 {p90}, p99 {p99}").format(
            mean=spoken(found.lost_orders_mean), p90=spoken(found.lost_orders.p90), p99=spoken(found.lost_orders.p99)
        )
    )
    if told := told_of_war_room(found):
        parts.append("\n".join([str(told), *(f"- {each}" for each in worth_of_war_room(found))]))
    if found.levers:
        best = found.levers[0]
        parts.append(_("best next change: {change}").format(change=best.change))
    return "\n\n".join(parts)
