"""`rehearsal.png`: what breaks how often, and risk against cost; readable on a phone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from matplotlib.axes import Axes

from campaign.charts import AMBER, BLUE, GREEN, INK, RED, chart, save_chart
from campaign.language import _
from campaign.numbers import local_minute, percent
from playbooks.rehearsal.record import Interval, Rehearsal

WIDTH_INCHES, ROW_INCHES, CURVE_INCHES, LETTERS = 4.4, 0.42, 3.0, 10


@dataclass(frozen=True)
class Bar:
    """How often something breaks, and what colour that deserves; joined_ratio: with the war room, None where none was
    played."""

    name: str
    ratio: float
    interval: Interval
    at: datetime
    colour: str
    joined_ratio: float | None


def draw_rehearsal(path: Path, found: Rehearsal, zone: ZoneInfo) -> None:
    """Two panels; the ending of `path` says as what."""
    bars = list(_bars(found))
    height = 1.1 + ROW_INCHES * len(bars)
    with chart(WIDTH_INCHES, height + CURVE_INCHES) as figure:
        figure.set_layout_engine("constrained", h_pad=0.12)  # the curve's title clear of the bars' figures
        upper, lower = figure.subplots(2, 1, height_ratios=[height, CURVE_INCHES])
        _breaks(upper, bars, zone)
        _curve(lower, found)
        save_chart(figure, path)


def _bars(found: Rehearsal) -> Iterator[Bar]:
    """Services and limits by their worst minute, then desks by the whole event."""
    room = found.war_room
    joined = {one.name: one.event_ratio for one in room.breaks} if room else {}
    joined |= {desk.desk: desk.breaks_ratio for desk in room.desks} if room else {}
    for one in found.breaks:
        colour = _colour(one.worst_minute_interval, found.appetite_probability_per_minute)
        yield Bar(one.name, one.event_ratio, one.event_interval, one.worst_at_utc, colour, joined.get(one.name))
    for desk in found.desks:
        colour = _colour(desk.breaks_interval, desk.accepted_ratio)
        yield Bar(desk.desk, desk.breaks_ratio, desk.breaks_interval, desk.worst_at_utc, colour, joined.get(desk.desk))


def _colour(interval: Interval, accepted_ratio: float) -> str:
    """Red where it surely breaks more often than accepted, green where surely not, amber where it is open."""
    if interval.low > accepted_ratio:
        return RED
    return GREEN if interval.high <= accepted_ratio else AMBER


def _breaks(axes: Axes, bars: Sequence[Bar], zone: ZoneInfo) -> None:
    shown = bars[::-1]
    axes.barh([bar.name for bar in shown], [100 * bar.ratio for bar in shown], color=[bar.colour for bar in shown])
    for row, bar in enumerate(shown):
        axes.plot((100 * bar.interval.low, 100 * bar.interval.high), (row, row), color=INK, marker="|", markersize=8)
        axes.annotate(
            percent(bar.ratio) + (" · " + local_minute(bar.at, zone) if bar.ratio else ""),
            (100 * bar.interval.high, row),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=LETTERS,
        )
    joined = [(100 * bar.joined_ratio, row) for row, bar in enumerate(shown) if bar.joined_ratio is not None]
    if joined:
        ratios, rows = zip(*joined, strict=True)
        axes.plot(
            ratios, rows, "D", color="white", markeredgecolor=INK, markersize=5, label=_("with the war room"), zorder=3,
            clip_on=False,
        )  # fmt: skip
        axes.set_ylim(-1.3, len(shown) - 0.4)
        axes.legend(loc="lower right", fontsize=LETTERS, frameon=False, handletextpad=0.2)
    axes.set_axisbelow(True)
    axes.grid(visible=False, axis="y")
    axes.set_xlim(0, max([*(100 * bar.interval.high for bar in shown), 1.0]) * 1.8)
    axes.tick_params(labelsize=LETTERS)
    axes.set_title(_("breaks in % of events, worst minute"), fontsize=LETTERS + 2)


def _curve(axes: Axes, found: Rehearsal) -> None:
    priced = all(point.cost is not None for point in found.curve)
    costs = [float(point.cost if point.cost is not None else point.replica_hours) for point in found.curve]
    axes.plot(costs, [100 * point.event_ratio for point in found.curve], color=BLUE, marker="o")
    for point, cost in zip(found.curve, costs, strict=True):
        chosen = point.floor_factor == 1
        axes.annotate(
            f"×{point.floor_factor:g}" + (" " + _("(plan)") if chosen else ""),
            (cost, 100 * point.event_ratio),
            xytext=(4, 6),
            textcoords="offset points",
            fontsize=LETTERS,
            color=RED if chosen else BLUE,
        )
    axes.margins(x=0.15)
    axes.set_ylim(bottom=0, top=max(1.0, *(130 * point.event_ratio for point in found.curve)))
    axes.tick_params(labelsize=LETTERS)
    axes.set_title(_("% of events short at floors × …"), fontsize=LETTERS + 2)
    axes.set_xlabel(_("cost") + f" ({found.currency})" if priced else _("replica-hours"), fontsize=LETTERS)
