"""What every page needs: the workspace it shows, the clock, who is asking, and how a template becomes an answer."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from campaign.errors import Problem, UserError
from campaign.language import LANGUAGES, Language, say
from campaign.pages import render
from campaign.store.database import StoreAway
from campaign.store.events import Act, Event
from campaign.workspace import Workspace
from playbooks.readiness.acts import Actor
from playbooks.readiness.freeze import hand_over
from playbooks.readiness.publish import Review
from playbooks.readiness.record import record
from warroom.service.access import ROLE_NAMES, Door, Person
from warroom.service.memory import Memory
from warroom.service.revalidation import is_known, not_modified, tag_of, tagged
from warroom.service.troubles import Troubles

BROWSER_COOKIE, SESSION_COOKIE, LANGUAGE_COOKIE = "surgeplan_browser", "surgeplan_session", "surgeplan_lang"
FORM_TOKEN = "form_token"
AGAIN_SECONDS = 15
"""How soon a page of the war room that could not be shown, or one that waits for something, asks again by itself."""
NOT_YET_SECONDS = 3
"""How soon who was told "not yet" asks again."""
NOT_WRITTEN = Problem(
    say("Nothing was written yet, because another program holds the store or it does not answer: tap again.")
)
"""What is said above a form that keeps what was typed."""
NOT_YET: dict[int | str, dict[str, Any]] = {
    503: {"description": "being learned: ask again after `Retry-After` seconds"}
}
FORM_TYPES = ("", "application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
A_FILE: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
"""What OpenAPI says of a file that is sent as it is."""


class Unknown(Exception):
    """Nobody has said who is asking, and this door wants to know."""


class NotAllowed(Exception):
    """This person may look but not do that, or the form is not ours."""


class NotThere(Exception):
    """There is no such page, campaign or file."""


class NotYet(UserError):
    """What is asked for is being made: who asks again soon has it."""


@dataclass(frozen=True)
class Site:
    """One workspace behind one door. `clock` gives the present, in UTC."""

    folder: Path
    door: Door
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    memory: Memory = field(default_factory=Memory)
    troubles: Troubles = field(default_factory=Troubles)

    def workspace(self, *, patient: bool = True) -> Workspace:
        """The workspace as it is on disk now; its plans may have been edited elsewhere."""
        return self.memory.workspace(self.folder, patient=patient)

    def review(self, campaign: str, *, patient: bool = True) -> Review:
        """A campaign's checklist as it stands; without patience, as it stood a moment ago or while it is made anew."""
        return self.memory.review(self.workspace(patient=patient), campaign, self.clock(), patient=patient)

    def known_review(self, campaign: str) -> Review | None:
        """A campaign's checklist as it was last made, for who cannot be shown a newer one; None where it never was."""
        return self.memory.known_review(campaign)

    def record(self, campaign: str, now: datetime, act: Callable[[Review], Act]) -> Event:
        """Do an act on a campaign's checklist.

        Raises:
            UserError: the act is refused, or the log was edited or cannot be written.
        """
        event = record(self.workspace(), campaign, now, act, self.memory.files)
        self.memory.doubt(campaign)
        return event

    def hand_over(self, campaign: str, now: datetime, actor: Actor) -> None:
        """Freeze a campaign's plan and model, and write the message that hands them over.

        Raises:
            UserError: there is nothing to freeze, or the log was edited, or something cannot be written.
        """
        hand_over(self.workspace(), campaign, actor, now)
        self.memory.doubt(campaign)

    def person(self, request: Request) -> Person:
        """Whoever sends this request.

        Raises:
            Unknown: the door wants a link or a gateway's header first.
        """
        cookie = request.cookies.get(SESSION_COOKIE, "")
        person = self.door.person(cookie, request.headers)
        if person is None:
            raise Unknown
        return person

    def actor(self, request: Request, form: Mapping[str, Any]) -> Person:
        """The person behind a form that changes something.

        Raises:
            NotAllowed: the form was not made here for this browser, or this person may only look.
        """
        browser = request.cookies.get(BROWSER_COOKIE, "")
        if not self.door.form_is_ours(str(form.get(FORM_TOKEN, "")), browser):
            raise NotAllowed(say("this form has expired or was not made here: go back, reload the page and try again"))
        return self._acting(request)

    def program(self, request: Request) -> Person:
        """The person behind a change that a program sends; only JSON, which no form of another site can send.

        Raises:
            NotAllowed: not JSON, or this person may only look.
        """
        if _kind(request) != "application/json":
            raise NotAllowed(say("send application/json"))
        return self._acting(request)

    def carrier(self, request: Request) -> Person:
        """The person behind a file that a program sends as it is, of a type that no form of another site can send.

        Raises:
            NotAllowed: a type that forms have, or this person may only look.
        """
        if _kind(request) in FORM_TYPES:
            raise NotAllowed(say("send the file itself as application/octet-stream"))
        return self._acting(request)

    def _acting(self, request: Request) -> Person:
        person = self.person(request)
        if not person.acts:
            raise NotAllowed(say("say who you are first (top of the page); viewers can only look"))
        return person

    def page(
        self, request: Request, template: str, status: int = 200, *, again: Sequence[str] | None = None, **values: Any
    ) -> Response:
        """A page in the reader's language, with the token its forms need.

        again: of a page that is looked at again and again, which is sent only when it says something new: what in it
        is no news, such as other tokens. That of the forms never is: an older one works for days.
        """
        browser = request.cookies.get(BROWSER_COOKIE, "") or secrets.token_urlsafe(24)
        token = self.door.form_token(browser)
        text = render(
            "warroom",
            template,
            person=self.door.person(request.cookies.get(SESSION_COOKIE, ""), request.headers),
            role_names=ROLE_NAMES,
            mode=self.door.mode,
            form_token=token,
            path=request.url.path,
            **values,
        )
        answer = HTMLResponse(text, status)
        if BROWSER_COOKIE not in request.cookies:
            keep(answer, request, BROWSER_COOKIE, browser)
        elif again is not None:
            tag = tag_of(without(text, (token, *again)))
            return not_modified(tag) if is_known(request, tag) else tagged(answer, tag)
        return answer

    def sentence(self, request: Request, what: object, status: int) -> Response:
        """One sentence instead of a page, as JSON where a program asked."""
        if request.url.path.startswith("/api/"):
            return JSONResponse({"detail": str(what)}, status)
        waits = status == 503 or request.url.path.startswith("/live/")
        again = AGAIN_SECONDS if request.method == "GET" and waits else None
        return self.page(request, "sentence.html", status, what=what, again_seconds=again)


@dataclass(frozen=True)
class Sent:
    """A form read to its end: text fields, and the file in it (empty name where there is none)."""

    fields: dict[str, str]
    file_name: str
    content: bytes


async def sent_form(request: Request) -> Sent:
    """The fields and the one file of a form; temporary files are closed before anything is done with them."""
    async with request.form() as form:
        fields = {key: value for key, value in form.items() if isinstance(value, str)}
        upload = form.get("file")
        if isinstance(upload, UploadFile) and upload.filename:
            return Sent(fields, upload.filename, await upload.read())
        return Sent(fields, "", b"")


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def without(text: str, parts: Sequence[str]) -> str:
    for part in parts:
        text = text.replace(part, "")
    return text


def on_page(error: UserError) -> tuple[Problem, ...]:
    """What is said above a form that was refused, without the options that the command line calls its fields."""
    if isinstance(error, StoreAway):
        return (NOT_WRITTEN,)
    return tuple(replace(each, key="") if each.key.startswith("--") else each for each in error.problems)


def status_of(refused: UserError | None) -> int:
    """How a page answers that is shown again above what was refused; None: nothing was."""
    if refused is None:
        return 200
    return 503 if isinstance(refused, StoreAway) else 422


def keep(answer: Response, request: Request, name: str, value: str) -> None:
    """A cookie for this site only, unreadable to scripts, over TLS where the page came over TLS."""
    answer.set_cookie(
        name, value, max_age=7 * 86400, httponly=True, samesite="lax", secure=request.url.scheme == "https"
    )


def chosen_language(asked: str, cookie: str, workspaces: Language) -> Language:
    """`?lang=`, else what this browser chose before, else the workspace's."""
    return next((known for given in (asked, cookie, workspaces) for known in LANGUAGES if known == given), workspaces)
