"""A plan's sends, slots and moments on one line of time, as SVG that a phone's own font writes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from markupsafe import Markup

from campaign.console import width as columns
from campaign.language import _
from campaign.moments import moment_name
from campaign.pages import render
from campaign.plan import Plan

WIDTH, LEFT, LANE = 360.0, 6.0, 38.0
TICKS_MAX = 5


@dataclass(frozen=True)
class Mark:
    """One thing on a lane, in the picture's units; `width` is zero for an instant."""

    x: float
    width: float
    label: str


@dataclass(frozen=True)
class Lane:
    name: str
    y: float
    marks: tuple[Mark, ...]


def timeline(plan: Plan, zone: ZoneInfo) -> Markup:
    """The picture of one plan; one lane for moments and one per channel."""
    starts, ends = _span(plan)

    def x(moment: datetime) -> float:
        return round(LEFT + (WIDTH - 2 * LEFT) * ((moment - starts) / (ends - starts)), 1)

    moments = [Mark(x(m.at), 0, str(moment_name(m.kind))) for m in plan.moments]
    named: list[tuple[str, list[Mark]]] = [(_("moments"), moments)]
    for channel in plan.channels:
        marks = [Mark(x(send.at), 0, send.at.astimezone(zone).strftime("%H:%M")) for send in channel.sends]
        marks += [Mark(x(slot.starts_at), x(slot.ends_at) - x(slot.starts_at), "") for slot in channel.slots]
        if channel.spend is not None:
            first, last = channel.starts_at or plan.starts_at, channel.ends_at or plan.ends_at
            marks.append(Mark(x(first), x(last) - x(first), ""))
        named.append((channel.name, marks))
    shown = [(name, marks) for name, marks in named if marks]
    lanes = [Lane(name, 16 + LANE * i, _apart(marks)) for i, (name, marks) in enumerate(shown)]
    window = Mark(x(plan.starts_at), x(plan.ends_at) - x(plan.starts_at), "")
    height = 16 + LANE * len(lanes) + 26
    values = {"lanes": lanes, "window": window, "width": WIDTH, "height": height}
    return Markup(render("warroom", "timeline.svg", ticks=_ticks(starts, ends, zone, x), **values))


def _span(plan: Plan) -> tuple[datetime, datetime]:
    times = [plan.starts_at, plan.ends_at, *plan.instants]
    times += [t for c in plan.channels for s in c.slots for t in (s.starts_at, s.ends_at)]
    times += [t for c in plan.channels for t in (c.starts_at, c.ends_at) if t]
    margin = (max(times) - min(times)) * 0.03
    return min(times) - margin, max(times) + margin


def _apart(marks: Sequence[Mark]) -> tuple[Mark, ...]:
    """Labels that would stand over one another are left out; the marks stay."""
    kept: list[Mark] = []
    free_from = 0.0
    for mark in sorted(marks, key=lambda m: m.x):
        fits = mark.label and mark.x >= free_from and mark.x < WIDTH - 40
        kept.append(mark if fits else Mark(mark.x, mark.width, ""))
        free_from = mark.x + 7 * columns(mark.label) + 8 if fits else free_from
    return tuple(kept)


def _ticks(starts: datetime, ends: datetime, zone: ZoneInfo, x: object) -> list[Mark]:
    assert callable(x)
    hours = next(
        h
        for h in (1, 2, 3, 6, 12, 24, 48, 96, 192, 384, 768, 10**6)
        if (ends - starts) / timedelta(hours=h) < TICKS_MAX
    )
    local = starts.astimezone(zone).replace(minute=0, second=0, microsecond=0)
    first = local.replace(hour=local.hour - local.hour % min(hours, 24))
    made = []
    for i in range(2 * TICKS_MAX):
        at = first + timedelta(hours=hours * i)
        if starts <= at <= ends:
            made.append(Mark(x(at), 0, at.strftime("%m-%d %H:%M" if hours < 24 else "%m-%d")))
    return list(_apart(made))
