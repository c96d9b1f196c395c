"""Pages of the support lead: the plan by desk, what-if, and what is dropped back in."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Callable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any, Literal, get_args
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request
from fastapi.responses import FileResponse, Response
from markupsafe import Markup
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from campaign.errors import Problem, UserError
from campaign.files import write_bytes
from campaign.language import Text, _, say
from campaign.numbers import local_minute, percent, spoken
from campaign.plan import Plan
from campaign.workspace import Workspace
from playbooks.readiness.brought import read_answers
from playbooks.staffing.desk import promise_in_words
from playbooks.staffing.examination import examined, in_words
from playbooks.staffing.plan import DeskPlan, Judged, StaffingPlan
from playbooks.staffing.recheck import DeskChange, Recheck, read_plan, recheck_roster, what_if
from playbooks.staffing.recheck_words import desk_in_words, is_weak, verdict_in_words, weak_spot
from warroom.drawing import BAND, BLUE, RED, Line, drawing
from warroom.service.site import A_FILE, NotThere, Sent, Site, sent_form
from warroom.support.exports import bring_contacts
from warroom.support.intervals import Interval, read_intervals, worst_gaps
from warroom.support.supposing import with_bot_resolving

FILES = {
    "roster.xlsx": say("Roster to edit (Excel)"),
    "staffing.csv": say("Every half-hour (CSV)"),
    "bot_training.csv": say("What to teach the bot first (CSV)"),
    "bot_replay.csv": say("The bot's test questions, to fill in (CSV)"),
}
What = Literal["roster", "bot-replay", "contacts"]
AGENTS_MAX = 5000
"""As in `staffing.png`."""
HALF_HOUR, SECOND = timedelta(minutes=30), timedelta(seconds=1)


class Told(BaseModel):
    """What a file was found to say."""

    sentences: tuple[str, ...]


def support_routes(site: Site) -> APIRouter:
    """Contacts and people, down as Excel and back again."""
    router = APIRouter()

    @router.get("/campaigns/{campaign}/support", include_in_schema=False)
    def page(
        request: Request, campaign: str, desk: str = "", agents: str = "", absent: str = "", resolved: str = ""
    ) -> Response:
        site.person(request)
        return _answered(site, request, campaign, lambda ws: _asked(ws, campaign, desk, agents, absent, resolved))

    @router.get("/api/campaigns/{campaign}/support/files/{name}", response_class=FileResponse)
    @router.get("/campaigns/{campaign}/support/files/{name}", include_in_schema=False)
    def download(request: Request, campaign: str, name: str) -> Response:
        """`roster.xlsx`, `staffing.csv`, `bot_training.csv` or `bot_replay.csv`."""
        site.person(request)
        workspace = site.workspace()
        path = workspace.out(workspace.plan(campaign).id) / "playbook" / name
        if name not in FILES or not path.is_file():
            raise NotThere
        return FileResponse(path, filename=f"{campaign}-{name}")

    @router.get("/api/campaigns/{campaign}/staffing")
    def plan(request: Request, campaign: str) -> StaffingPlan:
        """The staffing plan as last written."""
        site.person(request)
        return read_plan(site.workspace(), campaign)

    @router.get("/api/campaigns/{campaign}/staffing/{desk}")
    def judged(
        request: Request,
        campaign: str,
        desk: str,
        agents: int,
        absent_ratio: Annotated[float, Query(ge=0, le=1)] = 0.0,
        bot_resolved_ratio: Annotated[float | None, Query(ge=0, le=1)] = None,
    ) -> Judged:
        """What so many people on a desk in every open half-hour achieve, of whom some stay away, with its bot as it is
        or resolving another share."""
        site.person(request)
        return _supposed(site.workspace(), campaign, desk, _there(agents, absent_ratio), bot_resolved_ratio)

    @router.post("/campaigns/{campaign}/support/{what}", include_in_schema=False)
    async def brought(request: Request, campaign: str, what: str) -> Response:
        return await run_in_threadpool(_brought, site, request, campaign, what, await sent_form(request))

    @router.post("/api/campaigns/{campaign}/support/{what}", openapi_extra=A_FILE)
    async def carried(request: Request, campaign: str, what: What, name: str = "") -> Told:
        """Check an edited roster, hand in a bot's replay or add contacts to history: the file is the body, `name` what
        it is called."""
        content = await request.body()
        return await run_in_threadpool(_carried, site, request, campaign, what, Sent({}, name, content))

    return router


def _brought(site: Site, request: Request, campaign: str, what: str, sent: Sent) -> Response:
    if what not in get_args(What):
        raise NotThere
    site.actor(request, sent.fields)
    return _answered(site, request, campaign, lambda workspace: _take(workspace, campaign, what, sent))


def _carried(site: Site, request: Request, campaign: str, what: What, sent: Sent) -> Told:
    site.carrier(request)
    workspace = site.workspace()
    return Told(sentences=_take(workspace, workspace.plan(campaign).id, what, sent))


def _take(workspace: Workspace, campaign: str, what: str, sent: Sent) -> tuple[str, ...]:
    """What a file that was dropped in says, in words."""
    takers: dict[str, Callable[[Workspace, str, str, bytes], tuple[str, ...]]] = {
        "roster": _roster,
        "bot-replay": _bot_replay,
        "contacts": _contacts,
    }
    return takers[what](workspace, campaign, sent.file_name, sent.content)


def _answered(site: Site, request: Request, campaign: str, ask: Callable[[Workspace], tuple[str, ...]]) -> Response:
    """The page with an answer on top, or with what was wrong with the question."""
    workspace = site.workspace()
    plan = workspace.plan(campaign)
    answer: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    try:
        answer = ask(workspace)
    except UserError as error:
        problems = error.problems
    values = _shown(workspace, plan)
    return site.page(request, "support.html", 422 if problems else 200, answer=answer, problems=problems, **values)


def _asked(workspace: Workspace, campaign: str, desk: str, agents: str, absent: str, resolved: str) -> tuple[str, ...]:
    """So many people of whom some stay away, with a bot that resolves another share."""
    if not desk or not agents:
        return ()
    if not agents.isdigit():
        raise UserError(Problem(say("{given} is not a number of people", given=agents)))
    there = _there(int(agents), _percent(absent))
    judged = _supposed(workspace, campaign, desk, there, _percent(resolved) if resolved else None)
    return judged_words(judged, there, workspace.settings.zone)


def _supposed(workspace: Workspace, campaign: str, desk: str, agents: int, bot_ratio: float | None) -> Judged:
    supposed = workspace if bot_ratio is None else with_bot_resolving(workspace, desk, bot_ratio)
    return what_if(supposed, campaign, desk, agents)


def _there(agents: int, absent_ratio: float) -> int:
    return math.floor(_bounded(agents) * (1 - absent_ratio))


def _percent(text: str) -> float:
    """A share (0-1) of percent as people write them; empty is none."""
    try:
        value = float(text.strip().rstrip("%％") or 0) / 100
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise UserError(Problem(say("{given} is no share in percent", given=text)))
    return value


def _bounded(agents: int) -> int:
    if not 0 <= agents <= AGENTS_MAX:
        raise UserError(Problem(say("between 0 and {most} people can be asked about", most=AGENTS_MAX)))
    return agents


def judged_words(found: Judged, agents: int, zone: ZoneInfo) -> tuple[str, ...]:
    """What given people achieve, the verdict first."""
    verdict = (
        say("{desk}: {agents} people keep the promise.", desk=found.desk, agents=agents)
        if found.keeps_promise
        else say("{desk}: {agents} people do not keep the promise.", desk=found.desk, agents=agents)
    )
    level = say(
        "Service level {level}, promised {target}; worst {worst} at {at}.",
        level=percent(found.service_level_ratio),
        target=promise_in_words(found.target_ratio, found.within_seconds),
        worst=percent(found.worst_service_level_ratio),
        at=local_minute(found.worst_at_utc, zone),
    )
    told = [verdict, level, *([weak_spot(found)] if is_weak(found) else [])]
    if found.abandoned_ratio is not None:
        told.append(say("Given up: {ratio}.", ratio=percent(found.abandoned_ratio)))
    if found.backlog_max >= 1:
        clear = local_minute(found.backlog_clear_at_utc, zone) if found.backlog_clear_at_utc else "-"
        told.append(say("At most {n} wait; clear at {at}.", n=spoken(round(found.backlog_max)), at=clear))
    return tuple(str(text) for text in told)


def _roster(workspace: Workspace, campaign: str, name: str, content: bytes) -> tuple[str, ...]:
    """Re-check an edited roster; nothing is kept."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"roster{Path(name).suffix.lower() if name else ''}"
        path.write_bytes(content)
        try:
            checked = recheck_roster(workspace, campaign, path)
        except UserError as error:
            raise UserError([_renamed(problem, path.name, name) for problem in error.problems]) from error
    return recheck_words(checked, workspace.settings.zone_of(workspace.plan(campaign)))


def _renamed(problem: Problem, ours: str, theirs: str) -> Problem:
    return Problem(problem.what, problem.todo, problem.file.replace(ours, theirs or "?"), problem.line, problem.key)


def recheck_words(checked: Recheck, zone: ZoneInfo) -> tuple[str, ...]:
    """Whether promises hold, then desk by desk which shifts changed and what that does, then what the roster breaks."""
    desks = [text for one in checked.desks for text in (_level_words(one, zone), *desk_in_words(one, zone))]
    return tuple(str(text) for text in (*verdict_in_words(checked), *desks, *checked.findings, *checked.notes))


def _level_words(one: DeskChange, zone: ZoneInfo) -> Text:
    return say(
        "{desk}: service level {before} → {after} from {start} to {end}, promised {target}; {hours} paid hours against "
        "the plan.",
        desk=one.after.desk,
        before=percent(one.before.service_level_ratio),
        after=percent(one.after.service_level_ratio),
        start=local_minute(one.after.starts_at_utc, zone),
        end=local_minute(one.after.ends_at_utc, zone),
        target=promise_in_words(one.after.target_ratio, one.after.within_seconds),
        hours=f"{one.paid_hours_after - one.paid_hours_before:+.0f}",
    )


def _bot_replay(workspace: Workspace, campaign: str, _name: str, content: bytes) -> tuple[str, ...]:
    """Keep the bot's replay results where the gate reads them, if they can be read."""
    place = workspace.folder / "evidence" / workspace.plan(campaign).id / "bot_replay.csv"
    with tempfile.TemporaryDirectory() as folder:
        trial = Path(folder) / "bot_replay.csv"
        trial.write_bytes(content)
        answers = read_answers(trial, Path(folder))
    if not answers:
        todo = say("columns: offer, question, passed; one row per question")
        raise UserError(Problem(say("holds no results"), todo, file="bot_replay.csv"))
    write_bytes(place, lambda file: file.write(content))
    return tuple(map(str, in_words(examined(answers))))


def _contacts(workspace: Workspace, _campaign: str, name: str, content: bytes) -> tuple[str, ...]:
    """A contact export into history, where the next forecast learns from it."""
    return tuple(map(str, bring_contacts(workspace, name, content).sentences()))


def _shown(workspace: Workspace, plan: Plan) -> dict[str, Any]:
    zone = workspace.settings.zone_of(plan)
    folder = workspace.out(plan.id) / "playbook"
    try:
        staffing: StaffingPlan | None = read_plan(workspace, plan.id)
    except UserError:
        staffing = None
    intervals = read_intervals(folder / "staffing.csv")
    desks = [_desk(one, intervals.get(one.desk, []), plan, zone) for one in (staffing.desks if staffing else ())]
    files = {name: title for name, title in FILES.items() if (folder / name).is_file()}
    return {"plan": plan, "staffing": staffing, "desks": desks, "files": files, "zone": zone.key}


def _desk(desk: DeskPlan, intervals: list[Interval], plan: Plan, zone: ZoneInfo) -> dict[str, Any]:
    during = [one for one in intervals if plan.starts_at <= one.starts_at < plan.ends_at]
    gaps = [
        say(
            "{at}: {missing} of {required} people missing",
            at=local_minute(one.starts_at, zone),
            missing=spoken(one.missing),
            required=spoken(one.required),
        )
        for one in worst_gaps(during)
    ]
    return {
        "name": desk.desk,
        "peak_at": local_minute(desk.peak.starts_at_utc, zone),
        "contacts": spoken(desk.peak.contacts_p90),
        "required": desk.peak.agents_required,
        "rostered": f"{desk.peak.agents_rostered:g}",
        "promise": promise_in_words(desk.target.ratio, desk.target.seconds),
        "sentences": desk.sentences,
        "gaps": gaps,
        "bridged": desk.shortage.bridged_by,
        "picture": _picture(during, desk.desk, zone),
    }


def _picture(during: list[Interval], desk: str, zone: ZoneInfo) -> Markup | None:
    if len(during) < 2:
        return None
    times = [at for one in during for at in (one.starts_at, one.starts_at + HALF_HOUR - SECOND)]  # a step each
    needed, rostered = (twice([getattr(one, key) for one in during]) for key in ("required", "rostered"))
    lines = [
        Line(_("people rostered"), BAND, rostered, filled_to=[0.0] * len(times)),
        Line(_("people needed"), BLUE, needed),
    ]
    missing = [n if n > r else None for n, r in zip(needed, rostered, strict=True)]
    if any(missing):
        lines.append(Line(_("people missing"), RED, missing))
    return drawing(times, lines, zone, _("People by half-hour, {desk}").format(desk=desk))


def twice(values: Sequence[float]) -> list[float]:
    return [value for value in values for _end in range(2)]
