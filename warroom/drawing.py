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

BLUE, GREY, AMBER, RED, GREEN, INK, BAND = (
    f"var(--{name})" for name in ("blue", "muted", "amber", "red", "green", "ink", "band")
)
"""Those of the page around the picture, by day and by night."""
WIDTH, HEIGHT = 360.0, 210.0
LEFT, RIGHT, TOP, BOTTOM = 44.0, 6.0, 8.0, 24.0
MARKED_TOP = 22.0  # room for the names of markers
POINTS_MAX = 400
TICKS_HOURS = (1, 2, 3, 6, 12, 24, 48, 96, 168, 336)
TICKS_MAX = 5
HATCH_EVERY = 6.0
LABEL_WIDTH = 70.0


@dataclass(frozen=True)
class Line:
    """One curve: values by time, None where there is none; `filled_to` shades the band down to another curve."""

    name: str
    colour: str
    values: Sequence[float | None]
    dashed: bool = False
    filled_to: Sequence[float | None] | None = None


@dataclass(frozen=True)
class Marker:
    """Something that happens at an instant: a vertical line, with its name where there is room for one."""

    at: datetime
    name: str
    colour: str
    dashed: bool = True


@dataclass(frozen=True)
class Hatching:
    """A stretch that is hatched, and what that means."""

    starts: datetime
    ends: datetime
    name: str


@dataclass(frozen=True)
class Tick:
    at: float
    label: str


@dataclass(frozen=True)
class Frame:
    """Where times (seconds since 1970) and values lie in the picture."""

    first: float
    last: float
    top: float
    above: float

    def x(self, seconds: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (seconds - self.first) / max(self.last - self.first, 1.0)

    def y(self, value: float) -> float:
        return self.above + (HEIGHT - self.above - BOTTOM) * (1 - min(value, self.top) / self.top)


def drawing(
    times: Sequence[datetime],
    lines: Sequence[Line],
    zone: ZoneInfo,
    label: str,
    markers: Sequence[Marker] = (),
    hatching: Hatching | None = None,
) -> Markup:
    """The picture; times are aware and in order, one value of every line for each.

    Of more intervals than can be seen the highest of each few is drawn, so that no peak is lost.
    """
    step = max(1, -(-len(times) // POINTS_MAX))
    seconds = np.array([t.timestamp() for t in times[::step]])
    highest = max((v for line in lines for v in line.values if v is not None), default=1.0) or 1.0
    frame = Frame(float(seconds[0]), float(seconds[-1]), _round_up(highest), MARKED_TOP if markers else TOP)
    xs = np.array([frame.x(s) for s in seconds])
    top = frame.top
    values = {
        "shapes": [_shape(line, step, xs, frame) for line in lines],
        "ys": [Tick(frame.y(top * part), spoken(top * part)) for part in (0, 0.5, 1)],
        "xs": _hours(times[0], times[-1], zone),
        "markers": _marked(markers, frame),
        "hatched": _hatched(hatching, frame),
        "label": label,
    }
    return Markup(
        render("warroom", "drawing.svg", width=WIDTH, height=HEIGHT, left=LEFT, bottom=HEIGHT - BOTTOM, **values)
    )


def _shape(line: Line, step: int, xs: np.ndarray, frame: Frame) -> dict[str, object]:
    values = _highest(line.values, step)
    runs: list[list[str]] = [[]]
    for x, value in zip(xs, values, strict=True):
        if value is None:
            runs.append([])
        else:
            runs[-1].append(f"{x:.1f},{frame.y(value):.1f}")
    band = ""
    if line.filled_to is not None:
        below = _highest(line.filled_to, step)
        pairs = [(x, v, b) for x, v, b in zip(xs, values, below, strict=True) if v is not None and b is not None]
        edge = [f"{x:.1f},{frame.y(v):.1f}" for x, v, _ in pairs]
        band = " ".join([*edge, *(f"{x:.1f},{frame.y(b):.1f}" for x, _, b in reversed(pairs))])
    return {"line": line, "runs": [" ".join(run) for run in runs if len(run) > 1], "band": band}


def _highest(values: Sequence[float | None], step: int) -> list[float | None]:
    return [
        max((v for v in values[place : place + step] if v is not None), default=None)
        for place in range(0, len(values), step)
    ]


def _marked(markers: Sequence[Marker], frame: Frame) -> list[dict[str, object]]:
    """Markers inside the picture, the important first: a name that would run into one before it is left out (it stays
    as a title)."""
    shown: list[dict[str, object]] = []
    taken: list[float] = []
    for marker in markers:
        at = marker.at.timestamp()
        if not frame.first <= at <= frame.last:
            continue
        x = frame.x(at)
        start = min(x, WIDTH - LABEL_WIDTH)
        named = all(abs(start - other) >= LABEL_WIDTH for other in taken)
        if named:
            taken.append(start)
        shown.append({"marker": marker, "x": f"{x:.1f}", "label_x": f"{start:.1f}", "named": named})
    return shown


def _hatched(hatching: Hatching | None, frame: Frame) -> dict[str, object] | None:
    """Slanted strokes over a stretch, clipped to it, as one path."""
    if hatching is None:
        return None
    first, last = max(hatching.starts.timestamp(), frame.first), min(hatching.ends.timestamp(), frame.last)
    if last <= first:
        return None
    left, right, upper, lower = frame.x(first), frame.x(last), frame.above, HEIGHT - BOTTOM
    strokes = []
    for foot in np.arange(left - (lower - upper), right, HATCH_EVERY):  # each rises as far as it goes to the right
        begins, ends = max(foot, left), min(foot + lower - upper, right)
        if ends > begins:
            strokes.append(f"M{begins:.1f},{lower - (begins - foot):.1f}L{ends:.1f},{lower - (ends - foot):.1f}")
    return {"name": hatching.name, "path": "".join(strokes)}


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
