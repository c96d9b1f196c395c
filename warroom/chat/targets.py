"""Where messages go: `SURGEPLAN_CHAT`, one target per line or semicolon, because webhooks are secrets.

feishu https://open.feishu.cn/open-apis/bot/v2/hook/… SECRET zh
dingtalk https://oapi.dingtalk.com/robot/send?access_token=… SECRET
wecom https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=…
grafana https://grafana.example.com TOKEN
apprise slack://… en
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal, get_args

from campaign.errors import Problem, UserError, nearest
from campaign.language import LANGUAGES, Language, say

Platform = Literal["feishu", "lark", "dingtalk", "wecom", "grafana", "apprise"]
PLATFORMS: tuple[Platform, ...] = get_args(Platform)
VARIABLE = "SURGEPLAN_CHAT"


@dataclass(frozen=True)
class Target:
    """One group. `url` and `secret` never appear in a log or a message (nor in this record's repr)."""

    platform: Platform
    url: str = field(repr=False)
    secret: str = field(default="", repr=False)
    language: Language | None = None


def targets_of(text: str) -> tuple[Target, ...]:
    """The targets that the variable names.

    Raises:
        UserError: a line that is none; the secret part of it is not repeated.
    """
    lines = [line.split() for line in re.split(r"[;\n]", text) if line.strip()]
    problems: list[Problem] = []
    found = [_target(number, words, problems) for number, words in enumerate(lines, start=1)]
    if problems:
        raise UserError(problems)
    return tuple(target for target in found if target is not None)


def _target(number: int, words: list[str], problems: list[Problem]) -> Target | None:
    platform = next((known for known in PLATFORMS if known == words[0]), None)
    language = next((known for known in LANGUAGES if known == words[-1]), None)
    rest = words[1 : -1 if language else None]
    if platform is None:
        what = say("{given} is no chat surgeplan knows", given=words[0][:20])
        problems.append(Problem(what, nearest(words[0], PLATFORMS), file=VARIABLE, line=number))
    elif len(rest) not in (1, 2) or (
        platform != "apprise" and not rest[0].startswith(("https://", "http://127.0.0.1:"))
    ):
        what = say("is not PLATFORM https://… [SECRET] [zh|en]")
        problems.append(Problem(what, say("copy the webhook's address once more"), file=VARIABLE, line=number))
    else:
        return Target(platform, rest[0], rest[1] if len(rest) > 1 else "", language)
    return None
