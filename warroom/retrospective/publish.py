"""`surgeplan retro`: reads a finished campaign, writes `out/<id>/retro.*`, and what the next one learns."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from campaign.errors import Problem, UserError
from campaign.files import sha256, write_json, write_text
from campaign.language import say
from campaign.plan import Plan
from campaign.workspace import Workspace
from forecast.history.reading import read_desks
from playbooks.readiness.publish import review
from warroom.handed import Handed, campaign_events, handed_over
from warroom.retrospective.build import build_retrospective
from warroom.retrospective.desks import desk_scores
from warroom.retrospective.discipline import decisions, discipline
from warroom.retrospective.gather import (
    agreed_actions,
    alert_score,
    reported_reach,
    tested_before,
    what_came,
)
from warroom.retrospective.learn import observed_of, remember, write_observed
from warroom.retrospective.page import as_page
from warroom.retrospective.picture import draw_retrospective
from warroom.retrospective.records import Retrospective
from warroom.retrospective.score_forecast import Scored, score_forecast
from warroom.support.intervals import read_intervals
from warroom.whole import total_band

LEARNED = "history/retrospectives.jsonl"
BROUGHT = ("reach", "figures", "actions")
AFTER = timedelta(days=8)  # D+7 is the last day that anything is said of
YEAR = timedelta(days=400)  # the last campaign of a kind is at most about a year away


@dataclass(frozen=True)
class Published:
    """The record, and whether the plan's `observed` is new."""

    retro: Retrospective
    observed_written: bool


def publish_retrospective(workspace: Workspace, campaign: str, now: datetime) -> Published:
    """Score a finished campaign and teach the next one.

    Raises:
        UserError: no such campaign, it is not over, it was never forecast, history does not cover it, or a file
            cannot be read or written.
    """
    plan = workspace.plan(campaign)
    if plan.ends_at > now:
        what = say("{id} ends at {end}", id=campaign, end=plan.ends_at.isoformat())
        raise UserError(Problem(what, say("run this after its end"), file=f"campaigns/{campaign}.yaml"))
    events = campaign_events(workspace, campaign)
    handed = handed_over(workspace, plan, events)
    came = what_came(workspace, plan, plan.starts_at - YEAR, plan.ends_at + AFTER, now)
    tested, whole = tested_before(workspace, campaign), total_band(workspace.out(campaign), handed)
    scored = score_forecast(plan, workspace.plans, handed, came.services, tested, whole)
    if scored is None:
        todo = say("run `surgeplan history pull`, or add its hours to history/traffic.csv")
        raise UserError(Problem(say("history has no traffic of {id}", id=campaign), todo, file="history/"))
    retro = build_retrospective(
        plan,
        workspace.settings,
        handed,
        came,
        scored,
        reported_reach(workspace, plan),
        alert_score(workspace, campaign),
        discipline(review(workspace, campaign, now).checklist, events, now),
        decisions(events),
        agreed_actions(workspace, plan),
        desk_scores(
            read_desks(workspace, now),
            read_intervals(workspace.out(campaign) / "playbook" / "staffing.csv"),
            workspace.settings.desks,
            plan,
        ),
        inputs_of(workspace, plan, handed),
    )
    return Published(retro, _write(workspace, plan, retro, scored))


def inputs_of(workspace: Workspace, plan: Plan, handed: Handed) -> dict[str, str]:
    """SHA-256 of what was read, by path in the workspace; the plan without what this command writes into it."""
    folder = workspace.folder
    files = [
        folder / "surgeplan.yaml",
        *(folder / "evidence" / plan.id / f"{name}.csv" for name in BROUGHT),
    ]
    files += [
        f for name in ("traffic", "orders", "contacts", "desks", "actives") for f in workspace.history_files(name)
    ]
    files += [f for f in (workspace.out(plan.id) / "alerts.csv", folder / "out" / "backtest.json") if f.is_file()]
    return {f.relative_to(folder).as_posix(): sha256(f) for f in files if f.is_file()} | handed.inputs


def _write(workspace: Workspace, plan: Plan, retro: Retrospective, scored: Scored) -> bool:
    out, zone = workspace.out(plan.id), workspace.settings.zone_of(plan)
    written = write_observed(workspace.plan_file(plan.id), f"campaigns/{plan.id}.yaml", observed_of(retro, zone))
    remember(workspace.folder / LEARNED, retro)
    for ending in ("png", "svg"):
        draw_retrospective(out / f"retro.{ending}", scored.real, scored.band, zone, has_band=scored.has_band)
    write_json(out / "retro.json", retro.model_dump(mode="json"))
    write_text(out / "retro.html", as_page(retro, plan, zone, out / "retro.svg"))
    return written
