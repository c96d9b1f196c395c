"""A message as each platform takes it: its body, its signature, and what its answer means. Nothing is sent here.

Feishu and Lark: cards, signed with an empty message under the key "timestamp newline secret"; at most 20 KB.
DingTalk: markdown, signed with the secret over "milliseconds newline secret" in the address.
WeCom: markdown of at most 4096 bytes. Sources: the custom-bot pages of each platform's developer documentation.
Grafana: an annotation at the present minute, tagged so that dashboards find it (POST /api/annotations).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus

from warroom.chat.targets import Platform, Target

BYTES_MAX: Mapping[Platform, int] = {
    "feishu": 18_000,
    "lark": 18_000,
    "dingtalk": 18_000,
    "wecom": 4_000,
    "grafana": 8_000,
}
TOO_FAST: Mapping[Platform, frozenset[int]] = {
    "feishu": frozenset({11232, 9499}),
    "lark": frozenset({11232, 9499}),
    "dingtalk": frozenset({130101, 410100}),
    "wecom": frozenset({45009}),
}
CUT = "…"
TAG = "surgeplan"


@dataclass(frozen=True)
class Message:
    """A title and lines below it, in words already; `urgent` ones do not wait for a quieter minute."""

    title: str
    lines: Sequence[str]
    urgent: bool = False


@dataclass(frozen=True)
class Post:
    """What is sent to a platform: the address (signed where it is signed there), the JSON body, and a bearer token
    where the platform wants one."""

    url: str
    body: dict[str, Any]
    token: str = field(default="", repr=False)


def post_of(message: Message, target: Target, now: datetime) -> Post:
    """The message as the target's platform takes it, signed at `now`."""
    text = shortened("\n".join(message.lines), BYTES_MAX[target.platform] - len(message.title.encode()))
    if target.platform in ("feishu", "lark"):
        return Post(target.url, _feishu(message.title, text, target.secret, int(now.timestamp())))
    if target.platform == "dingtalk":
        body = {"msgtype": "markdown", "markdown": {"title": message.title, "text": _markdown(message.title, text)}}
        return Post(_dingtalk_url(target, int(now.timestamp() * 1000)), body)
    if target.platform == "grafana":
        annotation = {"time": int(now.timestamp() * 1000), "tags": [TAG], "text": f"{message.title}\n{text}"}
        return Post(f"{target.url.rstrip('/')}/api/annotations", annotation, target.secret)
    return Post(target.url, {"msgtype": "markdown", "markdown": {"content": f"**{message.title}**\n{text}"}})


def _feishu(title: str, text: str, secret: str, seconds: int) -> dict[str, Any]:
    card = {
        "header": {"title": {"tag": "plain_text", "content": title}},
        "elements": [{"tag": "div", "text": {"tag": "lark_md", "content": text}}],
    }
    body: dict[str, Any] = {"msg_type": "interactive", "card": card}
    if secret:
        body |= {"timestamp": str(seconds), "sign": feishu_signature(secret, seconds)}
    return body


def feishu_signature(secret: str, seconds: int) -> str:
    key = f"{seconds}\n{secret}".encode()
    return base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()


def dingtalk_signature(secret: str, milliseconds: int) -> str:
    told = f"{milliseconds}\n{secret}".encode()
    return base64.b64encode(hmac.new(secret.encode(), told, hashlib.sha256).digest()).decode()


def _dingtalk_url(target: Target, milliseconds: int) -> str:
    if not target.secret:
        return target.url
    joint = "&" if "?" in target.url else "?"
    sign = quote_plus(dingtalk_signature(target.secret, milliseconds))
    return f"{target.url}{joint}timestamp={milliseconds}&sign={sign}"


def _markdown(title: str, text: str) -> str:
    """DingTalk joins lines that no blank line parts."""
    return f"### {title}\n\n" + text.replace("\n", "\n\n")


def shortened(text: str, most: int) -> str:
    """At most so many bytes of UTF-8, never half a character."""
    encoded = text.encode()
    if len(encoded) <= most:
        return text
    return encoded[: most - len(CUT.encode())].decode("utf-8", "ignore") + CUT


def refused(platform: Platform, status: int, answer: Mapping[str, Any]) -> tuple[bool, str] | None:
    """(may be sent again later, why) where the platform did not take it; None where it did."""
    code = answer.get("errcode", answer.get("code", answer.get("StatusCode", 0)))
    if status == 429 or code in TOO_FAST.get(platform, frozenset()):
        return True, f"too fast ({status}, {code})"
    if status >= 500:
        return True, f"{status}"
    if status >= 400 or code != 0:
        return False, f"{status}, {code}: {answer.get('errmsg', answer.get('msg', ''))}"
    return None
