"""The door itself: who you are, the link that lets you in, the language; and what a watcher of the service reads."""

from __future__ import annotations

from fastapi import APIRouter, Form, Request
from fastapi.responses import PlainTextResponse, RedirectResponse, Response

from campaign.errors import Problem, UserError
from campaign.language import LANGUAGES, say
from warroom.service.access import ROLES, Person
from warroom.service.site import (
    BROWSER_COOKIE,
    FORM_TOKEN,
    LANGUAGE_COOKIE,
    SESSION_COOKIE,
    NotAllowed,
    NotThere,
    Site,
    Unknown,
    keep,
)

NAME_MAX = 60


def door_routes(site: Site) -> APIRouter:
    """Pages that say who somebody is, and the health check."""
    router = APIRouter(include_in_schema=False)

    @router.get("/me")
    def me(request: Request) -> Response:
        if site.door.mode != "local":
            raise NotThere
        return site.page(request, "me.html", roles=ROLES)

    @router.post("/me")
    def that_is_me(
        request: Request, name: str = Form(), role: str = Form(), form_token: str = Form(alias=FORM_TOKEN)
    ) -> Response:
        if site.door.mode != "local":
            raise NotThere
        if not site.door.form_is_ours(form_token, request.cookies.get(BROWSER_COOKIE, "")):
            raise NotAllowed(say("this form has expired or was not made here: go back, reload the page and try again"))
        if not 0 < len(name.strip()) <= NAME_MAX or role not in ROLES:
            raise UserError(Problem(say("write a name of at most {n} letters and choose a role", n=NAME_MAX)))
        return _entered(site, request, Person(name.strip(), role))

    @router.get("/enter")
    def enter(request: Request, token: str) -> Response:
        person = site.door.enter(token) if site.door.mode == "links" else None
        if person is None:
            raise Unknown
        return _entered(site, request, person)

    @router.get("/language/{language}")
    def language(request: Request, language: str, back: str = "/") -> Response:
        if language not in LANGUAGES:
            raise NotThere
        answer = RedirectResponse(back if back.startswith("/") and not back.startswith(("//", "/\\")) else "/", 303)
        keep(answer, request, LANGUAGE_COOKIE, language)
        return answer

    @router.get("/healthz")
    def healthz() -> Response:
        """200 while the workspace can be read; its problems otherwise."""
        try:
            site.workspace()
        except UserError as error:
            return PlainTextResponse(f"{error}\n", 503)
        return PlainTextResponse("ok\n")

    return router


def _entered(site: Site, request: Request, person: Person) -> Response:
    answer = RedirectResponse("/", 303)
    keep(answer, request, SESSION_COOKIE, site.door.session(person))
    return answer
