"""What roles and states are called."""

from __future__ import annotations

from campaign.language import Text, say
from campaign.readiness import Role, State

ROLE_LABELS: dict[Role, Text] = {
    "marketing": say("marketing"),
    "sre": say("SRE"),
    "ops": say("operations"),
    "support": say("support"),
    "data": say("data"),
    "commander": say("commander"),
}
STATE_LABELS: dict[State, Text] = {
    "pending": say("pending"),
    "pass": say("passed"),
    "fail": say("failed"),
    "stale": say("stale"),
    "waived": say("waived"),
}
KIND_LABELS: dict[str, Text] = {
    "sign": say("signed {subject}"),
    "waive": say("waived {subject}"),
    "decide": say("decided {subject}"),
    "freeze": say("froze {subject}"),
}
