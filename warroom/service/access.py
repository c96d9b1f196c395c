"""Who is asking: nobody beyond this machine, a signed link with a role, or a proxy that has checked.

Three modes: `local` answers loopback only and lets people say who they are; `links` lets in whoever holds a signed link
that has not expired; `proxy` believes one header of the gateway in front (which must remove it from what comes in).
"""

from __future__ import annotations

import ipaddress
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from itsdangerous import BadData, URLSafeTimedSerializer

from campaign.errors import Problem, UserError
from campaign.language import Text, say
from playbooks.readiness.labels import ROLE_LABELS

Mode = Literal["local", "links", "proxy"]
ROLE_NAMES: dict[str, Text] = {str(role): label for role, label in ROLE_LABELS.items()} | {"viewer": say("viewer")}
ROLES = tuple(ROLE_NAMES)
SECRET = "state/warroom.secret"
PROXY_HEADER = "x-forwarded-user"
SESSION_HOURS = 7 * 24
FEED_DAYS = 180


@dataclass(frozen=True)
class Person:
    """Whoever is asking: the name that acts are signed with, and the role."""

    name: str
    role: str

    @property
    def acts(self) -> bool:
        """Whether this person may change anything."""
        return bool(self.name) and self.role != "viewer"


NOBODY = Person("", "viewer")


@dataclass(frozen=True)
class Door:
    """How people get in. `roles` maps names to roles (surgeplan.yaml); `secret` signs links, sessions and forms."""

    mode: Mode
    secret: str
    roles: Mapping[str, str]

    def link(self, name: str, role: str, hours: float) -> str:
        """The token of a link that lets one person in until it expires."""
        return self._signer("link").dumps({"name": name, "role": role, "hours": hours})

    def enter(self, token: str) -> Person | None:
        """Who a link is for; None where it was altered or has expired."""
        signer = self._signer("link")
        try:
            hours = float(signer.loads(token)["hours"])
            told = signer.loads(token, max_age=round(hours * 3600))
        except (BadData, KeyError, TypeError, ValueError):
            return None
        return Person(str(told["name"]), str(told["role"]))

    def feed(self, campaign: str) -> str:
        """The token of a campaign's calendar: it lets a calendar read, and nobody in."""
        return self._signer("calendar").dumps(campaign)

    def feed_of(self, token: str) -> str | None:
        """The campaign whose calendar a token opens; None where it was altered or has expired."""
        try:
            return str(self._signer("calendar").loads(token, max_age=FEED_DAYS * 86400))
        except BadData:
            return None

    def session(self, person: Person) -> str:
        return self._signer("session").dumps([person.name, person.role])

    def person(self, cookie: str, headers: Mapping[str, str]) -> Person | None:
        """Who sends a request; None where a link or the gateway's header is needed first."""
        if self.mode == "proxy":
            name = headers.get(PROXY_HEADER, "").strip()
            return Person(name, self.roles.get(name, "viewer")) if name else None
        try:
            name, role = self._signer("session").loads(cookie, max_age=SESSION_HOURS * 3600)
        except (BadData, TypeError, ValueError):
            return NOBODY if self.mode == "local" else None
        return Person(str(name), str(role))

    def form_token(self, browser: str) -> str:
        """What every form carries, so that no other site can send it (double-submit, bound to the browser's cookie)."""
        return self._signer("form").dumps(browser)

    def form_is_ours(self, token: str, browser: str) -> bool:
        try:
            told = self._signer("form").loads(token, max_age=SESSION_HOURS * 3600)
        except BadData:
            return False
        return bool(browser) and secrets.compare_digest(str(told), browser)

    def _signer(self, purpose: str) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self.secret, salt=f"surgeplan-{purpose}")


def refuse_open_doors(host: str, mode: Mode) -> None:
    """Beyond loopback somebody must be asked who they are.

    Raises:
        UserError: `local` mode on an address that others reach.
    """
    if mode == "local" and not is_loopback(host):
        what = say("{host} can be reached by others, and nobody would be asked who they are", host=host)
        todo = say("choose --auth links or --auth proxy, or listen on 127.0.0.1")
        raise UserError(Problem(what, todo, key="--host"))


def is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def secret_of(folder: Path) -> str:
    """SURGEPLAN_SECRET, or the workspace's own, made once and readable by its owner only (state/ is not in git)."""
    given = os.environ.get("SURGEPLAN_SECRET", "")
    if given:
        return given
    path = folder / SECRET
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text("ascii").strip()
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_hex(32))
    return path.read_text("ascii").strip()
