"""The war room's page: eleven blocks in the order in which they are needed, filtered for a desk, in words."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Literal, TypeVar, get_args

from markupsafe import Markup

from campaign.language import Text, _, say
from campaign.numbers import percent, spoken
from campaign.pages import render
from campaign.readiness import Role
from metrics.approvals import STATES as APPROVALS
from playbooks.readiness.labels import ROLE_LABELS, STATE_LABELS
from warroom.live.actions.log import Decision, Request
from warroom.live.actions.records import Kind, Lever
from warroom.live.actions.scaling_words import held_words, order_words, orders_in
from warroom.live.actions.sends import Planned
from warroom.live.actions.words import doubt_words, effect_words, outcome_words
from warroom.live.expected.yardstick import TOTAL
from warroom.live.messages.digest import call_words, place, t_plus
from warroom.live.page.can import can_draft
from warroom.live.page.chart import Window, main_chart, service_name
from warroom.live.records import Alert, Freshness, LiveState, Phase, Reading
from warroom.live.room.definitions import TITLES
from warroom.live.room.happened import Happened
from warroom.live.room.war_room import WarRoom
from warroom.live.room.watching import Failed
from warroom.live.sources.freshness import final_until
from warroom.live.sources.readings import READINGS
from warroom.live.sources.sight import known_until

Block = Literal[
    "capacity", "tiles", "chart", "alerts", "switches", "levers", "desk", "checklist", "timeline", "definitions"
]
BLOCKS: tuple[Block, ...] = get_args(Block)
DESKS: dict[Role, tuple[Block, ...]] = {
    "marketing": ("capacity", "tiles", "chart", "alerts", "levers", "checklist", "timeline", "definitions"),
    "sre": ("capacity", "tiles", "chart", "alerts", "switches", "levers", "checklist", "timeline", "definitions"),
    "ops": ("capacity", "tiles", "chart", "alerts", "switches", "levers", "checklist", "timeline", "definitions"),
    "support": ("tiles", "alerts", "levers", "desk", "checklist", "timeline", "definitions"),
    "data": ("tiles", "chart", "alerts", "checklist", "timeline", "definitions"),
}
"""What each desk needs to see; the status line is everybody's."""
OnPage = TypeVar("OnPage", Lever, Request, Decision)
OWN_ACTIONS: dict[str, tuple[Kind, ...]] = {
    "marketing": ("hold", "stagger"),
    "sre": ("scale", "switch", "hold", "stagger"),
    "ops": ("scale", "switch", "agents"),
    "support": ("agents", "bot"),
}
SHOWN = 8
PHASES: dict[Phase, Text] = {
    "ahead": say("before the event"),
    "countdown": say("countdown"),
    "running": say("running"),
    "after": say("ended, figures settle"),
    "closed": say("closed"),
}
FRESHNESS: dict[Freshness, Text] = {
    "fresh": say("fresh"),
    "late": say("late"),
    "dead": say("does not answer"),
    "refused": say("does not give what is asked"),
    "never": say("never told anything"),
}
VERDICTS: dict[str, Text] = {
    "go": say("decided: GO"),
    "no-go": say("decided: NO-GO"),
    "go-with-limits": say("decided: GO with limits"),
}
MINUTE = timedelta(minutes=1)
SOON = 90 * MINUTE  # as far ahead as the shipped alert on capacity stands


@dataclass(frozen=True)
class Asked:
    """Which view of the room: one desk's (empty: the whole), and the service of the chart (empty: the tightest)."""

    desk: Role | Literal[""] = ""
    service: str = ""


def asked_of(room: WarRoom, desk: str, service: str) -> Asked:
    """What the address asks for; names that do not exist count as none."""
    known = next((role for role in DESKS if role == desk), "")
    return Asked(known, service if service in room.state.minutes else "")  # type: ignore[arg-type]


def charted(asked: Asked, room: WarRoom) -> str:
    """The service whose chart is shown: the one asked for, else the tightest."""
    tightest = room.state.tightest
    return asked.service or (tightest.service if tightest else TOTAL)


def blocks(asked: Asked, charts: str, room: WarRoom, failed: Failed | None) -> str:
    """The whole page below its frame; the same for everybody who asks for this view in this language. charts: of its
    service, drawn once for all views."""
    state = room.state
    shown = DESKS[asked.desk] if asked.desk else BLOCKS
    left = [item for item in room.left or () if asked.desk in ("", item.owner)]
    alerts = own_alerts(state.alerts, asked.desk)
    before = [each for each in room.happened if _is_told(each, asked.desk)]
    services = _readings(state, room.desk_names)
    local = partial(_local, room=room)
    values: dict[str, Any] = {
        "room": room,
        "state": state,
        "plan": room.plan,
        "asked": asked,
        "shown": shown,
        "failed": failed,
        "call": call_words(state),
        "call_name": "none" if room.sight in ("unseen", "blind") else state.call,
        "clock": t_plus(state.clock.since_start),
        "phase": PHASES[state.clock.phase],
        "known_until": known_until(state),
        "soon": SOON,
        "capacities": sorted(state.capacities.values(), key=lambda c: c is not state.tightest),
        "scaling": [(each.overdue, order_words(name, each, state.now, room.zone)) for name, each in orders_in(state)],
        "held": [held_words(each, state.now, room.zone) for each in state.held],
        "charts": Markup(charts),
        "service": charted(asked, room),
        "readings": [name for name in READINGS if any(name in row for row in services.values())],
        "services": services,
        "read_at": max((r.at for row in services.values() for r in row.values()), default=None),
        "tiles": [metric for metric in state.metrics if metric.hours and _concerns(metric.name, asked.desk)],
        "alerts": alerts,
        "others": sum(alert.open for alert in state.alerts) - sum(alert.open for alert in alerts),
        "left": left,
        "stale_items": sum(item.state == "stale" for item in left),
        "before": before,
        "can": can_draft(state, room.plan, call_words(state), alerts, left, before, room.zone),
        "levers": _own(room.levers, asked.desk),
        "sends": _sends(room),
        "requests": [each for each in _own(room.acts.requests, asked.desk) if each.open],
        "decisions": _own(room.acts.decisions, asked.desk)[::-1],
        "effect": lambda effect: effect_words(effect, state.now, room.zone),
        "outcome": outcome_words,
        "doubt": doubt_words,
        "local": local,
        "ago": lambda moment: ago(state.now - moment),
        "duration": duration,
        "hours": lambda count: timedelta(hours=count),
        "spoken": spoken,
        "percent": percent,
        "place": place,
        "value_of": value_of,
        "service_name": service_name,
        "titles": TITLES,
        "roles": ROLE_LABELS,
        "states": STATE_LABELS,
        "fresh": FRESHNESS,
        "verdicts": VERDICTS,
        "approvals": APPROVALS,
        "most": SHOWN,
    }
    return render("warroom", "live_blocks.html", **values)


def own_alerts(alerts: Sequence[Alert], desk: str) -> list[Alert]:
    """A desk's alerts, and those that the commander decides: they are everybody's."""
    return [alert for alert in alerts if desk in ("", alert.owner) or alert.level == 3]


def ago(age: timedelta) -> Text:
    if age < MINUTE:
        return say("just now")
    return say("{duration} ago", duration=duration(age))


def duration(length: timedelta) -> Text:
    """`12 min`, `2 h`, `2 h 05 min`, `3 days`."""
    minutes = round(abs(length) / MINUTE)
    if minutes < 60:
        return say("{n} min", n=minutes)
    if minutes < 48 * 60 and minutes % 60 == 0:
        return say("{n} h", n=minutes // 60)
    if minutes < 48 * 60:
        return say("{h} h {m} min", h=minutes // 60, m=f"{minutes % 60:02d}")
    return say("{n} days", n=minutes // (24 * 60))


def _local(moment: datetime, room: WarRoom) -> str:
    """`20:05` today, `11-11 20:05` on another day, of the campaign's clock."""
    there, today = moment.astimezone(room.zone), room.state.now.astimezone(room.zone).date()
    return there.strftime("%H:%M" if there.date() == today else "%m-%d %H:%M")


def charts_of(service: str, room: WarRoom, _failed: Failed | None) -> str:
    """The hours around now while it runs, and the whole event; empty where nothing is forecast."""
    state = room.state
    if service not in state.minutes:
        return ""
    windows: tuple[Window, ...] = ("near", "whole") if state.clock.minute_watch else ("whole",)
    final = final_until(state.sources).get("traffic")
    made = (main_chart(state, room.plan, service, final, room.zone, window) for window in windows)
    return "".join(Markup("<figure>{}</figure>").format(picture) for picture in made if picture is not None)


CONCERNS: dict[str, tuple[str, ...]] = {"support": ("contacts", "orders"), "marketing": ("orders", "requests", "peak")}


def _concerns(metric: str, desk: str) -> bool:
    return metric in CONCERNS.get(desk, (metric,))


def _is_told(each: Happened, desk: str) -> bool:
    return not desk or each.shared or each.role == desk


def _readings(state: LiveState, desks: frozenset[str]) -> dict[str, dict[str, Reading]]:
    """By service and name; those of desks stand with their desk."""
    found: dict[str, dict[str, Reading]] = {}
    for reading in state.readings:
        if reading.service not in desks:
            found.setdefault(reading.service, {})[reading.name] = reading
    return found


def value_of(reading: str, value: float) -> str:
    """A reading in its unit; errors are told apart down to a hundredth of a percent."""
    if reading == "error_ratio":
        return f"{100 * value:.2g} %"
    return _("{n} ms").format(n=spoken(value)) if reading == "p99_ms" else spoken(value)


def _own(actions: Sequence[OnPage], desk: str) -> list[OnPage]:
    """What a desk acts on, or asks for."""
    return [each for each in actions if each.kind in OWN_ACTIONS.get(desk, (each.kind,))]


def _sends(room: WarRoom) -> list[dict[str, Any]]:
    """Sends that are still to come, the next first, with what holds them or why nothing can."""
    sends = [(channel.name, send) for channel in room.plan.channels for send in channel.sends]
    ahead = sorted((pair for pair in sends if pair[1].at > room.state.now), key=lambda pair: pair[1].at)
    holds = {lever.subject: lever for lever in room.levers if lever.kind == "hold"}
    at = [Planned(name, send.at, (send,)).id for name, send in ahead]
    whys = {each.send.id: each.why for each in room.unlearned}
    return [
        {"channel": name, "send": send, "hold": holds.get(i), "why": whys.get(i)}
        for (name, send), i in zip(ahead, at, strict=True)
    ]
