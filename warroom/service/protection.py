"""What stands between the pages and the network: bounded bodies, a rate limit, and headers that browsers heed."""

from __future__ import annotations

import time
from asyncio import Semaphore
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse, JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from campaign.language import Text, say
from campaign.pages import render
from campaign.store.database import patience

BODY_BYTES_MAX = 8 * 1024 * 1024
CLIENTS_REMEMBERED = 10_000
WRITES_AT_ONCE = 2
PATIENCE_MS = 1_000
"""How long a page waits for a store that another program has locked: who taps is told soon, and may tap again."""
CHANGE_NOTHING = ("/preview", "/problems")
"""How the paths of forms end that are only asked about."""
CONTENT_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": CONTENT_POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}


class SafeHeaders:
    """Adds the headers to every answer; pages are not kept by anything in between."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await self.app(scope, receive, with_headers if scope["type"] == "http" else send)


class BoundedBodies:
    """Refuses bodies over the bound before they are read, and those that hide their length once they pass it."""

    def __init__(self, app: ASGIApp, most: int = BODY_BYTES_MAX) -> None:
        self.app, self.most = app, most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        told = next((v for k, v in scope["headers"] if k == b"content-length"), b"0")
        if told.isdigit() and int(told) > self.most:
            return await self._too_large(scope, receive, send)
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self.most:
                raise _TooLarge
            return message

        try:
            return await self.app(scope, counted, send)
        except _TooLarge:
            return await self._too_large(scope, receive, send)

    async def _too_large(self, scope: Scope, receive: Receive, send: Send) -> None:
        text = say("larger than {n} MB: nothing was read", n=self.most // 1024**2)
        await refusal(scope, text, 413)(scope, receive, send)


def refusal(scope: Scope, text: Text, status: int) -> Response:
    """A sentence of those who stand before the pages: as JSON for programs, else with the way back."""
    if scope["path"].startswith("/api/"):
        return JSONResponse({"detail": str(text)}, status)
    came_from = urlsplit(Headers(scope=scope).get("referer", "")).path
    return HTMLResponse(render("warroom", "refusal.html", what=text, back="/" + came_from.lstrip("/")), status)


class _TooLarge(Exception):
    pass


class WritesInTurn:
    """So many changes are worked on at once, the others wait for their turn: a burst of them leaves reads theirs.

    A body is read to its end before its turn comes, so that a slow phone holds nobody up. What CHANGE_NOTHING
    names waits for no turn.
    """

    def __init__(self, app: ASGIApp, at_once: int = WRITES_AT_ONCE) -> None:
        self.app, self.turns = app, Semaphore(at_once)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in ("GET", "HEAD") or scope["path"].endswith(CHANGE_NOTHING):
            return await self.app(scope, receive, send)
        read = await _to_the_end(receive)

        async def again() -> Message:
            return read.popleft() if read else await receive()

        async with self.turns:
            return await self.app(scope, again, send)


class Patient:
    """Whatever is asked for over the network waits no longer for a locked store than PATIENCE_MS."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with patience(PATIENCE_MS):
            await self.app(scope, receive, send)


async def _to_the_end(receive: Receive) -> deque[Message]:
    read = deque([await receive()])
    while read[-1].get("more_body", False):
        read.append(await receive())
    return read


@dataclass
class Bucket:
    """A token bucket: `per_minute` on average, as many at once."""

    per_minute: float
    tokens: float = field(init=False)
    at: float = 0.0

    def __post_init__(self) -> None:
        self.tokens = self.per_minute

    def take(self, now: float) -> bool:
        self.tokens = min(self.per_minute, self.tokens + (now - self.at) * self.per_minute / 60)
        self.at = now
        if self.tokens < 1:
            return False
        self.tokens -= 1
        return True


class RateLimit:
    """So many reads and writes a minute from one address (an office or a gateway shares one)."""

    def __init__(
        self,
        app: ASGIApp,
        reads_per_minute: float = 6000,
        writes_per_minute: float = 600,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.app, self.clock = app, clock
        self.limits = {"read": reads_per_minute, "write": writes_per_minute}
        self.buckets: OrderedDict[tuple[str, str], Bucket] = OrderedDict()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._passes(scope):
            return await self.app(scope, receive, send)
        text = say("too many requests: wait a minute")
        answer = refusal(scope, text, 429)
        answer.headers["retry-after"] = "60"
        return await answer(scope, receive, send)

    def _passes(self, scope: Scope) -> bool:
        kind = "read" if scope["method"] in ("GET", "HEAD") else "write"
        key = ((scope.get("client") or ("?", 0))[0], kind)
        bucket = self.buckets.pop(key, None) or Bucket(self.limits[kind], at=self.clock())
        self.buckets[key] = bucket
        if len(self.buckets) > CLIENTS_REMEMBERED:
            self.buckets.popitem(last=False)
        return bucket.take(self.clock())
