"""`rehearsal.png`: what breaks how often, and risk against cost; readable on a phone."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

from matplotlib.axes import Axes

from campaign.charts import AMBER, BLUE, GREEN, INK, RED, chart, save_chart
from campaign.language import _
from campaign.numbers import local_minute, percent
from playbooks.rehearsal.record import Break, Rehearsal

WIDTH_INCHES, ROW_INCHES, CURVE_INCHES, LETTERS = 4.4, 0.42, 3.0, 10


def draw_rehearsal(path: Path, found: Rehearsal, zone: ZoneInfo) -> None:
    """Two panels; the ending of `path` says as what."""
    bars = 1.1 + ROW_INCHES * len(found.breaks)
    with chart(WIDTH_INCHES, bars + CURVE_INCHES) as figure:
        upper, lower = figure.subplots(2, 1, height_ratios=[bars, CURVE_INCHES])
        _breaks(upper, found, zone)
        _curve(lower, found)
        save_chart(figure, path)


def _breaks(axes: Axes, found: Rehearsal, zone: ZoneInfo) -> None:
    shown = found.breaks[::-1]
    ratios = [100 * one.event_ratio for one in shown]
    colours = [_colour(one, found.appetite_probability_per_minute) for one in shown]
    axes.barh([one.name for one in shown], ratios, color=colours)
    intervals = [one.event_interval for one in shown]
    for row, found_interval in enumerate(intervals):
        ends = 100 * found_interval.low, 100 * found_interval.high
        axes.plot(ends, (row, row), color=INK, linewidth=1, marker="|", markersize=8)
    for row, one in enumerate(shown):
        words = percent(one.event_ratio)
        if one.event_ratio:
            words += " · " + local_minute(one.worst_at_utc, zone)
        axes.annotate(
            words,
            (max(ratios[row], 100 * one.event_interval.high), row),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=LETTERS,
        )
    axes.set_axisbelow(True)
    axes.grid(visible=False, axis="y")
    axes.set_xlim(0, max([*ratios, *(100 * each.high for each in intervals), 1.0]) * 1.8)
    axes.tick_params(labelsize=LETTERS)
    axes.set_title(_("breaks in % of events, worst minute"), fontsize=LETTERS + 2)


def _colour(one: Break, accepted_ratio: float) -> str:
    """Red where it surely breaks more often than accepted, green where surely not, amber where it is open."""
    if one.worst_minute_interval.low > accepted_ratio:
        return RED
    return GREEN if one.worst_minute_interval.high <= accepted_ratio else AMBER


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
    axes.set_title(_("% of events short, all floors times"), fontsize=LETTERS + 2)
    axes.set_xlabel(_("cost") + f" ({found.currency})" if priced else _("replica-hours"), fontsize=LETTERS)
