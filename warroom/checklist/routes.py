"""Pages of the checklist: all items by gate, and one item with what can be done about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from markupsafe import Markup
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from campaign.errors import Problem, UserError
from campaign.language import current_language, say
from campaign.pages import render
from campaign.readiness import Checklist, Item
from campaign.store.database import StoreAway, patience
from campaign.store.events import Act
from campaign.workspace import Workspace
from metrics.intake.quantities import read_quantity
from playbooks.readiness.acts import DECISION, LIMIT_OPTIONS, VERDICTS, Actor, decide, sign_item, waive
from playbooks.readiness.freeze import FREEZING
from playbooks.readiness.labels import ROLE_LABELS, STATE_LABELS
from playbooks.readiness.pages import signature_sentence
from playbooks.readiness.publish import Review, handover_text
from playbooks.readiness.record import attached
from warroom.checklist.known import known_checklist
from warroom.checklist.uploads import attach, uploaded
from warroom.service.actors import actor_of
from warroom.service.site import A_FILE, NotThere, Sent, Site, on_page, sent_form, status_of

WAIVED_DAYS = 3
BLANKS = ("title", "action", "note", "attached", "reason", *LIMIT_OPTIONS)
"""What the forms of an item send besides the end of a waiver and a file."""


class Given(BaseModel):
    """An act on one item: a note signs or reports a failure; a waiver needs a reason and an end. go-no-go is decided:
    go-with-limits needs a cap on spend or on what is pushed each second. plan-frozen is frozen."""

    action: Literal["sign", "fail", "waive", "go", "no-go", "go-with-limits", "freeze"]
    note: str = Field("", max_length=2000)
    reason: str = Field("", max_length=2000)
    until: str = Field("", max_length=40)
    attachments: tuple[str, ...] = Field((), max_length=20)
    spend: str = Field("", max_length=40)
    push_per_second: str = Field("", max_length=40)


class Attached(BaseModel):
    """Where an upload is kept in the workspace: what an act names as its attachment."""

    path: str


class Feed(BaseModel):
    """The address of a calendar, as a calendar subscribes to it; it lets nobody in."""

    path: str


def checklist_routes(site: Site) -> APIRouter:
    """What is still to be ready, and the two taps that change it."""
    router = APIRouter()

    @router.get("/campaigns/{campaign}/checklist", include_in_schema=False)
    def checklist(request: Request, campaign: str, owner: str = "") -> Response:
        site.person(request)
        workspace = site.workspace(patient=False)
        made, failed = known_checklist(site, campaign, patient=False)
        owner = owner if owner in ROLE_LABELS else ""

        def body() -> str:
            return render("warroom", "checklist_body.html", **_shown(workspace, made, owner))

        text = site.memory.view((campaign, owner, current_language()), made, body)
        values: dict[str, Any] = {"plan": workspace.plan(campaign), "body": Markup(text), "failed": failed}
        feed = site.door.feed(campaign)
        return site.page(request, "checklist.html", again=(feed,), feed=feed, **values)

    @router.get("/api/campaigns/{campaign}/checklist")
    def as_json(request: Request, campaign: str) -> Checklist:
        """Every item and gate with its state."""
        site.person(request)
        return site.review(campaign).checklist

    @router.post("/api/campaigns/{campaign}/checklist/{item}")
    def act_as_json(request: Request, campaign: str, item: str, given: Given) -> Checklist:
        """Sign, report a failure, or waive one item."""
        person = site.program(request)
        workspace, now = site.workspace(), site.clock()
        fields = given.model_dump(exclude={"attachments"})
        kept = uploaded(workspace, campaign, given.attachments)
        _do(site, campaign, item, actor_of(person, workspace), fields, kept, now)
        return site.review(campaign).checklist

    @router.post("/api/campaigns/{campaign}/attachments", openapi_extra=A_FILE)
    async def keep(request: Request, campaign: str, name: str) -> Attached:
        """Keep a file (the body) that an act is to name."""
        return await run_in_threadpool(_kept, site, request, campaign, name, await request.body())

    @router.get("/api/campaigns/{campaign}/calendar")
    def calendar(request: Request, campaign: str) -> Feed:
        """The calendar of what is due, to subscribe to."""
        site.person(request)
        return Feed(path=f"/calendar/{site.door.feed(site.workspace().plan(campaign).id)}.ics")

    @router.get("/campaigns/{campaign}/checklist/{item}", include_in_schema=False)
    def one(request: Request, campaign: str, item: str) -> Response:
        site.person(request)
        return _page(site, request, campaign, item)

    @router.post("/campaigns/{campaign}/checklist/{item}", include_in_schema=False)
    async def act(request: Request, campaign: str, item: str) -> Response:
        return await run_in_threadpool(_acted, site, request, campaign, item, await sent_form(request))

    return router


def _acted(site: Site, request: Request, campaign: str, name: str, sent: Sent) -> Response:
    person = site.actor(request, sent.fields)
    workspace, now = site.workspace(), site.clock()
    given, kept = dict(sent.fields), []
    try:
        actor = actor_of(person, workspace)
        kept = _attached(workspace, campaign, sent)
        _do(site, campaign, name, actor, sent.fields, kept, now)
    except UserError as error:
        given["attached"] = kept[0].relative_to(workspace.folder).as_posix() if kept else ""
        return _refused(site, request, campaign, name, given, error)
    return RedirectResponse(f"/campaigns/{campaign}/checklist/{name}?done=1", 303)


def _attached(workspace: Workspace, campaign: str, sent: Sent) -> list[Path]:
    """The file of the form, or the one that was kept when the form was sent before."""
    if sent.file_name:
        return [attach(workspace, campaign, sent.file_name, sent.content)]
    before = sent.fields.get("attached", "")
    return uploaded(workspace, campaign, [before]) if before else []


def _kept(site: Site, request: Request, campaign: str, name: str, content: bytes) -> Attached:
    site.carrier(request)
    workspace = site.workspace()
    path = attach(workspace, workspace.plan(campaign).id, name, content)
    return Attached(path=path.relative_to(workspace.folder).as_posix())


def _do(
    site: Site,
    campaign: str,
    item: str,
    actor: Actor,
    fields: Mapping[str, str],
    kept: Sequence[Path],
    now: datetime,
) -> None:
    if item == FREEZING and fields.get("action") == "freeze":
        site.hand_over(campaign, now, actor)
    else:
        site.record(campaign, now, _act(site.workspace(), item, actor, fields, kept, now))


def _act(
    workspace: Workspace, item: str, actor: Actor, fields: Mapping[str, str], kept: Sequence[Path], now: datetime
) -> Callable[[Review], Act]:
    """Sign, report a failure, waive or decide, as the pressed button says; `kept`: files of a signature."""
    verdict = next((each for each in VERDICTS if each == fields.get("action")), None)
    if verdict is not None and item == DECISION:
        limits = _limits(fields) if verdict == "go-with-limits" else {}
        return lambda made: decide(made, verdict, actor, now, limits)
    if fields.get("action") == "waive":
        until = _until(fields.get("until", ""), workspace.settings.zone)
        if not fields.get("reason", "").strip():
            raise UserError(Problem(say("a waiver needs a reason"), say("write it: the retrospective will ask")))
        if until is None:
            raise UserError(Problem(say("a waiver needs an end"), say("write until when")))
        return lambda made: waive(made, item, actor, now, reason=fields.get("reason", "").strip(), until=until)
    files = attached(workspace, kept)
    passed = fields.get("action") != "fail"
    note = fields.get("note", "").strip()
    return lambda made: sign_item(made, item, actor, now, note=note, passed=passed, attachments=files)


def _limits(fields: Mapping[str, str]) -> dict[str, float]:
    """The caps that were typed, as people write numbers.

    Raises:
        UserError: one that is no number.
    """
    typed = {name: fields[name].strip() for name in LIMIT_OPTIONS if fields.get(name, "").strip()}
    read = {name: found.value if (found := read_quantity(text)) else None for name, text in typed.items()}
    wrong = [typed[name] for name, value in read.items() if value is None]
    if wrong:
        raise UserError(Problem(say("{given} is not a number", given=given)) for given in wrong)
    return {name: value for name, value in read.items() if value is not None}


def _until(text: str, zone: ZoneInfo) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UserError(Problem(say("{given} is not a time", given=text))) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _page(site: Site, request: Request, campaign: str, name: str) -> Response:
    made, failed = known_checklist(site, campaign)
    item = _item(made, name)
    done = request.query_params.get("done") == "1"
    values: dict[str, Any] = {"problems": (), "failed": failed, "done": done, "given": _blank(site)}
    return site.page(request, "checklist_item.html", **_shown_with(site.workspace(), made, item), **values)


def _refused(
    site: Site, request: Request, campaign: str, name: str, given: Mapping[str, str], error: UserError
) -> Response:
    """The form as it was sent, under what is wrong; with the item, unless a locked store was never read before."""
    values: dict[str, Any] = {
        "problems": on_page(error),
        "failed": None,
        "done": False,
        "given": _blank(site) | dict(given),
    }
    try:
        with patience(0):
            made, _newer = known_checklist(site, campaign)
        values |= _shown_with(site.workspace(), made, _item(made, name))
    except StoreAway:
        values |= {"plan": site.workspace().plan(campaign), "item": None}
    return site.page(request, "checklist_item.html", status_of(error), **values)


def _item(made: Checklist, name: str) -> Item:
    item = next((item for item in made.items if item.id == name), None)
    if item is None:
        raise NotThere
    return item


def _blank(site: Site) -> dict[str, str]:
    until = (site.clock() + timedelta(days=WAIVED_DAYS)).astimezone(site.workspace().settings.zone)
    return dict.fromkeys(BLANKS, "") | {"until": until.strftime("%Y-%m-%dT%H:%M")}


def _shown(workspace: Workspace, made: Checklist, owner: str) -> dict[str, Any]:
    plan = workspace.plan(made.campaign)
    zone = workspace.settings.zone_of(plan)
    items = [item for item in made.items if owner in ("", item.owner)]
    groups = [(gate, [i for i in items if i.gate == gate.gate]) for gate in made.gates]
    return {
        "plan": plan,
        "checklist": made,
        "groups": [(gate, sorted(own, key=_urgency)) for gate, own in groups if own],
        "loose": [item for item in items if item.gate is None],
        "owners": ROLE_LABELS,
        "owner": owner,
        "states": STATE_LABELS,
        "said": signature_sentence,
        "decision": DECISION,
        "freezing": FREEZING,
        "left": sum(not item.done for item in made.items),
        "local": lambda moment: moment.astimezone(zone).strftime("%m-%d %H:%M"),
    }


def _shown_with(workspace: Workspace, made: Checklist, item: Item) -> dict[str, Any]:
    """What the page of one item shows; of a frozen plan the message that hands it over, too."""
    message = handover_text(workspace, made.campaign) if item.id == FREEZING and item.done else None
    return _shown(workspace, made, "") | {"item": item, "message": message}


def _urgency(item: Item) -> tuple[bool, bool, datetime]:
    """What is left first, stale before the rest, by when it is due."""
    return (item.done, item.state != "stale", item.due_at_utc)
