"""`/live/<id>`: the war room on a phone, the same for programs, and what a page that is open asks for."""

from __future__ import annotations

from functools import partial
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter, Request
from fastapi.responses import Response
from markupsafe import Markup

from campaign.language import current_language
from playbooks.readiness.labels import ROLE_LABELS
from warroom.live.answers.room import RoomAnswer, room_answer
from warroom.live.page.blocks import DESKS, Asked, asked_of, blocks, charted, charts_of
from warroom.live.page.changed import Changed
from warroom.live.room.war_room import WarRoom
from warroom.live.room.watching import Failed, Seen, View, Watching
from warroom.service.access import Person
from warroom.service.revalidation import is_known, not_modified, quoted, tag_of, tagged, zipped
from warroom.service.site import BROWSER_COOKIE, Site


def live_routes(site: Site, watching: Watching) -> APIRouter:
    """The page of one campaign."""
    router, changed = APIRouter(), Changed()

    @router.get("/live/{campaign}", include_in_schema=False)
    def page(request: Request, campaign: str, desk: str = "", service: str = "", done: str = "") -> Response:
        person = site.person(request)
        seen = watching.look(campaign, now_at_least=bool(done))
        asked, view = _view(seen, desk, service)
        tag = _framed(view, person) if BROWSER_COOKIE in request.cookies else ""
        if tag and is_known(request, tag):
            return not_modified(tag)
        query = urlencode({"desk": asked.desk, "service": asked.service})
        values: dict[str, Any] = {
            "plan": seen.room.plan,
            "asked": asked,
            "desks": DESKS,
            "roles": ROLE_LABELS,
            "query": query,
        }
        answer = site.page(request, "live.html", blocks=Markup(view.text), tag=quoted(view.tag), **values)
        return tagged(answer, tag) if tag else answer

    @router.get("/live/{campaign}/blocks", include_in_schema=False)
    def part(request: Request, campaign: str, desk: str = "", service: str = "", since: str = "") -> Response:
        """The blocks that changed since the view with that tag; all without one."""
        site.person(request)
        _, view = _view(watching.look(campaign), desk, service)
        if is_known(request, view.tag) or since == view.tag:
            return not_modified(view.tag)
        return tagged(zipped(request, changed.since(since, view), "text/html"), view.tag)

    @router.get(
        "/api/campaigns/{campaign}/live", response_model=RoomAnswer, responses={304: {"description": "As known"}}
    )
    def as_json(request: Request, campaign: str, minutes: str = "") -> Response:
        """The war room as it is now; `minutes` names a service (or `total`) whose series are wanted. With the `ETag` of
        an earlier answer in `If-None-Match` it is answered with 304 while nothing has changed."""
        site.person(request)
        seen = watching.look(campaign)
        service = minutes if minutes in seen.room.state.minutes else ""
        view = seen.view((current_language(), "json", service), partial(_json, service))
        if is_known(request, view.tag):
            return not_modified(view.tag)
        return tagged(zipped(request, view.text, "application/json"), view.tag)

    return router


def _json(service: str, room: WarRoom, failed: Failed | None) -> str:
    return room_answer(service, room, failed).model_dump_json()


def _view(seen: Seen, desk: str, service: str) -> tuple[Asked, View]:
    """What the address asks for, in the reader's language."""
    asked, language = asked_of(seen.room, desk, service), current_language()
    of = charted(asked, seen.room)
    charts = seen.view((language, "charts", of), partial(charts_of, of))
    return asked, seen.view((language, asked), partial(blocks, asked, charts.text))


def _framed(view: View, person: Person) -> str:
    """The tag of the page with its frame, which names who reads it."""
    return tag_of(view.tag, current_language(), person.name, person.role)
