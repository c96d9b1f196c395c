"""A draft of the CAN report (condition, actions, needs) that a scribe reads out or posts, from what the page knows.

The form is that of incident command: https://response.pagerduty.com/during/during_an_incident/
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from campaign.language import Text, say
from campaign.numbers import local_minute
from campaign.plan import Plan
from campaign.readiness import Item
from playbooks.readiness.labels import ROLE_LABELS, STATE_LABELS
from warroom.live.actions.scaling_words import scaling_lines
from warroom.live.due import HOUR
from warroom.live.messages.digest import capacity_line, number, t_plus
from warroom.live.records import Alert, LiveState
from warroom.live.room.happened import Happened

ITEMS_MOST = 5


@dataclass(frozen=True)
class Can:
    """What is the case, what was done in the last hour, what is asked of whom."""

    condition: tuple[Text, ...]
    actions: tuple[Text, ...]
    needs: tuple[Text, ...]


def can_draft(
    state: LiveState,
    plan: Plan,
    call: Text,
    alerts: Sequence[Alert],
    left: Sequence[Item],
    before: Iterable[Happened],
    zone: ZoneInfo,
) -> Can:
    """alerts, left, before: those of whoever reports. call: GO, WATCH, ACT, or that nothing is seen."""
    head = say("{plan} {since}: {call}", plan=plan.title, since=t_plus(state.clock.since_start), call=call)
    newest = [(metric, metric.newest) for metric in state.metrics]
    return Can(
        condition=(
            head,
            *(number(metric, hour.starts_at) for metric, hour in newest if hour),
            capacity_line(state, zone),
            *scaling_lines(state, zone),
            *(alert.title for alert in alerts if alert.open),
        ),
        actions=tuple(_done(state, before, zone)) or (say("nothing was decided in the last hour"),),
        needs=tuple(_asked(state, alerts, left)) or (say("nothing is asked of anybody"),),
    )


def _done(state: LiveState, before: Iterable[Happened], zone: ZoneInfo) -> Iterator[Text]:
    for each in before:
        if each.at >= state.now - HOUR and each.by:
            yield say("{at} {what} ({by})", at=local_minute(each.at, zone), what=each.what, by=each.by)


def _asked(state: LiveState, alerts: Sequence[Alert], left: Sequence[Item]) -> Iterator[Text]:
    for alert in alerts:
        if alert.open:
            yield say("@{owner} {action}", owner=ROLE_LABELS[alert.owner], action=alert.action)
    for each in state.stale:
        yield say("@{owner} {action}", owner=ROLE_LABELS["data"], action=each.what)
    for item in [item for item in left if item.overdue or item.state in ("stale", "fail")][:ITEMS_MOST]:
        words = {"owner": ROLE_LABELS[item.owner], "item": item.title, "state": STATE_LABELS[item.state]}
        yield say("@{owner} {item}: {state}", **words)
