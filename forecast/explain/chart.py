"""`traffic.png`: what is coming, when it peaks, and how sure that is; for people who read no statistics."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import matplotlib.dates as mdates
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator
from numpy.typing import NDArray

from campaign.charts import AMBER, BAND, BLUE, INK, MUTED, OUTER, RED, chart, fitted, save_chart
from campaign.console import width
from campaign.language import _
from campaign.moments import moment_name
from campaign.numbers import spoken
from campaign.plan import Plan
from campaign.settings import Settings
from campaign.traffic import Quantiles, TrafficPaths
from forecast.backtest.again import actual_on, together
from forecast.epochs import DAY, HOUR, epoch, epochs, naive_utc
from forecast.evidence import Evidence
from forecast.model import Forecast, peaks
from forecast.paths.grid import Grid

Floats = NDArray[np.float64]

# On a phone the picture is 390 points wide: 4.4 inches keep ten-point letters above twelve points there.
WIDTH_INCHES, HEIGHT_INCHES = 4.4, 6.4
LETTERS, TITLE, TITLE_LONG = 10, 14, 11
TITLE_COLUMNS, TITLE_COLUMNS_MOST = 30, 50
LINES = 1.5  # Chinese letters fill theirs
TICKS_X, TICKS_Y = 4, 5
PICTURE_SECONDS = 300
ANALOGUES = 3
MARKS = 4


def draw_forecast(paths: Sequence[Path], forecast: Forecast, evidence: Evidence, settings: Settings) -> None:
    """Draw the total of all services: band, middle, moments, the peak in words, and past campaigns of the kind.

    paths: one picture in several formats, as their endings say."""
    plan = forecast.learned.target
    zone = ZoneInfo(plan.time_zone or settings.time_zone)
    with chart(WIDTH_INCHES, HEIGHT_INCHES) as figure:
        axes = figure.subplots(2, 1, height_ratios=[3.4, 1.0])
        _campaign(axes[0], forecast, evidence, zone)
        _history(axes[1], forecast, evidence, zone)
        size = TITLE if width(plan.title) <= TITLE_COLUMNS else TITLE_LONG
        figure.suptitle(fitted(plan.title, TITLE_COLUMNS_MOST), x=0.01, ha="left", fontweight="bold", fontsize=size)
        for path in paths:
            save_chart(figure, path)


def _campaign(axes: Axes, forecast: Forecast, evidence: Evidence, zone: ZoneInfo) -> None:
    grid, quantiles = total_quantiles(forecast.paths)
    edges = _local(np.append(grid.starts, grid.ends[-1]), zone)
    p10, p50, p90, p99 = np.column_stack([quantiles, quantiles[:, -1]])
    axes.fill_between(edges, p90, p99, step="post", color=OUTER, linewidth=0, label=_("up to 99 in 100"))
    axes.fill_between(edges, p10, p90, step="post", color=BAND, linewidth=0, label=_("8 of 10 campaigns"))
    axes.plot(edges, p50, drawstyle="steps-post", color=BLUE, linewidth=1.8, label=_("middle"))
    _analogues(axes, forecast, evidence, zone)
    peak = forecast.model.total
    at = peak.peak_at_utc.astimezone(zone)
    found = peak.peak_requests_per_second
    top = max(float(p99.max()), found.p90)
    _peak(axes, float(_local(np.array([epoch(at)]), zone)[0]), found)
    _moments(axes, forecast.learned.target, zone, top)
    words = _("peak about {p50} requests/s at {time}\n9 of 10 below {p90}, 99 of 100 below {p99}").format(
        p50=spoken(found.p50), time=f"{at:%m-%d %H:%M}", p90=spoken(found.p90), p99=spoken(found.p99)
    )
    axes.set_title(words, fontsize=LETTERS, fontweight="normal", color=INK, linespacing=LINES)
    axes.set_ylim(0, top * 1.3)
    _rate_axis(axes, TICKS_Y)
    _time_axis(axes, zone)
    axes.legend(loc="upper center", fontsize=LETTERS, ncols=2, bbox_to_anchor=(0.45, -0.24), columnspacing=1.0)


def _peak(axes: Axes, at: float, found: Quantiles) -> None:
    """The busiest minute: higher than the five minutes around it, whose middles the line shows."""
    axes.vlines(at, found.p10, found.p90, color=RED, linewidth=3, label=_("busiest minute, 8 of 10"), zorder=3)
    axes.plot([at], [found.p50], "o", color=RED, markersize=5, zorder=3)


def total_quantiles(paths: TrafficPaths) -> tuple[Grid, Floats]:
    """Means of the total over five minutes (or over a bucket that is longer), their quantiles [quantile, interval]."""
    starts = epochs(paths.starts_at_utc)
    number = starts // np.maximum(paths.seconds, PICTURE_SECONDS)
    at = np.flatnonzero(np.concatenate([[True], np.diff(number) != 0]))
    total = paths.requests_per_second.sum(axis=1)
    sums = np.add.reduceat(total * paths.seconds, at, axis=1)
    lengths = np.add.reduceat(paths.seconds, at)
    return Grid(starts[at], lengths), np.quantile(sums / lengths, [0.1, 0.5, 0.9, 0.99], axis=0)


def _local(times: NDArray[np.int64], zone: ZoneInfo) -> Floats:
    """Matplotlib dates in the zone's own wall time."""
    offsets = [datetime.fromtimestamp(int(t), zone).utcoffset() or timedelta() for t in times]
    return np.asarray(times / DAY + np.array([offset.total_seconds() / DAY for offset in offsets]))


def _analogues(axes: Axes, forecast: Forecast, evidence: Evidence, zone: ZoneInfo) -> None:
    """Past campaigns of the same kind, shifted so that they start together."""
    learned = forecast.learned
    alike = [plan for plan in learned.past if plan.kind == learned.target.kind][-ANALOGUES:]
    start, end = epoch(learned.target.starts_at), epoch(learned.target.ends_at)
    for i, plan in enumerate(alike):
        shift = start - epoch(plan.starts_at)
        grid, rates = past_total(evidence, start - shift - 6 * HOUR, min(epoch(plan.ends_at), end - shift) + 6 * HOUR)
        if not np.isnan(rates).all():
            label = _("past campaigns, same start") if i == 0 else None
            times = _local(grid.starts + shift, zone)
            axes.plot(times, rates, drawstyle="steps-post", color=MUTED, linewidth=0.9, alpha=0.7, label=label)


def past_total(evidence: Evidence, starts: int, ends: int) -> tuple[Grid, Floats]:
    """What came on all services together in each five minutes; NaN where that is not known of one."""
    at = np.arange(starts // PICTURE_SECONDS, ends // PICTURE_SECONDS) * PICTURE_SECONDS
    grid = Grid(at, np.full(len(at), PICTURE_SECONDS))
    return grid, together(actual_on(evidence, grid))


def _moments(axes: Axes, plan: Plan, zone: ZoneInfo, top: float) -> None:
    shown = sorted({(m.at, m.kind) for m in plan.moments})[:MARKS]
    low, high = axes.get_xlim()
    for i, (at, kind) in enumerate(shown):
        x = float(_local(np.array([epoch(at)]), zone)[0])
        late = x > (low + high) / 2
        axes.axvline(x, color=AMBER, linewidth=1.0, linestyle="--")
        axes.annotate(
            f"{at.astimezone(zone):%H:%M} {moment_name(kind)}",
            (x, top * (1.2 - 0.11 * (i % MARKS))),
            xytext=(-4 if late else 4, 0),
            ha="right" if late else "left",
            textcoords="offset points",
            fontsize=LETTERS,
            color=AMBER,
        )


def _history(axes: Axes, forecast: Forecast, evidence: Evidence, zone: ZoneInfo) -> None:
    """The peak of every past day, so that the forecast's size can be seen beside what has been."""
    days = day_peaks(evidence, zone)
    edges = mdates.date2num([*days.index, days.index[-1] + pd.Timedelta(days=1)])  # type: ignore[no-untyped-call]
    axes.stairs(days.fillna(0.0).to_numpy(), edges, fill=True, color=MUTED)
    target = forecast.learned.target
    # Without what a bucket hides of its peak minute: days that have been are shown by bucket, too.
    found = peaks(forecast.paths, target)[1].peak_requests_per_second
    x = _local(np.array([epoch(target.starts_at)]), zone)
    axes.vlines(x, found.p10, found.p90, color=RED, linewidth=4)
    axes.set_title(_("peak of each day; red: of this campaign"), fontsize=LETTERS, fontweight="normal", color=INK)
    _rate_axis(axes, 2)
    _dates(axes, "%Y-%m", TICKS_X)


def day_peaks(evidence: Evidence, zone: ZoneInfo) -> pd.Series[float]:
    """The busiest hour of each of the zone's days, and the busiest of the shorter buckets that campaigns have."""
    known = [evidence.hourly.sum(axis=1, min_count=1)]
    finest = max(evidence.stretches, key=lambda stretch: len(stretch.starts), default=None)
    if finest is not None:
        each = actual_on(evidence, Grid(finest.starts, finest.seconds))
        apart = np.flatnonzero(np.diff(finest.starts) > finest.seconds[:-1]) + 1
        total = np.concatenate([together(campaign) for campaign in np.split(each, apart, axis=1)])
        known.append(pd.Series(total, index=pd.DatetimeIndex(naive_utc(finest.starts))))
    rates = pd.concat(known)
    local = pd.DatetimeIndex(rates.index).tz_localize("UTC").tz_convert(zone).tz_localize(None)
    highest: pd.Series[float] = rates.set_axis(local).resample("D").max()
    return highest


def _time_axis(axes: Axes, zone: ZoneInfo) -> None:
    _dates(axes, "%m-%d\n%H:%M", TICKS_X)
    axes.set_xlabel(_("time in {zone}").format(zone=zone.key), fontsize=LETTERS, color=MUTED)


def _rate_axis(axes: Axes, ticks: int) -> None:
    axes.yaxis.set_major_locator(MaxNLocator(ticks))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _position: spoken(value)))
    axes.tick_params(labelsize=LETTERS)


def _dates(axes: Axes, form: str, ticks: int) -> None:
    locator = mdates.AutoDateLocator(minticks=2, maxticks=ticks)  # type: ignore[no-untyped-call]
    locator.maxticks[mdates.HOURLY] = ticks + 1
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(mdates.DateFormatter(form))  # type: ignore[no-untyped-call]
