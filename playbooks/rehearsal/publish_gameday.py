"""`surgeplan rehearse ID --game-day`: writes `gameday.html`, a script to print."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from campaign.console import Progress
from campaign.files import write_text
from campaign.language import _
from campaign.numbers import local_minute, percent, spoken
from campaign.pages import render
from campaign.settings import Settings
from campaign.workspace import Workspace
from playbooks.rehearsal.gameday import SEEN_MINUTES, Drill, game_day
from playbooks.rehearsal.gameday_bot import bot_drill
from playbooks.rehearsal.replays import Rehearsed
from playbooks.rehearsal.support_judging import duration

PAGE = "gameday.html"
PATHS = 200  # a dozen faults and every switch against two of them: quantiles to practise by need no more


def publish_game_day(workspace: Workspace, campaign: str, planned: Rehearsed, progress: Progress) -> None:
    """Write the script of the worst two faults of these plans."""
    plan, settings = workspace.plan(campaign), workspace.settings
    zone = settings.zone_of(plan)
    fewer = planned.thinned(PATHS)
    drills = game_day(fewer, settings.switches, zone, progress)
    write_text(
        workspace.out(campaign) / PAGE,
        render(
            "playbooks",
            PAGE,
            drills=drills,
            paths=fewer.played.lost_by_minute.shape[1],
            bot=bot_drill(fewer, zone),
            campaign=campaign,
            title=plan.title,
            who=lambda executor: who(settings, executor),
            at=lambda instant: local_minute(instant, zone),
            time=lambda instant: f"{instant.astimezone(zone):%H:%M}",
            one_minute=timedelta(minutes=1),
            seen_minutes=SEEN_MINUTES,
            most_refused=most_refused(drills),
            spoken=spoken,
            percent=percent,
            duration=lambda minutes: str(duration(60 * minutes)),
        ),
    )


def who(settings: Settings, executor: str) -> str:
    """`sre (王磊)`: the people that surgeplan.yaml gives that role to."""
    names = [name for name, role in settings.roles.items() if role == executor]
    return _("{role} ({names})").format(role=executor, names=_(", ").join(names)) if names else executor


def most_refused(drills: Sequence[Drill]) -> float:
    """Requests a minute beyond which a drill is worse than nine of ten that were played."""
    return max((drill.worst_lost_p90 for drill in drills), default=0.0)
