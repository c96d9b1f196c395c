"""Locust's HTTP session with less to do for each visitor: what plain FastHttpUser does once, at start-up."""

from __future__ import annotations

from functools import lru_cache
from http.cookiejar import CookieJar
from typing import Any

from geventhttpclient.client import HTTPClientPool
from geventhttpclient.url import URL
from locust.contrib.fasthttp import FastHttpSession, LocustUserAgent

ADDRESSES_KEPT = 10_000


class Cookies(CookieJar):
    """A visitor's cookies: costs nothing until the target sets one."""

    holds_some = False

    def set_cookie(self, cookie: Any) -> None:
        self.holds_some = True
        super().set_cookie(cookie)

    def add_cookie_header(self, request: Any) -> None:
        if self.holds_some:
            super().add_cookie_header(request)

    def extract_cookies(self, response: Any, request: Any) -> None:
        headers = response.info()
        if "set-cookie" in headers or "set-cookie2" in headers:
            super().extract_cookies(response, request)

    def forget(self) -> None:
        if self.holds_some:
            self.clear()
            self.holds_some = False


class Address(URL):  # type: ignore[misc]
    """A parsed address whose parts are worked out once."""

    __slots__ = ("_host", "_port", "_text", "_uri")

    def __init__(self, url: Any = "", params: Any = None) -> None:
        super().__init__(url, params)
        self._text: str = super().__str__()
        self._host: str = super().host
        self._port: int | None = super().port
        self._uri: str = super().quoted_uri

    def __str__(self) -> str:
        return self._text

    @property
    def host(self) -> str:
        return self._host

    @property
    def port(self) -> int | None:
        return self._port

    @property
    def quoted_uri(self) -> str:
        return self._uri


address = lru_cache(ADDRESSES_KEPT)(Address)


class Agent(LocustUserAgent):  # type: ignore[misc]
    """Locust's agent, reading each address once however often it is asked for."""

    def urlopen(self, url: Any, *arguments: Any, **options: Any) -> Any:
        if options.get("params") is None:
            url = address(url)
        return super().urlopen(url, *arguments, **options)


class Session(FastHttpSession):  # type: ignore[misc]
    """Locust's session for one visitor at a time, on connections shared by all."""

    def __init__(self, base_url: str, pool: HTTPClientPool, headers: dict[str, str]) -> None:
        super().__init__(base_url=base_url, request_event=None, user=None, client_pool=pool)
        self.cookiejar = Cookies()
        self.client = Agent(client_pool=pool, cookiejar=self.cookiejar, max_retries=0, headers=headers)
