"""JSON over HTTP for sources: one request, its failures sorted into those that may pass and those that will not."""

from __future__ import annotations

import json
import os
import socket
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from email.message import Message
from typing import Any

from campaign.errors import Problem, UserError
from campaign.language import Text, say
from metrics.sources.retries import Passing

TIMEOUT_SECONDS = 60.0
MAY_PASS = (408, 429, 500, 502, 503, 504)


def secret(name: str) -> str:
    """A secret from the environment.

    Raises:
        UserError: it is not set.
    """
    value = os.environ.get(name, "")
    if not value:
        todo = say("export {name}=… before pulling; secrets are never read from files", name=name)
        raise UserError(
            Problem(say("the environment has no {name}", name=name), todo, file="surgeplan.yaml", key="sources")
        )
    return value


def ask_json(
    url: str,
    *,
    form: Mapping[str, str] | None = None,
    document: object = None,
    token: str | None = None,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> dict[str, Any]:
    """The JSON object that a GET, or a POST of a form or a document, answers with.

    Raises:
        Passing: no connection, a timeout, or a status that may pass.
        UserError: the server refuses, or does not answer in JSON.
    """
    headers = {"Accept": "application/json"}
    data = None
    if form is not None:
        data = urllib.parse.urlencode(form).encode()
    elif document is not None:
        data = json.dumps(document).encode()
        headers["Content-Type"] = "application/json; charset=utf-8"
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if not url.startswith(("http://", "https://")):
        raise UserError(Problem(say("{url} is not an http address", url=url), file="surgeplan.yaml", key="sources"))
    request = urllib.request.Request(url, data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=timeout_seconds) as response:
            body = response.read()
    except urllib.error.HTTPError as error:
        with error:
            raise _refusal(url, error.code, error.read(2000).decode("utf-8", "replace"), error.headers) from error
    except (urllib.error.URLError, TimeoutError, ConnectionError) as error:
        raise Passing(say("{place}: {reason}", place=_place(url), reason=_away(error))) from error
    try:
        answer = json.loads(body)
    except ValueError as error:
        raise UserError(Problem(say("does not answer in JSON"), say("check the address"), file=_place(url))) from error
    if not isinstance(answer, dict):
        raise UserError(Problem(say("does not answer in JSON"), say("check the address"), file=_place(url)))
    return answer


def _refusal(url: str, status: int, body: str, headers: Message) -> Exception:
    if status in MAY_PASS:
        wait = headers.get("Retry-After", "")
        return Passing(f"{_place(url)}: HTTP {status}", float(wait) if wait.isdigit() else None)
    what = say("answers HTTP {status}: {reason}", status=status, reason=_reason(body))
    return UserError(Problem(what, say("check address, query and credentials"), file=_place(url)))


def _away(error: Exception) -> Text | str:
    """Why nobody answers; what is rare is told as the system says it."""
    cause = getattr(error, "reason", error)
    if isinstance(cause, TimeoutError):
        return say("no answer in time")
    if isinstance(cause, ConnectionRefusedError):
        return say("connection refused")
    return say("no such host") if isinstance(cause, socket.gaierror) else str(cause)


def _reason(body: str) -> str:
    """The server's own words, where it gave any in JSON."""
    try:
        answer = json.loads(body)
    except ValueError:
        return body.strip()[:200] or "-"
    words = answer.get("error") or answer.get("msg") if isinstance(answer, dict) else None
    return str(words or body)[:300]


def _place(url: str) -> str:
    """The address without what may be secret in it."""
    parts = urllib.parse.urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "") + parts.path
