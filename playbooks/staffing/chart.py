"""staffing.png and .svg: people needed and rostered, per desk, around the campaign."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from matplotlib.axes import Axes
from matplotlib.dates import HOURLY, AutoDateLocator, num2date
from matplotlib.ticker import FuncFormatter

from campaign.charts import BAND, BLUE, OUTER, RED, chart, fitted, save_chart
from campaign.language import _
from campaign.plan import Plan
from playbooks.staffing.planning import DeskFigures, span

BEFORE, AFTER = timedelta(hours=24), timedelta(hours=36)
WIDTH_INCHES, PANEL_INCHES, LETTERS, NAME_COLUMNS = 4.4, 2.0, 10, 44


def draw_staffing(folder: Path, figures: Sequence[DeskFigures], plan: Plan, zone: str) -> None:
    """One panel per desk, from a day before the campaign to a day and a half after it, in the campaign's zone."""
    with chart(WIDTH_INCHES, 1.0 + PANEL_INCHES * len(figures)) as figure:
        panels = figure.subplots(len(figures), 1, sharex=True, squeeze=False)[:, 0]
        for panel, one in zip(panels, figures, strict=True):
            _draw(panel, one, plan, zone)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", fontsize=LETTERS, ncols=2)
        for ending in ("png", "svg"):
            save_chart(figure, folder / f"staffing.{ending}")


def _draw(panel: Axes, figures: DeskFigures, plan: Plan, zone: str) -> None:
    starts = [span(figures.clock, i)[0] for i in range(len(figures.required))]
    shown = [i for i, start in enumerate(starts) if plan.starts_at - BEFORE <= start <= plan.ends_at + AFTER]
    shown = shown or list(range(len(starts)))
    local = np.array([starts[i].astimezone(ZoneInfo(zone)).replace(tzinfo=None) for i in shown])
    panel.fill_between(local, figures.rostered[shown], step="post", color=BAND, label=_("people rostered"))
    panel.step(local, figures.required[shown], where="post", color=BLUE, label=_("people needed"))
    missing = figures.required[shown] > figures.rostered[shown] + 1e-6
    panel.fill_between(
        local, figures.rostered[shown], figures.required[shown], where=missing, step="post", color=RED, alpha=0.7,
        label=_("missing"),
    )  # fmt: skip
    opening, closing = (at.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for at in (plan.starts_at, plan.ends_at))
    panel.axvspan(opening, closing, color=OUTER, zorder=0, label=_("the campaign"))  # type: ignore[arg-type]
    panel.set_title(fitted(figures.ready.name, NAME_COLUMNS), fontsize=LETTERS + 1)
    panel.tick_params(labelsize=LETTERS)
    panel.set_ylim(bottom=0)
    locator = AutoDateLocator(minticks=3, maxticks=6)  # type: ignore[no-untyped-call]
    locator.maxticks[HOURLY] = 7  # every twelve hours through to the third day, from which on days are marked
    panel.xaxis.set_major_locator(locator)
    panel.xaxis.set_major_formatter(FuncFormatter(_tick))


def _tick(value: float, _position: int | None = None) -> str:
    """A day at its midnight, else the time."""
    moment = num2date(value)  # type: ignore[no-untyped-call]
    return str(moment.strftime("%m-%d" if moment.hour == moment.minute == 0 else "%H:%M"))
