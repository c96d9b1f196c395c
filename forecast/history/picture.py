"""`out/history.png`: a year of traffic at a glance, with what is masked or unexplained marked on it."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import matplotlib.dates as mdates
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from campaign.charts import AMBER, BAND, BLUE, GREEN, MUTED, RED, chart, fitted, save_chart
from campaign.language import _
from campaign.numbers import spoken
from forecast.history.findings import Finding, Kind
from forecast.history.reading import TrafficHistory
from forecast.history.report import kind_in_words

MARKS: dict[Kind, tuple[str, str]] = {
    "gap": (MUTED, "s"), "outage": (RED, "X"), "test-window": (GREEN, "^"),
    "bot": ("#6b46c1", "D"), "surge": (AMBER, "o"),
}  # fmt: skip
"""Each kind's colour, and a shape for eyes and printers without colours."""
SERVICES_DRAWN = 8
NARROWEST_DAYS = 0.006
WIDTH_INCHES, PANEL_INCHES, LETTERS, NAME_COLUMNS = 4.4, 1.35, 10, 44
MIDDAY = np.timedelta64(12, "h")
DATES = ["%Y", "%Y-%m", "%m-%d", "%m-%d %H:%M", "%m-%d %H:%M", "%H:%M:%S"]
"""By year, month, day, hour …: figures alone, which read the same in every language."""


def draw_history(path: Path, history: TrafficHistory, zone: ZoneInfo) -> None:
    """One panel for each service, the busiest first: daily range and mean, and marked stretches for findings."""
    hourly = history.hourly()
    services = list(hourly.mean().sort_values(ascending=False).index[:SERVICES_DRAWN])
    shown = [finding for finding in history.findings if finding.service in services]
    with chart(WIDTH_INCHES, 1.4 + PANEL_INCHES * max(len(services), 1)) as figure:
        panels = figure.subplots(max(len(services), 1), 1, sharex=True, squeeze=False)[:, 0]
        for axes, service in zip(panels, services, strict=False):
            _panel(axes, str(service), hourly[service], zone)
            _mark(axes, [f for f in shown if f.service == service], len(hourly) / 24, zone)
        title = _("requests/s by hour: each day's mean and range")
        if len(services) < len(hourly.columns):
            title += "\n" + _("the busiest {count} of {of} services").format(
                count=len(services), of=len(hourly.columns)
            )
        figure.suptitle(title, x=0.01, ha="left", fontsize=LETTERS + 1, fontweight="bold", linespacing=1.5)
        handles = [
            Line2D([], [], color=colour, marker=marker, linestyle="", label=kind_in_words(kind))
            for kind, (colour, marker) in MARKS.items()
            if any(f.kind == kind for f in shown)
        ]
        if handles:
            figure.legend(handles=handles, loc="outside lower left", ncols=2, fontsize=LETTERS)
        save_chart(figure, path)


def _panel(axes: Axes, service: str, rates: pd.Series, zone: ZoneInfo) -> None:
    local = rates.tz_localize("UTC").tz_convert(zone).tz_localize(None)
    days = local.resample("D")
    times = days.mean().index.to_numpy() + MIDDAY
    axes.fill_between(times, days.min().to_numpy(), days.max().to_numpy(), color=BAND, linewidth=0)
    axes.plot(times, days.mean().to_numpy(), color=BLUE, linewidth=1.2)
    axes.set_title(fitted(service, NAME_COLUMNS), fontsize=LETTERS)
    axes.set_ylim(bottom=0)
    axes.tick_params(labelsize=LETTERS)
    axes.yaxis.set_major_locator(MaxNLocator(3))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _position: spoken(value)))
    locator = mdates.AutoDateLocator(minticks=2, maxticks=5)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_locator(locator)
    formatter = mdates.ConciseDateFormatter(locator, formats=DATES, zero_formats=DATES, show_offset=False)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(formatter)


def _mark(axes: Axes, findings: list[Finding], days: float, zone: ZoneInfo) -> None:
    """Stretches too short to see are widened to a visible line."""
    narrowest = np.timedelta64(max(int(NARROWEST_DAYS * days * 86400), 1), "s")
    for finding in findings:
        start, end = (_local(t, zone) for t in (finding.starts_at_utc, finding.ends_at_utc))
        colour, marker = MARKS[finding.kind]
        axes.axvspan(start, max(end, start + narrowest), color=colour, alpha=0.45, linewidth=0)  # type: ignore[arg-type]
        on_top = axes.get_xaxis_transform()
        axes.plot([start], [1], marker, color=colour, markersize=6, transform=on_top, clip_on=False)


def _local(moment: pd.Timestamp | object, zone: ZoneInfo) -> np.datetime64:
    return pd.Timestamp(moment).tz_convert(zone).tz_localize(None).to_datetime64()  # type: ignore[arg-type]
