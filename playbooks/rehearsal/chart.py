"""`rehearsal.png`: what breaks how often, and risk against cost; readable on a phone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, MaxNLocator

from campaign.charts import AMBER, BLUE, GREEN, INK, RED, chart, fitted, save_chart
from campaign.language import _
from campaign.numbers import local_minute, percent, spoken
from playbooks.rehearsal.record import Interval, Rehearsal

WIDTH_INCHES, ROW_INCHES, CURVE_INCHES, LETTERS, NAME_COLUMNS = 4.4, 0.42, 3.0, 10, 20
BARS_MOST = 12
LEGEND_BELOW = -0.75
"""Where the legend begins under the bars, in rows of bars."""
HATCHES = {GREEN: "", AMBER: "///", RED: "xxx"}
"""For eyes and printers without colours, the best first."""


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
    every = list(_bars(found))
    bars = every if len(every) <= BARS_MOST else sorted(every, key=_from_the_worst)[:BARS_MOST]
    height = (1.9 if len(bars) == len(every) else 2.2) + ROW_INCHES * len(bars)
    with chart(WIDTH_INCHES, height + CURVE_INCHES) as figure:
        figure.set_layout_engine("constrained", h_pad=0.12)  # the curve's title clear of the bars' figures
        upper, lower = figure.subplots(2, 1, height_ratios=[height, CURVE_INCHES])
        title = _("breaks in % of events, worst minute")
        if len(bars) < len(every):
            title += "\n" + _("the worst {count} of {of}").format(count=len(bars), of=len(every))
        figure.suptitle(title, x=0.01, ha="left", fontsize=LETTERS + 2, fontweight="bold", linespacing=1.5)
        _breaks(upper, bars, zone)
        _curve(lower, found)
        save_chart(figure, path)


def _from_the_worst(bar: Bar) -> tuple[int, float]:
    return list(HATCHES)[::-1].index(bar.colour), -bar.ratio


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
    rows = range(len(shown))
    for row, bar in zip(rows, shown, strict=True):
        axes.barh(row, 100 * bar.ratio, color=bar.colour, hatch=HATCHES[bar.colour], edgecolor="white", linewidth=0)
        axes.plot((100 * bar.interval.low, 100 * bar.interval.high), (row, row), color=INK, marker="|", markersize=8)
        axes.annotate(
            percent(bar.ratio) + (" · " + local_minute(bar.at, zone) if bar.ratio else ""),
            (100 * bar.interval.high, row),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=LETTERS,
        )
    joined = [
        (100 * bar.joined_ratio, row) for row, bar in zip(rows, shown, strict=True) if bar.joined_ratio is not None
    ]
    handles: list[Artist] = [*_meanings(bars)]
    if joined:
        handles += axes.plot(
            *zip(*joined, strict=True), "D", color="white", markeredgecolor=INK, markersize=5,
            label=_("with the war room"), zorder=3, clip_on=False,
        )  # fmt: skip
    axes.legend(
        handles=handles, loc="upper left", bbox_to_anchor=(0, LEGEND_BELOW / len(bars)), fontsize=LETTERS,
        handletextpad=0.4, borderaxespad=0,
    )  # fmt: skip
    axes.set_yticks(rows, [fitted(bar.name, NAME_COLUMNS) for bar in shown])
    axes.set_axisbelow(True)
    axes.grid(visible=False, axis="y")
    axes.set_xlim(0, max([*(100 * bar.interval.high for bar in shown), 1.0]) * 1.8)
    axes.tick_params(labelsize=LETTERS)


def _meanings(bars: Sequence[Bar]) -> Iterator[Patch]:
    """What the colours that are seen mean."""
    words = {GREEN: _("accepted"), AMBER: _("too few paths to say"), RED: _("more than accepted")}
    for colour, said in words.items():
        if any(bar.colour == colour for bar in bars):
            yield Patch(facecolor=colour, hatch=HATCHES[colour], edgecolor="white", linewidth=0, label=said)


def _curve(axes: Axes, found: Rehearsal) -> None:
    priced = all(point.cost is not None for point in found.curve)
    costs = [float(point.cost if point.cost is not None else point.replica_hours) for point in found.curve]
    axes.plot(costs, [100 * point.event_ratio for point in found.curve], color=BLUE, marker="o")
    for point, cost in zip(found.curve, costs, strict=True):
        chosen = point.floor_factor == 1
        if chosen:
            axes.plot([cost], [100 * point.event_ratio], "o", color=RED)
        axes.annotate(
            f"×{point.floor_factor:g}",
            (cost, 100 * point.event_ratio),
            xytext=(4, 6),
            textcoords="offset points",
            fontsize=LETTERS,
            color=RED if chosen else BLUE,
            weight="bold" if chosen else "normal",
        )
    axes.margins(x=0.15)
    axes.xaxis.set_major_locator(MaxNLocator(4))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _position: spoken(value)))
    axes.set_ylim(bottom=0, top=max(1.0, *(130 * point.event_ratio for point in found.curve)))
    axes.tick_params(labelsize=LETTERS)
    axes.set_title(_("% of events short at floors × …"), fontsize=LETTERS + 2)
    measured = _("cost") + f" ({found.currency})" if priced else _("replica-hours")
    axes.set_xlabel(f"{measured} · " + _("×1: the plan"), fontsize=LETTERS)
