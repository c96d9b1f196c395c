"""`out/history.png`: a year of traffic at a glance, with what is masked or unexplained marked on it."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import matplotlib.dates as mdates
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

from campaign.charts import AMBER, BLUE, GREEN, MUTED, RED, chart, save_chart
from campaign.language import _
from forecast.history.findings import Finding, Kind
from forecast.history.reading import TrafficHistory
from forecast.history.report import kind_in_words

COLOURS: dict[Kind, str] = {"gap": MUTED, "outage": RED, "test-window": GREEN, "bot": "#6b46c1", "surge": AMBER}
SERVICES_DRAWN = 8
NARROWEST_DAYS = 0.006
PANEL_INCHES = 1.35
MIDDAY = np.timedelta64(12, "h")
DATES = ["%Y", "%Y-%m", "%m-%d", "%m-%d %H:%M", "%m-%d %H:%M", "%H:%M:%S"]
"""By year, month, day, hour …: figures alone, which read the same in every language."""


def draw_history(path: Path, history: TrafficHistory, zone: ZoneInfo) -> None:
    """One panel for each service, the busiest first: daily range and mean, and coloured stretches for findings."""
    hourly = history.hourly()
    services = list(hourly.mean().sort_values(ascending=False).index[:SERVICES_DRAWN])
    with chart(height=1.0 + PANEL_INCHES * max(len(services), 1)) as figure:
        panels = figure.subplots(max(len(services), 1), 1, sharex=True, squeeze=False)[:, 0]
        for axes, service in zip(panels, services, strict=False):
            _panel(axes, str(service), hourly[service], zone)
            _mark(axes, [f for f in history.findings if f.service == service], len(hourly) / 24, zone)
        seen = [kind for kind in COLOURS if any(f.kind == kind for f in history.findings)]
        handles = [Patch(color=COLOURS[kind], label=kind_in_words(kind)) for kind in seen]
        if handles:
            figure.legend(handles=handles, loc="outside lower left", ncols=5, fontsize=10)
        save_chart(figure, path)


def _panel(axes: Axes, service: str, rates: pd.Series, zone: ZoneInfo) -> None:
    local = rates.tz_localize("UTC").tz_convert(zone).tz_localize(None)
    days = local.resample("D")
    times = days.mean().index.to_numpy() + MIDDAY
    axes.fill_between(times, days.min().to_numpy(), days.max().to_numpy(), color=BLUE, alpha=0.25, linewidth=0)
    axes.plot(times, days.mean().to_numpy(), color=BLUE, linewidth=1.2)
    axes.set_title(_("{service}: requests per second, day's mean and range").format(service=service), fontsize=10)
    axes.set_ylim(bottom=0)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _position: f"{value:,.0f}"))
    locator = axes.xaxis.get_major_locator()
    formatter = mdates.ConciseDateFormatter(locator, formats=DATES, zero_formats=DATES, show_offset=False)  # type: ignore[no-untyped-call]
    axes.xaxis.set_major_formatter(formatter)


def _mark(axes: Axes, findings: list[Finding], days: float, zone: ZoneInfo) -> None:
    """Stretches too short to see are widened to a visible line."""
    narrowest = np.timedelta64(max(int(NARROWEST_DAYS * days * 86400), 1), "s")
    for finding in findings:
        start, end = (_local(t, zone) for t in (finding.starts_at_utc, finding.ends_at_utc))
        axes.axvspan(start, max(end, start + narrowest), color=COLOURS[finding.kind], alpha=0.45, linewidth=0)  # type: ignore[arg-type]


def _local(moment: pd.Timestamp | object, zone: ZoneInfo) -> np.datetime64:
    return pd.Timestamp(moment).tz_convert(zone).tz_localize(None).to_datetime64()  # type: ignore[arg-type]
