"""The page on which both sides agree on what the figures of a plan mean."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel, Field
from starlette.concurrency import run_in_threadpool

from campaign.errors import UserError
from campaign.language import say
from campaign.plan import Plan
from campaign.words import Words
from campaign.workspace import Workspace
from metrics.approvals import ROLES, STATES, State, approve, consenting_role, state_of
from metrics.archive import ARCHIVE
from metrics.definitions import Approval, Role
from metrics.dictionary import DICTIONARY, Dictionary, open_dictionary, require_metric
from metrics.sentences import sentences
from playbooks.readiness.gather import used_metric_ids
from playbooks.readiness.labels import ROLE_LABELS
from warroom.plans import revisions
from warroom.plans.file import one_writer
from warroom.service.access import Person
from warroom.service.actors import actor_of, roles_of
from warroom.service.site import Site, on_page, sent_form, status_of

LOG = logging.getLogger("surgeplan.definitions")
BADGES: dict[State, str] = {"agreed": "pass", "one-sided": "stale", "edited": "stale", "open": "pending"}


class Agreed(BaseModel):
    """Consent to the present meaning of some metrics. role: needed only of who has several that may agree."""

    metrics: tuple[str, ...] = Field(min_length=1, max_length=100)
    role: Literal["marketing", "ops", "data"] | None = None


class Definition(BaseModel):
    """One metric that the plan uses, in sentences. approvals: of its present id."""

    metric: str
    id: str
    title: Words
    means: tuple[Words, ...]
    state: State
    approvals: tuple[Approval, ...]


@dataclass(frozen=True)
class _Row:
    """A definition, and the roles in which whoever looks has not agreed on it yet."""

    told: Definition
    mine: tuple[Role, ...]


def definition_routes(site: Site) -> APIRouter:
    """Read what the plan's figures mean; agree on it."""
    router = APIRouter()

    @router.get("/campaigns/{campaign}/definitions", include_in_schema=False)
    def page(request: Request, campaign: str) -> Response:
        return _page(site, request, campaign)

    @router.post("/campaigns/{campaign}/definitions", include_in_schema=False)
    async def agree(request: Request, campaign: str) -> Response:
        sent = await sent_form(request)
        return await run_in_threadpool(_agreed, site, request, campaign, sent.fields)

    @router.get("/api/campaigns/{campaign}/definitions")
    def as_json(request: Request, campaign: str) -> tuple[Definition, ...]:
        """What the plan's figures mean, and who agreed."""
        site.person(request)
        workspace = site.workspace()
        return used_by(workspace.plan(campaign), open_dictionary(workspace))

    @router.post("/api/campaigns/{campaign}/definitions")
    def agree_as_json(request: Request, campaign: str, given: Agreed) -> tuple[Definition, ...]:
        """Agree on metrics in one's role."""
        _agree(site, site.program(request), campaign, given.metrics, given.role)
        workspace = site.workspace()
        return used_by(workspace.plan(campaign), open_dictionary(workspace))

    return router


def used_by(plan: Plan, dictionary: Dictionary) -> tuple[Definition, ...]:
    """The definitions of the metrics that the plan's figures use."""
    return tuple(_told(name, dictionary) for name in used_metric_ids(plan, dictionary))


def _told(name: str, dictionary: Dictionary) -> Definition:
    definition, present = dictionary.definitions[name], dictionary.ids[name]
    return Definition(
        metric=name,
        id=present,
        title=definition.title,
        means=tuple(Words.of(sentence) for sentence in sentences(name, dictionary)),
        state=state_of(name, dictionary),
        approvals=tuple(each for each in definition.approvals if each.id == present),
    )


def _agreed(site: Site, request: Request, campaign: str, fields: dict[str, str]) -> Response:
    person = site.actor(request, fields)
    metric, _, role = fields.get("agree", "").partition("@")
    try:
        _agree(site, person, campaign, (metric,), role or None)
    except UserError as error:
        return _page(site, request, campaign, error)
    return RedirectResponse(f"/campaigns/{campaign}/definitions?done=1", 303)


def _agree(site: Site, person: Person, campaign: str, names: tuple[str, ...], role: str | None) -> None:
    """Write the consent and commit it in that person's name; what git refuses is in the service's log.

    Raises:
        UserError: no such metric, a role that may not agree, or the same person for both sides.
    """
    workspace = site.workspace()
    plan, settings = workspace.plan(campaign), workspace.settings
    chosen = consenting_role(person.name, actor_of(person, workspace).roles, role)
    today = site.clock().astimezone(settings.zone).date()
    with one_writer(workspace.folder):
        _write(workspace, names, person, chosen, today)
    site.memory.doubt(plan.id)


def _write(workspace: Workspace, names: tuple[str, ...], person: Person, role: Role, today: date) -> None:
    dictionary = open_dictionary(workspace)
    metrics = [require_metric(dictionary, name) for name in names]
    if approve(workspace.folder, metrics, dictionary, person.name, role, today):
        subject = say("{name} agrees on {metrics}", name=person.name, metrics=", ".join(metrics))
        files = [workspace.folder / name for name in (DICTIONARY, ARCHIVE)]
        words = subject.speak(workspace.settings.language)
        for problem in revisions.keep(workspace.folder, files, person.name, words, ""):
            LOG.warning("%s: %s", words, problem)


def _page(site: Site, request: Request, campaign: str, refused: UserError | None = None) -> Response:
    person, workspace = site.person(request), site.workspace()
    plan = workspace.plan(campaign)
    rows = [_row(each, person, workspace) for each in used_by(plan, open_dictionary(workspace))]
    values: dict[str, Any] = {
        "plan": plan,
        "rows": rows,
        "problems": on_page(refused) if refused else (),
        "done": request.query_params.get("done") == "1",
        "states": STATES,
        "badges": BADGES,
        "owners": ROLE_LABELS,
    }
    return site.page(request, "definitions.html", status_of(refused), **values)


def _row(told: Definition, person: Person, workspace: Workspace) -> _Row:
    """Who agreed for one side cannot for the other."""
    if any(each.by == person.name for each in told.approvals):
        return _Row(told, ())
    given, roles = {each.role for each in told.approvals}, roles_of(person, workspace)
    return _Row(told, tuple(role for role in ROLES if role in roles and role not in given))
