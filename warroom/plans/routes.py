"""The marketers' pages: the list of campaigns, the form of one, its earlier versions."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise
from typing import Any, get_args
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, RedirectResponse, Response
from markupsafe import Markup
from starlette.concurrency import run_in_threadpool

from campaign.documents import parse_yaml
from campaign.errors import Problem, UserError
from campaign.language import Text, _, say
from campaign.moments import moment_name
from campaign.numbers import local_minute
from campaign.plan import Family, Plan
from campaign.workspace import Workspace
from forecast.uplift.terms import SUDDEN
from metrics.intake.moments import read_moment
from warroom.plans import revisions
from warroom.plans.differences import differences
from warroom.plans.doubts import doubts
from warroom.plans.file import ChangedMeanwhile, version_of
from warroom.plans.form import (
    EXPECTED,
    HEAD,
    OWNER,
    SECTIONS,
    Entries,
    Submitted,
    copied,
    entries_from,
    entries_of,
    field_of,
    names_sent,
    submitted,
)
from warroom.plans.overview import cards_of
from warroom.plans.submission import checked, content_of, is_frozen, submit, text_of
from warroom.plans.timeline import timeline
from warroom.service.site import NOT_YET_SECONDS, NotThere, NotYet, Site

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT[\d:.]+[+-]\d\d:\d\d")
CAMPAIGN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,99}")

FILL_IN = say("fill this in")

Foresee = Callable[[Workspace, Plan], Sequence[Text]]
"""What a plan would do to the forecast, as sentences; given by whoever puts the service together."""
Submission = Callable[[str], object]
"""Told of every campaign whose plan was submitted."""


@dataclass(frozen=True)
class Preview:
    """What the form shows below the fields."""

    sentences: tuple[str, ...]
    doubts: tuple[Text, ...]
    timeline: Markup | None = None
    again_seconds: int | None = None


def plan_routes(site: Site, foresee: Foresee, on_submission: Submission) -> APIRouter:
    """Pages that make and change plans."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    def campaigns(request: Request) -> Response:
        site.person(request)
        return site.page(request, "campaigns.html", again=(), groups=cards_of(site.workspace(), site.clock()))

    @router.get("/campaigns/new")
    def new(request: Request) -> Response:
        site.person(request)
        return asked_for(site, request, {})

    @router.get("/campaigns/new/plan")
    def draft(request: Request, id: str = "", starts_at: str = "", copy: str = "") -> Response:
        site.person(request)
        try:
            return _drafted(site, request, new_id(id), begins_at(starts_at), copy)
        except UserError as error:
            known = id if CAMPAIGN.fullmatch(id) and text_of(site.folder, id) else ""
            given = {"id": id, "starts_at": starts_at, "copy": copy, "known": known}
            return asked_for(site, request, given, error.problems, 422)

    @router.get("/campaigns/{campaign}")
    def plan(request: Request, campaign: str, saved: str = "") -> Response:
        site.person(request)
        content = content_of(site.folder, campaign_of(campaign))
        if not content:
            raise NotThere
        workspace = site.workspace()
        opened = version_of(text_of(site.folder, campaign))
        form = Form(site, request, workspace, campaign, opened)
        return form.page(entries_of(content, form.zone), preview=form.preview(content, foresee), saved=_told(saved))

    @router.post("/campaigns/{campaign}")
    async def sent(request: Request, campaign: str) -> Response:
        form = [(name, str(value)) for name, value in (await request.form()).multi_items()]
        return await run_in_threadpool(_sent, site, request, campaign_of(campaign), form, foresee, on_submission)

    @router.post("/campaigns/{campaign}/preview")
    async def preview(request: Request, campaign: str) -> Response:
        form = [(name, str(value)) for name, value in (await request.form()).multi_items()]
        return await run_in_threadpool(_previewed, site, request, campaign_of(campaign), form, foresee)

    @router.post("/campaigns/{campaign}/problems")
    async def problems(request: Request, campaign: str) -> Response:
        form = [(name, str(value)) for name, value in (await request.form()).multi_items()]
        return await run_in_threadpool(_problems, site, request, campaign_of(campaign), form)

    @router.get("/campaigns/{campaign}/revisions")
    def earlier(request: Request, campaign: str) -> Response:
        site.person(request)
        workspace = site.workspace()
        plan = workspace.plan(campaign_of(campaign))
        zone = workspace.settings.zone_of(plan)
        values: dict[str, Any] = {"title": plan.title, "id": campaign, "revisions": told_apart(workspace, plan)}
        return site.page(request, "plan_revisions.html", at=lambda when: local_minute(when, zone, year=True), **values)

    return router


def asked_for(
    site: Site, request: Request, given: Mapping[str, str], problems: Sequence[Problem] = (), status: int = 200
) -> Response:
    """The page that asks what a new campaign begins with; `given`: what was typed into it before."""
    workspace = site.workspace()
    plans = sorted(workspace.plans, key=lambda plan: plan.starts_at, reverse=True)
    values: dict[str, Any] = {"plans": plans, "zone": workspace.settings.time_zone}
    values["day"] = lambda plan: plan.starts_at.astimezone(workspace.settings.zone_of(plan)).date()
    return site.page(request, "plan_new.html", status, given=given, problems=problems, **values)


def campaign_of(given: str) -> str:
    if not CAMPAIGN.fullmatch(given):
        raise NotThere
    return given


def new_id(given: str) -> str:
    if not CAMPAIGN.fullmatch(given):
        what = say("{given} is not a short name", given=given or "-")
        raise UserError(Problem(what, say("write Latin letters (a-z), digits and . _ - without spaces")))
    return given


def begins_at(given: str) -> datetime:
    moment = read_moment(given)
    if moment is None:
        raise UserError(Problem(say("{given} is not a time: write it as 2026-11-10 20:00", given=given or "-")))
    return moment


def _told(saved: str) -> str:
    return _("Saved and submitted. The forecast is being made anew with it.") if saved == "1" else ""


def _drafted(site: Site, request: Request, campaign: str, starts_at: datetime, copy: str) -> Response:
    content = draft_of(site, campaign, starts_at, copy)
    form = Form(site, request, site.workspace(), campaign, "")
    return form.page(entries_of(content, form.zone))


def draft_of(site: Site, campaign: str, starts_at: datetime, copy: str) -> dict[str, Any]:
    """A new campaign's plan, empty or as another one was.

    Raises:
        UserError: there is a campaign of that id, or none to copy.
    """
    workspace = site.workspace()
    if text_of(site.folder, campaign):
        raise UserError(Problem(say("{id} is the id of another campaign", id=campaign), say("choose another id")))
    begins = starts_at if starts_at.tzinfo else starts_at.replace(tzinfo=workspace.settings.zone)
    if not copy:
        return {"id": campaign, "starts_at": begins.isoformat()}
    workspace.plan(copy)
    return copied(content_of(site.folder, copy), campaign, begins)


def _sent(
    site: Site,
    request: Request,
    campaign: str,
    pairs: Sequence[tuple[str, str]],
    foresee: Foresee,
    on_submission: Submission,
) -> Response:
    person = site.actor(request, dict(pairs))
    workspace = site.workspace()
    entries = entries_from([*pairs, ("id", campaign)])
    form = Form(site, request, workspace, campaign, entries.values.get("opened", ""))
    action = entries.values.get("action", "save")
    read = submitted(entries, form.before, form.zone)
    if action.startswith("more-"):
        wrong, unplaced = form.wrong(read)
        said = {name: text for name, text in wrong.items() if text.message != FILL_IN.message}
        return form.page(entries, said, unplaced, more=action.removeprefix("more-"))
    if action == "preview":
        return form.page(entries, *form.wrong(read), preview=form.preview(read.content, foresee))
    reason = entries.values.get("reason", "")
    wrong, unplaced = form.wrong(read)
    if form.frozen and not reason:
        wrong["reason"] = say("say why: others have planned with this plan")
    if wrong or unplaced:
        return form.page(entries, wrong, unplaced, status=422)
    try:
        done = submit(workspace, read.content, form.opened, person.name, reason, form.zone)
    except ChangedMeanwhile as meanwhile:
        return form.conflict(entries, read, meanwhile)
    on_submission(campaign)
    if done.troubles:
        form = Form(site, request, site.workspace(), campaign, version_of(text_of(site.folder, campaign)))
        return form.page(entries, {}, done.troubles, saved=_told("1"))
    return RedirectResponse(f"/campaigns/{campaign}?saved=1", 303)


def _previewed(
    site: Site, request: Request, campaign: str, pairs: Sequence[tuple[str, str]], foresee: Foresee
) -> Response:
    """The part of the page below the fields, for the script that asks while somebody types."""
    site.person(request)
    form = Form(site, request, site.workspace(), campaign, "")
    read = submitted(entries_from([*pairs, ("id", campaign)]), form.before, form.zone)
    return site.page(request, "plan_preview.html", preview=form.preview(read.content, foresee))


def _problems(site: Site, request: Request, campaign: str, pairs: Sequence[tuple[str, str]]) -> Response:
    """What is wrong with the fields that say something, for the script that asks when one of them is left."""
    site.person(request)
    form = Form(site, request, site.workspace(), campaign, "")
    entries = entries_from([*pairs, ("id", campaign)])
    wrong, _unplaced = form.wrong(submitted(entries, form.before, form.zone))
    sent, given = names_sent(pairs), dict(pairs)
    told = {sent.get(name, name): str(text) for name, text in wrong.items()}
    return JSONResponse({name: text for name, text in told.items() if given.get(name, "").strip()})


class Form:
    """One campaign's form for one reader."""

    def __init__(self, site: Site, request: Request, workspace: Workspace, campaign: str, opened: str) -> None:
        self.site, self.request, self.workspace = site, request, workspace
        self.campaign, self.opened = campaign, opened
        self.before = content_of(site.folder, campaign)
        self.zone = ZoneInfo(str(self.before.get("time_zone") or workspace.settings.time_zone))
        self.frozen = is_frozen(workspace, campaign, site.clock())

    def wrong(self, read: Submitted) -> tuple[dict[str, Text], tuple[Problem, ...]]:
        """What is wrong by field, and what has no field."""
        wrong = dict(read.complaints)
        try:
            checked(read.content, self.workspace.settings)
        except UserError as error:
            placed = [(field_of(problem.key, read.fields), problem) for problem in error.problems]
            for name, problem in placed:
                if name:
                    wrong.setdefault(name, _both(problem, self.zone))
            return wrong, tuple(problem for name, problem in placed if not name)
        return wrong, ()

    def preview(self, content: Mapping[str, Any], foresee: Foresee) -> Preview | None:
        """What the plan would do; nothing while it cannot be read."""
        try:
            plan = checked(content, self.workspace.settings)
        except UserError:
            return None
        doubted = doubts(plan, self.workspace.plans, self.zone)
        try:
            sentences = tuple(str(sentence) for sentence in foresee(self.workspace, plan))
        except UserError as error:
            sentences = tuple(str(problem.what) for problem in error.problems)
            again = NOT_YET_SECONDS if isinstance(error, NotYet) else None
            return Preview(sentences, doubted, timeline(plan, self.zone), again)
        return Preview(sentences, doubted, timeline(plan, self.zone))

    def conflict(self, entries: Entries, read: Submitted, meanwhile: ChangedMeanwhile) -> Response:
        """Both versions; saving again replaces theirs knowingly."""
        self.opened = version_of(meanwhile.theirs)
        between = differences(content_of(self.site.folder, self.campaign), read.content, self.zone)
        return self.page(entries, {}, status=409, theirs=meanwhile.theirs, between=between)

    def page(
        self,
        entries: Entries,
        wrong: Mapping[str, Text] | None = None,
        unplaced: Sequence[Problem] = (),
        *,
        status: int = 200,
        more: str = "",
        preview: Preview | None = None,
        saved: str = "",
        theirs: str | None = None,
        between: Sequence[Text] = (),
        brought: Sequence[Text] | None = None,
        changed: bool = False,
    ) -> Response:
        settings = self.workspace.settings
        earlier = len(revisions.revisions(self.site.folder, self.workspace.plan_file(self.campaign)))
        return self.site.page(
            self.request,
            "plan_form.html",
            status,
            id=self.campaign,
            title=entries.values.get("name") or self.campaign,
            zone=self.zone.key,
            opened=self.opened,
            entries=entries,
            rows=entries.padded(more),
            more=more,
            wrong=dict(wrong or {}),
            unplaced=unplaced,
            head=HEAD,
            sections=SECTIONS,
            expected=EXPECTED,
            owner=OWNER,
            services=settings.service_names,
            landings=settings.landings(),
            families=get_args(Family),
            suggested=suggested(self.workspace.plans),
            moment_name=moment_name,
            frozen=self.frozen,
            preview=preview,
            saved=saved,
            theirs=theirs,
            between=between,
            brought=brought,
            changed=changed,
            revisions=earlier,
            fresh=self.request.method == "GET",
        )


def suggested(plans: Sequence[Plan]) -> dict[str, list[str]]:
    """What other plans say: only what is called the same is compared."""
    told = {
        "kind": {plan.kind for plan in plans},
        "part_of": {plan.part_of for plan in plans if plan.part_of},
        "channel": {channel.name for plan in plans for channel in plan.channels},
        "moment": {moment.kind for plan in plans for moment in plan.moments} | set(SUDDEN),
        "driver": {name for plan in plans for name in plan.drivers},
    }
    return {name: sorted(values) for name, values in told.items() if values}


def _both(problem: Problem, zone: ZoneInfo) -> Text:
    """What is wrong and what to do, in the words and times of the form instead of the file's."""
    if problem.what.message == "this key is required":
        return FILL_IN
    what = _in_zone(problem.what, zone)
    if what.message == "ends_at {end} is not after starts_at {start}":
        what = say("the end, {end}, is not after the start, {start}", **what.values)
    return say("{what}: {todo}", what=what, todo=_in_zone(problem.todo, zone)) if problem.todo else what


def _in_zone(text: Text, zone: ZoneInfo) -> Text:
    return Text(text.message, {key: _local(value, zone) for key, value in text.values.items()})


def _local(value: object, zone: ZoneInfo) -> object:
    """An instant as the file writes it becomes the form's `2026-11-10 20:00`; all else stays."""
    if not isinstance(value, str) or not INSTANT.fullmatch(value):
        return value
    return local_minute(datetime.fromisoformat(value), zone, year=True)


def told_apart(workspace: Workspace, plan: Plan) -> list[tuple[revisions.Revision, tuple[Text, ...]]]:
    """Each version with what it changed against the one before, newest first."""
    zone = workspace.settings.zone_of(plan)
    path = workspace.plan_file(plan.id)
    told = revisions.revisions(workspace.folder, path)
    contents = [parse_yaml(revisions.text_at(workspace.folder, path, r.commit), path.name).content for r in told]
    apart = [differences(before, after, zone) for after, before in pairwise(contents)]
    return list(zip(told, (*apart, ()), strict=False))
