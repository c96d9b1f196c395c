"""Lines over time as inline SVG: the phone's own font writes the words, and the colours mean the same everywhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from markupsafe import Markup

from campaign.numbers import spoken
from campaign.pages import render

WIDTH, HEIGHT = 360.0, 210.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 6.0, 8.0, 24.0
POINTS_MAX = 400
TICKS_HOURS = (1, 2, 3, 6, 12, 24, 48, 96, 168, 336)
TICKS_MAX = 5


@dataclass(frozen=True)
class Line:
    """One curve: values by time, None where there is none; `filled_to` shades the band down to another curve."""

    name: str
    colour: str
    values: Sequence[float | None]
    dashed: bool = False
    filled_to: Sequence[float | None] | None = None


@dataclass(frozen=True)
class Tick:
    at: float
    label: str


def drawing(times: Sequence[datetime], lines: Sequence[Line], zone: ZoneInfo, label: str) -> Markup:
    """The picture; times are aware and in order, one value of every line for each."""
    step = max(1, -(-len(times) // POINTS_MAX))
    seconds = np.array([t.timestamp() for t in times[::step]])
    highest = max((v for line in lines for v in line.values if v is not None), default=1.0) or 1.0
    top = _round_up(highest)
    xs = LEFT + (WIDTH - LEFT - RIGHT) * (seconds - seconds[0]) / max(seconds[-1] - seconds[0], 1.0)
    shapes = [_shape(line, step, xs, top) for line in lines]
    ys = [Tick(_y(top * part, top), spoken(top * part)) for part in (0, 0.5, 1)]
    values = {"shapes": shapes, "ys": ys, "xs": _hours(times[0], times[-1], zone), "label": label}
    return Markup(render("warroom", "drawing.svg", width=WIDTH, height=HEIGHT, left=LEFT, **values))


def _shape(line: Line, step: int, xs: np.ndarray, top: float) -> dict[str, object]:
    values = list(line.values)[::step]
    runs: list[list[str]] = [[]]
    for x, value in zip(xs, values, strict=True):
        if value is None:
            runs.append([])
        else:
            runs[-1].append(f"{x:.1f},{_y(value, top):.1f}")
    band = ""
    if line.filled_to is not None:
        below = list(line.filled_to)[::step]
        pairs = [(x, v, b) for x, v, b in zip(xs, values, below, strict=True) if v is not None and b is not None]
        edge = [f"{x:.1f},{_y(v, top):.1f}" for x, v, _ in pairs]
        band = " ".join([*edge, *(f"{x:.1f},{_y(b, top):.1f}" for x, _, b in reversed(pairs))])
    return {"line": line, "runs": [" ".join(run) for run in runs if len(run) > 1], "band": band}


def _y(value: float, top: float) -> float:
    return TOP + (HEIGHT - TOP - BOTTOM) * (1 - min(value, top) / top)


def _round_up(value: float) -> float:
    unit = 10.0 ** np.floor(np.log10(value))
    return float(unit * next(m for m in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if m * unit >= value * 0.999))


def _hours(starts: datetime, ends: datetime, zone: ZoneInfo) -> list[Tick]:
    """Whole hours or days of the reader's clock."""
    length = max((ends - starts).total_seconds(), 1.0)
    hours = next((h for h in TICKS_HOURS if length / 3600 / h <= TICKS_MAX), TICKS_HOURS[-1])
    local = starts.astimezone(zone).replace(minute=0, second=0, microsecond=0)
    first = local.replace(hour=local.hour - local.hour % min(hours, 24))
    made = []
    for i in range(4 * TICKS_MAX):
        at = first + timedelta(hours=hours * i)
        if starts <= at <= ends:
            x = LEFT + (WIDTH - LEFT - RIGHT) * (at - starts).total_seconds() / length
            made.append(Tick(min(x, WIDTH - 34), at.strftime("%H:%M" if hours < 24 and at.hour else "%m-%d")))
    return made
