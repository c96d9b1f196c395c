"""A first draft of journeys from a HAR file that a browser recorded (HTTP Archive 1.2).

Requests are dealt out to the stages of the funnel in the order of the recording: a stage begins with the first request
of its endpoint. What browsers load for display is left out, and so is what must not stand in a file: cookies, tokens,
passwords. The draft is the SRE's to correct.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from campaign.documents import read_utf8
from campaign.errors import Problem, UserError
from campaign.language import say
from loadtest.scenario import ScenarioStage

DISPLAY = re.compile(r"\.(css|js|mjs|map|png|jpe?g|gif|svg|webp|avif|ico|woff2?|ttf|mp4|webm)$", re.I)
SECRET = re.compile(r"pass|secret|token|otp|captcha|card|cvv|session|auth", re.I)
KEPT_HEADERS = frozenset(("accept", "content-type", "x-requested-with"))


@dataclass(frozen=True)
class Recorded:
    """One request of the recording: path with its query, and what it sent."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: str | None
    is_json: bool


@dataclass(frozen=True)
class Draft:
    """Requests by stage, and how many of the recording were left out for what reason."""

    requests: Mapping[str, Sequence[Recorded]]
    for_display: int
    of_other_hosts: int


def read_har(path: Path, stages: Sequence[ScenarioStage]) -> Draft:
    """Deal the recording's requests out to the stages.

    Raises:
        UserError: no HAR file, or no request of it fits any stage.
    """
    recorded = [(urlsplit(request["url"]), request) for request in _requests(path)]
    host = _main_host(recorded, stages)
    own = [(url, request) for url, request in recorded if url.netloc == host]
    shown = [(url, request) for url, request in own if not DISPLAY.search(url.path)]
    dealt: dict[str, list[Recorded]] = {}
    stage: str | None = None
    waiting: list[Recorded] = []
    for url, request in shown:
        found = next((s.stage for s in stages if _fits(s, request["method"], url.path)), None)
        if found is not None and found not in dealt:
            stage = found
            dealt[stage], waiting = waiting, []
        (dealt[stage] if stage else waiting).append(_recorded(url.path, url.query, request))
    if not dealt:
        names = ", ".join(s.endpoint for s in stages)
        what = say("no request of the recording fits a stage")
        raise UserError(Problem(what, say("the stages are {names}", names=names), file=path.name, key="--har"))
    return Draft(dealt, len(own) - len(shown), len(recorded) - len(own))


def draft_call(recorded: Recorded) -> str:
    """One line of a locustfile: `get("/p/1?ref=home", name="/p/{n}")`."""
    verb = recorded.method.lower()
    known = ("get", "post", "put", "patch", "delete", "head", "options")
    start = f"{verb}(" if verb in known else f'request("{recorded.method}", '
    parts = [_quoted(recorded.path), f"name={_quoted(grouped(recorded.path))}"]
    if recorded.headers:
        parts.append(f"headers={dict(recorded.headers)!r}")
    if recorded.body is not None:
        parts.append(f"json={json.loads(recorded.body)!r}" if recorded.is_json else f"data={recorded.body!r}")
    return start + ", ".join(parts) + ")"


def grouped(path: str) -> str:
    """The path without query, numbers in it as one name, so that figures add up over products."""
    parts = urlsplit(path).path.split("/")
    return "/".join("{n}" if re.fullmatch(r"\d+|[0-9a-f]{8,}(-[0-9a-f]+)*", part) else part for part in parts)


def _requests(path: Path) -> list[Mapping[str, Any]]:
    try:
        requests = [entry["request"] for entry in json.loads(read_utf8(path, path.name))["log"]["entries"]]
        incomplete = next((r for r in requests if not {"method", "url"} <= r.keys()), None)
        if incomplete is not None:
            raise KeyError("method, url")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        what = say("is no HAR file: {reason}", reason=str(error))
        todo = say("in the browser's network panel choose: save all as HAR")
        raise UserError(Problem(what, todo, file=path.name, key="--har")) from error
    if not requests:
        raise UserError(Problem(say("holds no request"), say("record the visit first"), file=path.name, key="--har"))
    return requests


def _main_host(recorded: Sequence[tuple[Any, Mapping[str, Any]]], stages: Sequence[ScenarioStage]) -> str:
    """The host that most requests of the stages went to; of all requests where none fits."""
    fitting = [url.netloc for url, request in recorded for s in stages if _fits(s, request["method"], url.path)]
    hosts = fitting or [url.netloc for url, _request in recorded]
    return str(max(dict.fromkeys(hosts), key=hosts.count))


def _fits(stage: ScenarioStage, method: str, path: str) -> bool:
    pattern = re.sub(r"\\{\w+\\}", "[^/]+", re.escape(urlsplit(stage.path).path))
    return stage.method == method.upper() and re.fullmatch(pattern + "/?", path or "/") is not None


def _recorded(path: str, query: str, request: Mapping[str, Any]) -> Recorded:
    headers = {
        h["name"].lower(): h["value"]
        for h in request.get("headers", ())
        if h["name"].lower() in KEPT_HEADERS and h["value"] != "*/*"
    }
    body, is_json = _body(request.get("postData") or {})
    if is_json:
        headers.pop("content-type", None)
    return Recorded(
        request["method"].upper(), f"{path}?{_masked_query(query)}" if query else path, headers, body, is_json
    )


def _body(posted: Mapping[str, Any]) -> tuple[str | None, bool]:
    text = posted.get("text")
    if not text:
        return None, False
    try:
        return json.dumps(_masked(json.loads(text)), ensure_ascii=False), True
    except ValueError:
        return _masked_query(text), False


def _masked(value: Any, key: str = "") -> Any:
    """Secrets as the word that stands for them; the draft's owner feeds real ones from a file."""
    if isinstance(value, dict):
        return {k: _masked(v, k) for k, v in value.items()}
    if isinstance(value, list):
        return [_masked(v, key) for v in value]
    return "REPLACE" if SECRET.search(key) else value


def _masked_query(query: str) -> str:
    pairs = [part.partition("=") for part in query.split("&")]
    return "&".join(f"{k}{gap}{'REPLACE' if SECRET.search(k) else v}" for k, gap, v in pairs)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
