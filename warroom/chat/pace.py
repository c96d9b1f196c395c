"""When a platform may be sent to: within its limits, and for Feishu not in the crowded minutes around :00 and :30.

Limits: Feishu and Lark 100 a minute and 5 a second, and their guide asks not to send at the full and half hour (error
11232); DingTalk mutes a bot for ten minutes after 20 in one; WeCom takes 20 a minute.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from warroom.chat.targets import Platform

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
LIMITS: Mapping[Platform, tuple[tuple[int, timedelta], ...]] = {
    "feishu": ((5, SECOND), (100, MINUTE)),
    "lark": ((5, SECOND), (100, MINUTE)),
    "dingtalk": ((18, MINUTE),),
    "wecom": ((18, MINUTE),),
    "grafana": ((60, MINUTE),),
    "apprise": ((20, MINUTE),),
}
CROWDED = (0, 30)
REMEMBERED = max(most for limits in LIMITS.values() for most, _ in limits)


def earliest(platform: Platform, sent: Sequence[datetime], now: datetime, *, urgent: bool = False) -> datetime:
    """The first instant from `now` at which one more message keeps every limit; `sent`: earlier ones, oldest first."""
    at = now
    for most, window in LIMITS[platform]:
        if len(sent) >= most:
            at = max(at, sent[-most] + window)
    if platform in ("feishu", "lark") and not urgent and at.minute in CROWDED:
        at = at.replace(second=0, microsecond=0) + MINUTE
    return at
