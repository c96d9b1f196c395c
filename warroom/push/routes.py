"""`Can I push now?` on a phone: reach and minute in, one answer out, one button to put the push into the plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from campaign.errors import Problem, UserError
from campaign.language import Text, say
from campaign.limits import read_limits
from campaign.numbers import spoken
from campaign.plan import Plan, Send
from campaign.workspace import Workspace
from metrics.intake.quantities import read_quantity
from playbooks.rehearsal.record import Interval
from warroom.plans.api import Saved, said
from warroom.plans.file import version_of
from warroom.plans.routes import Submission
from warroom.plans.submission import Sent, content_of, submit, text_of
from warroom.push.asking import Oracle
from warroom.push.decided import decided
from warroom.push.room import Room, Tightest
from warroom.push.words import sentences
from warroom.service.access import Person
from warroom.service.site import NOT_YET, NOT_YET_SECONDS, NotYet, Site, on_page


class ShareAnswer(BaseModel):
    """A share read off the sample paths: between which two it surely lies."""

    low: float
    high: float


class TightestAnswer(BaseModel):
    """Where the push comes nearest to what is carried; carried: with the HPA, p10 and p90 of the sample paths."""

    service: str
    at_utc: datetime
    demand_p90_requests_per_second: float
    floors_requests_per_second: float
    carried_p10_requests_per_second: float
    carried_p90_requests_per_second: float
    used_p90_ratio: float


class Answer(BaseModel):
    """The answer for programs; times in UTC."""

    fits: bool
    fits_by_floors: bool = Field(description="without what the HPA adds to the planned floors")
    short_ratio: ShareAnswer | None = Field(description="of such hours, in which some service is short in some minute")
    short_by_floors_ratio: ShareAnswer | None = Field(description="the same by the planned floors alone")
    tightest: TightestAnswer | None
    sentences: tuple[str, ...]
    counted: tuple[str, ...] = Field((), description="what the war room decided that the answer goes by")
    assumptions: tuple[str, ...]
    from_at_utc: datetime | None = None
    up_to_reach: float | None = None
    over_minutes: int | None = None


class Given(BaseModel):
    """A push for the plan; `at` with an offset."""

    reach: float = Field(gt=0, allow_inf_nan=False)
    at: datetime
    lands_on: str = Field("", max_length=200)


@dataclass(frozen=True)
class Asked:
    """A push as somebody asks for it."""

    channel: str
    send: Send


def push_routes(site: Site, oracle: Oracle, on_submission: Submission) -> APIRouter:
    """The page, and the same answer for programs."""
    router = APIRouter()

    @router.get("/campaigns/{campaign}/push", include_in_schema=False)
    def page(request: Request, campaign: str, reach: str = "", at: str = "", lands_on: str = "") -> Response:
        site.person(request)
        workspace = site.workspace()
        plan = workspace.plan(campaign)
        zone = _zone(workspace, plan)
        values: dict[str, Any] = {"plan": plan, "zone": zone.key, "landings": workspace.settings.landings()}
        begins = max(site.clock(), plan.starts_at).astimezone(zone).strftime("%Y-%m-%dT%H:%M")
        values |= {"reach": reach, "at": at or begins, "lands_on": lands_on}
        if not reach:
            return site.page(request, "push.html", answer=None, wrong=None, **values)
        try:
            answer = asked(oracle, workspace, plan, reach, at, lands_on, site.clock())
        except NotYet as error:
            values |= {"not_yet": error, "again_seconds": NOT_YET_SECONDS}
            return site.page(request, "push.html", answer=None, wrong=None, **values)
        except UserError as error:
            return site.page(request, "push.html", 422, answer=None, wrong=on_page(error)[0], **values)
        return site.page(request, "push.html", answer=answer, wrong=None, **values)

    @router.post("/campaigns/{campaign}/push", include_in_schema=False)
    async def wanted(request: Request, campaign: str) -> Response:
        form = {name: str(value) for name, value in (await request.form()).items()}
        return await run_in_threadpool(_wanted, site, request, campaign, form, on_submission)

    @router.get("/api/campaigns/{campaign}/push", responses=NOT_YET)
    def answer(request: Request, campaign: str, reach: float, at: datetime, lands_on: str = "") -> Answer:
        """Whether one more push to `reach` people at `at` (with an offset) fits, and what would."""
        site.person(request)
        workspace = site.workspace()
        return asked(oracle, workspace, workspace.plan(campaign), str(reach), at.isoformat(), lands_on, site.clock())

    @router.post("/api/campaigns/{campaign}/push")
    def put_in(request: Request, campaign: str, given: Given) -> Saved:
        """Put such a push into the plan, as the page's button does."""
        person = site.program(request)
        fields = {"reach": str(given.reach), "at": given.at.isoformat(), "lands_on": given.lands_on}
        done = _put(site, campaign, fields, person, on_submission)
        version = version_of(text_of(site.folder, campaign))
        return Saved(version=version, changes=said(done.changes), troubles=said(done.troubles))

    return router


def asked(
    oracle: Oracle, workspace: Workspace, plan: Plan, reach: str, at: str, lands_on: str, now: datetime
) -> Answer:
    """The answer to a push as people write it.

    Raises:
        UserError: no number, no time, outside the campaign, or nothing to forecast with.
    """
    push = push_of(plan, reach, at, lands_on, _zone(workspace, plan), workspace)
    meets = decided(workspace, plan, now)
    room, most = oracle.room(workspace, meets, push.channel, push.send, now)
    told = (assumption(plan, push), *capped_sentence(workspace, plan), *most.assumptions)
    zone = _zone(workspace, plan)
    return answer_of(room, tuple(meets.said(push.send.at, zone)), told, zone)


def answer_of(room: Room, counted: tuple[Text, ...], assumptions: tuple[Text, ...], zone: ZoneInfo) -> Answer:
    return Answer(
        fits=room.fits,
        fits_by_floors=room.fits_by_floors,
        short_ratio=_share(room.short.with_hpa) if room.short else None,
        short_by_floors_ratio=_share(room.short.by_floors) if room.short else None,
        tightest=_tightest(room.tightest) if room.tightest else None,
        sentences=tuple(str(sentence) for sentence in sentences(room, zone)),
        counted=tuple(str(text) for text in counted),
        assumptions=tuple(str(text) for text in assumptions),
        from_at_utc=room.from_at.astimezone(UTC) if room.from_at else None,
        up_to_reach=room.up_to_reach,
        over_minutes=room.over_minutes,
    )


def _share(share: Interval) -> ShareAnswer:
    return ShareAnswer(low=share.low, high=share.high)


def _tightest(tightest: Tightest) -> TightestAnswer:
    return TightestAnswer(
        service=tightest.service,
        at_utc=tightest.at.astimezone(UTC),
        demand_p90_requests_per_second=tightest.demand_p90_requests_per_second,
        floors_requests_per_second=tightest.floors_requests_per_second,
        carried_p10_requests_per_second=tightest.carried_low_requests_per_second,
        carried_p90_requests_per_second=tightest.carried_high_requests_per_second,
        used_p90_ratio=tightest.used_ratio,
    )


def push_of(plan: Plan, reach: str, at: str, lands_on: str, zone: ZoneInfo, workspace: Workspace) -> Asked:
    """The push on the channel that usually pushes; how fast and how well it is opened is as in that channel's sends."""
    read = read_quantity(reach)
    if read is None or read.value is None or read.value <= 0 or read.unit or read.rate is not None:
        raise UserError(Problem(say("{given} is not a number of people", given=reach), key="--reach"))
    try:
        moment = datetime.fromisoformat(at)
    except ValueError as error:
        raise UserError(Problem(say("{given} is not a time", given=at), key="--at")) from error
    if lands_on and lands_on not in workspace.settings.landings():
        raise UserError(
            Problem(say("{name} is neither a service nor a stage of the funnel", name=lands_on), key="--lands-on")
        )
    usual = usual_send(plan)
    example = usual[1] if usual else None
    send = Send(
        at=moment if moment.tzinfo else moment.replace(tzinfo=zone),
        reach=read.value,
        per_second=within_cap(example.per_second if example else None, push_cap(workspace, plan)),
        open_ratio=example.open_ratio if example else None,
        lands_on=lands_on or (example.lands_on if example else None),
    )
    return Asked(usual[0] if usual else "push", send)


def push_cap(workspace: Workspace, plan: Plan) -> float | None:
    """Messages per second that a GO with limits allows, None without such a limit."""
    limits = read_limits(workspace.out(plan.id))
    return limits.cap("push_per_second") if limits else None


def within_cap(per_second: float | None, cap: float | None) -> float | None:
    """The rate that a push is sent at: as usual, but never above the cap."""
    known = [rate for rate in (per_second, cap) if rate is not None]
    return min(known, default=None)


def capped_sentence(workspace: Workspace, plan: Plan) -> tuple[Text, ...]:
    cap = push_cap(workspace, plan)
    return () if cap is None else (say("the GO allows at most {cap} messages per second", cap=spoken(cap)),)


def usual_send(plan: Plan) -> tuple[str, Send] | None:
    """The channel and send of the plan that reach most people."""
    sends = [(channel.name, send) for channel in plan.channels for send in channel.sends]
    return max(sends, key=lambda pair: pair[1].reach, default=None)


def assumption(plan: Plan, push: Asked) -> Text:
    """What was taken from the plan's own sends."""
    if usual_send(plan) is None:
        return say("the plan has no sends: opened by 4 %, sent within a minute, as usual elsewhere")
    return say("opened and sent out as the largest send of {channel}", channel=push.channel)


def _wanted(
    site: Site, request: Request, campaign: str, form: Mapping[str, str], on_submission: Submission
) -> Response:
    person = site.actor(request, form)
    _put(site, campaign, form, person, on_submission)
    return RedirectResponse(f"/campaigns/{campaign}?saved=1", 303)


def _put(site: Site, campaign: str, form: Mapping[str, str], person: Person, on_submission: Submission) -> Sent:
    """The push becomes a send of the plan, in the name of whoever asks for it."""
    workspace = site.workspace()
    plan = workspace.plan(campaign)
    zone = _zone(workspace, plan)
    push = push_of(plan, form.get("reach", ""), form.get("at", ""), form.get("lands_on", ""), zone, workspace)
    content = content_of(site.folder, campaign)
    opened = version_of(text_of(site.folder, campaign))
    channels = [dict(channel) for channel in content.get("channels") or []]
    own = next((channel for channel in channels if channel["name"] == push.channel), None)
    if own is None:
        own = {"name": push.channel}
        channels.append(own)
    own["sends"] = [*(own.get("sends") or []), push.send.model_dump(mode="json", exclude_none=True)]
    reason = str(say("asked for on the push page"))
    done = submit(workspace, {**content, "channels": channels}, opened, person.name, reason, zone)
    on_submission(campaign)
    return done


def _zone(workspace: Workspace, plan: Plan) -> ZoneInfo:
    return workspace.settings.zone_of(plan)
