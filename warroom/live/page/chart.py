"""The main chart: what came, the frozen band, the re-forecast, the capacity, and what jumps when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import compress
from typing import Literal
from zoneinfo import ZoneInfo

from markupsafe import Markup

from campaign.language import _
from campaign.moments import moment_name
from campaign.plan import Plan
from warroom.drawing import AMBER, BLUE, GREEN, GREY, INK, RED, Hatching, Line, Marker, drawing
from warroom.live.due import HOUR
from warroom.live.records import Capacity, Column, LiveState, Minutes

Window = Literal["near", "whole"]
NEAR = 2 * HOUR
CAPACITY_SEEN = 2.5
"""A capacity beyond so many times the demand would flatten it: that is said, not drawn."""


def main_chart(
    state: LiveState, plan: Plan, service: str, final_until: datetime | None, zone: ZoneInfo, window: Window
) -> Markup | None:
    """One service (or `total`); None where its forecast has nothing in the window. near: two hours each side of now."""
    minutes = state.minutes[service]
    inside = list(_inside(minutes, *_window(plan, state.now, window)))
    if sum(inside) < 2:
        return None
    times = [datetime.fromtimestamp(at, UTC) for at in compress(minutes.starts_at, inside)]
    lines = _lines(minutes, inside, state.capacities.get(service))
    hatching = _preliminary(minutes, final_until, state.now)
    label = _("Requests per second, {service}").format(service=service_name(service))
    return drawing(times, lines, zone, label, _markers(plan, state.now), hatching)


def service_name(service: str) -> str:
    return _("all services") if service == "total" else service


def _window(plan: Plan, now: datetime, window: Window) -> tuple[datetime, datetime]:
    if window == "near":
        return now - NEAR, now + NEAR
    return plan.starts_at - HOUR, plan.ends_at


def _inside(minutes: Minutes, starts: datetime, ends: datetime) -> Iterator[bool]:
    first, last = starts.timestamp(), ends.timestamp()
    return (first <= at < last for at in minutes.starts_at)


def _lines(minutes: Minutes, inside: Sequence[bool], capacity: Capacity | None) -> list[Line]:
    def cut(values: Column) -> list[float | None]:
        return list(compress(values, inside))

    frozen, again = minutes.frozen, minutes.reforecast
    lines = [Line(_("frozen forecast, p10–p90"), GREY, cut(frozen.p90), True, cut(frozen.p10))]
    if again is not None:
        lines.append(Line(_("re-forecast, p10–p90"), AMBER, cut(again.p90), True, cut(again.p10)))
    lines.append(Line(_("what came"), BLUE, cut(minutes.actual)))
    return [*lines, *_capacity(capacity, inside, lines)]


def _capacity(capacity: Capacity | None, inside: Sequence[bool], lines: Sequence[Line]) -> Iterator[Line]:
    if capacity is None or not capacity.over_time:
        return
    most = list(compress(capacity.over_time, inside))
    highest = max((v for line in lines for v in line.values if v is not None), default=0.0)
    seen = [value if value is not None and value <= CAPACITY_SEEN * highest else None for value in most]
    name = _("tested capacity") if capacity.basis == "tested" else _("planned capacity")
    beyond = all(value is None for value in seen)
    yield Line(_("{name}: above the picture").format(name=name) if beyond else name, RED, seen)


def _preliminary(minutes: Minutes, final_until: datetime | None, now: datetime) -> Hatching | None:
    """From where figures may still change to the newest that is known."""
    known = [
        at + seconds
        for at, seconds, value in zip(minutes.starts_at, minutes.seconds, minutes.actual, strict=True)
        if value is not None
    ]
    if not known:
        return None
    until = min(datetime.fromtimestamp(known[-1], UTC), now)
    starts = final_until or datetime.fromtimestamp(known[0], UTC)
    return Hatching(starts, until, _("preliminary")) if starts < until - timedelta(minutes=1) else None


def _markers(plan: Plan, now: datetime) -> list[Marker]:
    """The present first, so that its name is never the one that is left out."""
    return [Marker(now, _("now"), INK, dashed=False), *_planned(plan)]


def _planned(plan: Plan) -> Iterator[Marker]:
    for moment in plan.moments:
        yield Marker(moment.at, str(moment_name(moment.kind)), GREEN)
    for channel in plan.channels:
        for send in channel.sends:
            yield Marker(send.at, channel.name, RED)
