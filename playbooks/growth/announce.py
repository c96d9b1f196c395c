"""What is told of rules: each firing once and each clearing once, by comparing with what the log says was told."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from campaign.store.events import Act, Event
from playbooks.growth.evaluate import Alert

FIRED, CLEARED = "rule-fired", "rule-cleared"
ACTOR = "surgeplan"
EVERY_CAMPAIGN = "-"


def told_open(events: Sequence[Event]) -> dict[str, Event]:
    """The rules that were told as fired and not yet as cleared, by `rule/split`."""
    standing: dict[str, Event] = {}
    for event in events:
        if event.kind == FIRED:
            standing[event.subject] = event
        elif event.kind == CLEARED:
            standing.pop(event.subject, None)
    return standing


def transitions(alerts: Sequence[Alert], judged: Sequence[str], events: Sequence[Event], now: datetime) -> list[Act]:
    """The acts that bring what was told to what stands: none where nothing changed.

    `judged` are the keys that could be evaluated; of others nothing is told, least of all that all is well.
    """
    told = told_open(events)
    standing = {alert.key: alert for alert in alerts}
    fired = [_act(FIRED, key, now, _body(alert)) for key, alert in standing.items() if key not in told]
    cleared = [_act(CLEARED, key, now, {}) for key in sorted(told) if key in judged and key not in standing]
    return fired + cleared


def _act(kind: str, subject: str, now: datetime, body: dict[str, Any]) -> Act:
    return Act(kind=kind, campaign=EVERY_CAMPAIGN, subject=subject, actor=ACTOR, role="data", at_utc=now, body=body)


def _body(alert: Alert) -> dict[str, Any]:
    return {
        "level": alert.rule.level,
        "metric": alert.rule.metric,
        "fired_on": alert.fired_on.isoformat(),
        "value": float(f"{alert.value:.6g}"),
        "expected": float(f"{alert.expected:.6g}"),
        "route": list(alert.rule.route),
        "due_on": alert.due_on.isoformat(),
        "red": alert.red,
    }
