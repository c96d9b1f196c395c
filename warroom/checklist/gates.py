"""The page of a gate: what holds it shut, who has signed, and a role's own signature."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool

from campaign.errors import UserError
from campaign.readiness import Checklist, GateState, Role
from campaign.workspace import Workspace
from playbooks.readiness.acts import is_gate, known_role, sign_gate
from playbooks.readiness.labels import ROLE_LABELS, STATE_LABELS
from playbooks.readiness.pages import gate_sentence, signature_sentence
from warroom.checklist.known import known_checklist
from warroom.service.access import Person
from warroom.service.actors import actor_of, roles_of
from warroom.service.site import NotThere, Site, on_page, sent_form, status_of


class Signs(BaseModel):
    """A signature under a gate. role: needed only of who has several that the gate asks for."""

    role: Role | None = None


def gate_routes(site: Site) -> APIRouter:
    """One gate: read it, sign it."""
    router = APIRouter()

    @router.get("/campaigns/{campaign}/gates/{gate}", include_in_schema=False)
    def page(request: Request, campaign: str, gate: str) -> Response:
        return _page(site, request, campaign, gate)

    @router.post("/campaigns/{campaign}/gates/{gate}", include_in_schema=False)
    async def sign(request: Request, campaign: str, gate: str) -> Response:
        sent = await sent_form(request)
        return await run_in_threadpool(_signed, site, request, campaign, gate, sent.fields)

    @router.get("/api/campaigns/{campaign}/gates/{gate}")
    def as_json(request: Request, campaign: str, gate: str) -> GateState:
        """Whether the gate is open, what is missing, and its signatures."""
        site.person(request)
        return _state(site.review(campaign).checklist, gate)

    @router.post("/api/campaigns/{campaign}/gates/{gate}")
    def sign_as_json(request: Request, campaign: str, gate: str, given: Signs) -> GateState:
        """A role's signature under the gate, bound to what is there now."""
        _sign(site, site.program(request), campaign, gate, given.role)
        return _state(site.review(campaign).checklist, gate)

    return router


def _signed(site: Site, request: Request, campaign: str, gate: str, fields: dict[str, str]) -> Response:
    person = site.actor(request, fields)
    try:
        _sign(site, person, campaign, gate, known_role(fields.get("role") or None))
    except UserError as error:
        return _page(site, request, campaign, gate, error)
    return RedirectResponse(f"/campaigns/{campaign}/gates/{gate}?done=1", 303)


def _sign(site: Site, person: Person, campaign: str, gate: str, role: Role | None) -> None:
    workspace, now = site.workspace(), site.clock()
    actor = actor_of(person, workspace)
    if not is_gate(gate):
        raise NotThere
    site.record(campaign, now, lambda review: sign_gate(review, gate, actor, role, now))


def _page(site: Site, request: Request, campaign: str, gate: str, refused: UserError | None = None) -> Response:
    person, workspace = site.person(request), site.workspace()
    made, failed = known_checklist(site, campaign, patient=refused is None)
    state, plan = _state(made, gate), workspace.plan(campaign)
    zone = workspace.settings.zone_of(plan)
    left = [item for item in made.items if item.id in state.missing]
    owing = {item.owner for item in left}
    mine = _mine(person, workspace, state)
    values: dict[str, Any] = {
        "plan": plan,
        "gate": state,
        "stands": gate_sentence(state),
        "left": left,
        "mine": [role for role in mine if role not in owing],
        "owing": [role for role in mine if role in owing],
        "problems": on_page(refused) if refused else (),
        "failed": failed,
        "done": request.query_params.get("done") == "1",
        "said": signature_sentence,
        "owners": ROLE_LABELS,
        "states": STATE_LABELS,
        "local": lambda moment: moment.astimezone(zone).strftime("%m-%d %H:%M"),
    }
    return site.page(request, "gate.html", status_of(refused), **values)


def _mine(person: Person, workspace: Workspace, gate: GateState) -> list[Role]:
    """The roles whose signature is still missing and that this person could give."""
    roles = roles_of(person, workspace)
    return [signature.role for signature in gate.signatures if signature.state != "pass" and signature.role in roles]


def _state(made: Checklist, name: str) -> GateState:
    found = next((gate for gate in made.gates if gate.gate == name), None)
    if found is None:
        raise NotThere
    return found
