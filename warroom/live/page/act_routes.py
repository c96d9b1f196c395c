"""`/live/<id>/act`: one action with what is expected of it, and the tap that decides on it or asks for it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, get_args
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import AwareDatetime, BaseModel, Field
from starlette.concurrency import run_in_threadpool

from campaign.errors import Problem, UserError
from campaign.language import say
from campaign.numbers import percent, spoken
from campaign.store.database import patience
from campaign.store.events import Event
from campaign.words import Listed
from campaign.workspace import Workspace
from playbooks.readiness.acts import Actor
from playbooks.readiness.labels import ROLE_LABELS
from warroom.handed import campaign_events
from warroom.live.actions.log import acts_of
from warroom.live.actions.words import doubt_words, effect_words, outcome_words
from warroom.live.answers.levers import LeversAnswer, levers_answer, on_offer
from warroom.live.deciding.decisions import Verb, Wanted, may_decide, take
from warroom.live.deciding.levers import levers
from warroom.live.page.blocks import duration
from warroom.live.state import live_state
from warroom.service.access import Person
from warroom.service.actors import actor_of
from warroom.service.site import NotThere, Sent, Site, on_page, sent_form, status_of

VERBS: dict[str, Verb] = {verb: verb for verb in get_args(Verb)}
BLANKS = ("lever", "title", "amount", "until", "reason", "verb")
"""What the form sends."""
AMOUNTS = ("scale", "agents", "stagger")


class Given(BaseModel):
    """What a program wants done: decide on an action, ask for it, decline what was asked, or take a decision back."""

    lever: str = Field(max_length=300)
    verb: Verb
    reason: str = Field(max_length=2000)
    until: AwareDatetime | None = Field(
        default=None, description="for how long a floor is raised; until it is taken back if null"
    )


def act_routes(site: Site) -> APIRouter:
    """The page, and the same for programs."""
    router = APIRouter()

    @router.get("/live/{campaign}/act", include_in_schema=False)
    def page(request: Request, campaign: str, lever: str = "") -> Response:
        person = site.person(request)
        return _page(site, request, person, campaign, lever)

    @router.post("/live/{campaign}/act", include_in_schema=False)
    async def act(request: Request, campaign: str) -> Response:
        return await run_in_threadpool(_acted, site, request, campaign, await sent_form(request))

    @router.get("/api/campaigns/{campaign}/levers")
    def as_json(request: Request, campaign: str) -> LeversAnswer:
        """What can be done now, what was asked for, and every decision with what came of it."""
        site.person(request)
        return _on_offer(site.workspace(), campaign, site.clock())

    @router.post("/api/campaigns/{campaign}/act")
    def act_as_json(request: Request, campaign: str, given: Given) -> LeversAnswer:
        """Decide on an action, ask for it, decline what was asked, or take a decision back."""
        person = site.program(request)
        workspace, now = site.workspace(), site.clock()
        by = actor_of(person, workspace)
        take(workspace, campaign, given.verb, Wanted(given.lever, by, given.reason, now, given.until))
        return _on_offer(workspace, campaign, now)

    return router


def _on_offer(workspace: Workspace, campaign: str, now: datetime) -> LeversAnswer:
    return levers_answer(on_offer(workspace, campaign, now))


def _acted(site: Site, request: Request, campaign: str, sent: Sent) -> Response:
    person = site.actor(request, sent.fields)
    try:
        _take(site.workspace(), campaign, person, sent.fields, _named(sent.fields), site.clock())
    except UserError as error:
        return _refused(site, request, person, campaign, sent.fields, error)
    return RedirectResponse(f"/live/{campaign}?done=1#levers", 303)


def _refused(
    site: Site, request: Request, person: Person, campaign: str, given: Mapping[str, str], error: UserError
) -> Response:
    """The form as it was sent, under what is wrong; around it what is known of the action, if that can be read at once:
    whoever has waited for a locked store does not wait for it again.
    """
    values: dict[str, Any] = {
        "problems": on_page(error),
        "given": dict.fromkeys(BLANKS, "") | dict(given),
        "pressed": VERBS.get(given.get("verb", "")),
        "amounts": AMOUNTS,
    }
    try:
        with patience(0):
            known = _known(site.workspace(), campaign, given.get("lever", ""), site.clock(), person)
    except UserError:
        known = {"plan": site.workspace().plan(campaign), "lever": None, "decision": None, "asked": None}
    return site.page(request, "live_act.html", status_of(error), **values, **known)


def _named(fields: dict[str, str]) -> str:
    """The action, with the number that was typed instead of the one offered."""
    lever, amount = fields.get("lever", ""), fields.get("amount", "").strip()
    if amount and lever.partition(":")[0] in AMOUNTS:
        return f"{lever.rpartition(':')[0]}:{amount}"
    return lever


def _take(
    workspace: Workspace, campaign: str, person: Person, fields: dict[str, str], lever: str, now: datetime
) -> Event:
    verb = VERBS.get(fields.get("verb", ""))
    if verb is None:
        raise UserError(Problem(say("{name} is not something that can be done", name=fields.get("verb", ""))))
    by = actor_of(person, workspace)
    until = _until(fields.get("until", ""), workspace.settings.zone_of(workspace.plan(campaign)))
    return take(workspace, campaign, verb, Wanted(lever, by, fields.get("reason", "").strip(), now, until))


def _until(typed: str, zone: ZoneInfo) -> datetime | None:
    """A time of the campaign's clock; None where none was typed."""
    if not typed.strip():
        return None
    try:
        moment = datetime.fromisoformat(typed.strip())
    except ValueError as error:
        raise UserError(Problem(say("{given} is not a time", given=typed), key="until")) from error
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)


def _page(site: Site, request: Request, person: Person, campaign: str, name: str) -> Response:
    """One action; where it is not offered any more, what was decided on it."""
    known = _known(site.workspace(), campaign, name, site.clock(), person)
    if not any(known[key] for key in ("lever", "decision", "asked")):
        raise NotThere
    given = dict.fromkeys(BLANKS, "") | {"lever": name, "reason": known["why"]}
    if known["decision"]:
        given["lever"] = known["decision"].lever
    return site.page(request, "live_act.html", problems=(), given=given, pressed=None, amounts=AMOUNTS, **known)


def _known(workspace: Workspace, campaign: str, name: str, now: datetime, person: Person) -> dict[str, Any]:
    """What the page says of an action, and whether this person's tap decides."""
    plan = workspace.plan(campaign)
    zone = workspace.settings.zone_of(plan)
    state = live_state(workspace, campaign, now)
    acts = acts_of(campaign_events(workspace, campaign), campaign)
    lever = next((each for each in levers(workspace, state) if each.id == name), None)
    decision = acts.decision(name, now) or (acts.standing(lever.kind, lever.subject, now) if lever else None)
    asked = acts.asked(name)
    first = next((alert for alert in state.alerts if alert.open), None)
    return {
        "plan": plan,
        "lever": lever,
        "decision": decision,
        "asked": asked,
        "decides": any(_may(workspace, each.kind, person) for each in (lever, decision, asked) if each is not None),
        "deciders": Listed([ROLE_LABELS[role] for role in lever.decides]) if lever else None,
        "why": asked.reason if asked else first.title if first else "",
        "words": lambda effect: effect_words(effect, now, zone),
        "outcome": outcome_words,
        "doubt": doubt_words,
        "local": lambda moment: moment.astimezone(zone).strftime("%m-%d %H:%M"),
        "percent": percent,
        "spoken": spoken,
        "works_in": duration(timedelta(hours=lever.hours)) if lever else None,
        "currency": workspace.settings.currency,
    }  # fmt: skip


def _may(workspace: Workspace, kind: Any, person: Person) -> bool:
    """Whether this person's tap decides; others ask."""
    if not person.acts:
        return False
    try:
        by: Actor = actor_of(person, workspace)
    except UserError:
        return False
    return may_decide(workspace, kind, by) is not None
