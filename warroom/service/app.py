"""The web service put together: doors, protections, languages, and the routers of each page."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from urllib.parse import parse_qs

from fastapi import APIRouter, FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.staticfiles import StaticFiles
from prometheus_client import CollectorRegistry
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Receive, Scope, Send

from campaign.errors import UserError
from campaign.language import say, use_language
from campaign.store.database import StoreAway
from warroom.plans.file import ChangedMeanwhile
from warroom.service.protection import BODY_BYTES_MAX, BoundedBodies, Patient, RateLimit, SafeHeaders, WritesInTurn
from warroom.service.site import (
    LANGUAGE_COOKIE,
    NOT_YET_SECONDS,
    NotAllowed,
    NotThere,
    NotYet,
    Site,
    Unknown,
    chosen_language,
)
from warroom.service.watched import Counted

STATIC = Path(__file__).parent.parent / "static"
LOOPBACK_NAMES = ["localhost", "127.0.0.1", "[::1]"]


def make_app(site: Site, routers: Sequence[APIRouter], registry: CollectorRegistry) -> FastAPI:
    """The service for one workspace."""
    app = FastAPI(title="surgeplan", version=version("surgeplan"), docs_url=None, redoc_url=None)
    for router in routers:
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=STATIC))
    _answer_refusals(app, site)
    app.add_middleware(Patient)
    app.add_middleware(WritesInTurn)
    app.add_middleware(BoundedBodies, most=BODY_BYTES_MAX)
    app.add_middleware(RateLimit)
    app.add_middleware(Languages, site=site)
    if site.door.mode == "local":  # a page elsewhere cannot reach in by a name of its own that points here
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*LOOPBACK_NAMES, "testserver"])
    app.add_middleware(SafeHeaders)
    app.add_middleware(Counted, registry=registry)
    return app


class Languages:
    """Every request is answered in the language its browser chose, else the workspace's."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self.app, self.site = app, site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            asked = parse_qs(scope["query_string"].decode("latin-1")).get("lang", [""])[0]
            cookie = cookie_parser(Headers(scope=scope).get("cookie", "")).get(LANGUAGE_COOKIE, "")
            use_language(chosen_language(asked, cookie, self.site.memory.language(self.site.folder)))
        await self.app(scope, receive, send)


def _answer_refusals(app: FastAPI, site: Site) -> None:
    """Refusals become sentences; anything else is our bug and stays one."""

    @app.exception_handler(UserError)
    def refused(request: Request, error: UserError) -> Response:
        return site.sentence(request, error, 409 if isinstance(error, ChangedMeanwhile) else 422)

    @app.exception_handler(NotYet)
    @app.exception_handler(StoreAway)
    def not_yet(request: Request, error: UserError) -> Response:
        answer = site.sentence(request, error, 503)
        answer.headers["retry-after"] = str(NOT_YET_SECONDS)
        return answer

    @app.exception_handler(Unknown)
    def unknown(request: Request, error: Unknown) -> Response:
        return site.sentence(request, say("open the link you were given: this page wants to know who you are"), 401)

    @app.exception_handler(NotAllowed)
    def not_allowed(request: Request, error: NotAllowed) -> Response:
        return site.sentence(request, error.args[0], 403)

    @app.exception_handler(NotThere)
    @app.exception_handler(404)
    def not_there(request: Request, error: Exception) -> Response:
        return site.sentence(request, say("there is nothing at this address"), 404)

    @app.exception_handler(HTTPException)
    def other(request: Request, error: HTTPException) -> Response:
        return site.sentence(request, error.detail, error.status_code)

    @app.exception_handler(RequestValidationError)
    def misformed(request: Request, error: RequestValidationError) -> Response:
        what = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        return site.sentence(request, what, 422)
