"""`out/backtest.png`: how far off each way of forecasting was, and whether quantiles held as often as they say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray
from scipy.stats import binom

from campaign.charts import BLUE, MUTED, OUTER, chart, save_chart
from campaign.language import _
from campaign.numbers import percent
from forecast.backtest.labels import METHOD_LABELS
from forecast.backtest.peers import LAST_WEEK, OURS, PROPHET, PROPHET_EVENTS
from forecast.backtest.scores_file import BackTestFile

WIDTH_INCHES, HEIGHT_INCHES, LETTERS = 4.4, 6.0, 10
DRAWN = (OURS, LAST_WEEK, PROPHET, PROPHET_EVENTS)
WHOLE = np.linspace(0, 1, 201)

Floats = NDArray[np.float64]


def draw_backtest(path: Path, made: BackTestFile) -> None:
    """Above: the error of each method, the least first; below: how often peaks stayed under each quantile."""
    with chart(WIDTH_INCHES, HEIGHT_INCHES) as figure:
        figure.set_layout_engine("constrained", h_pad=0.1)
        upper, lower = figure.subplots(2, 1, height_ratios=[1, 1.9])
        _errors(upper, made)
        _reliability(lower, made)
        for axes in (upper, lower):
            axes.tick_params(labelsize=LETTERS)
        save_chart(figure, path)


def chance_band(levels: Floats, campaigns: int) -> tuple[Floats, Floats]:
    """Between which shares 95 of 100 back-tests of so many campaigns lie where every quantile is right."""
    low, high = (binom.ppf(tail, campaigns, levels) / campaigns for tail in (0.025, 0.975))
    return np.maximum(low, 0.0), np.minimum(high, 1.0)


def _errors(axes: Axes, made: BackTestFile) -> None:
    names = sorted((name for name in DRAWN if name in made.over_all), key=lambda name: made.over_all[name].wape_ratio)
    errors = [made.over_all[name].wape_ratio for name in names]
    bars = axes.barh(range(len(names)), errors, color=[BLUE if name == OURS else MUTED for name in names])
    axes.bar_label(bars, [percent(error) for error in errors], padding=3, fontsize=LETTERS)
    axes.set_yticks(range(len(names)), [str(METHOD_LABELS[name]) for name in names])
    axes.invert_yaxis()
    axes.set_xlim(0, max(*errors, 0.01) * 1.3)
    axes.set_xticks([])
    axes.grid(visible=False)
    axes.set_title(_("error by hour, {count} campaigns").format(count=len(made.campaigns)), fontsize=LETTERS + 1)


def _reliability(axes: Axes, made: BackTestFile) -> None:
    levels, shares = ([100 * getattr(one, key) for one in made.reliability] for key in ("level", "share_ratio"))
    low, high = chance_band(WHOLE, len(made.campaigns))
    axes.fill_between(100 * WHOLE, 100 * low, 100 * high, color=OUTER, linewidth=0, label=_("what chance allows"))
    axes.plot([0, 100], [0, 100], color=MUTED, linewidth=1, linestyle="--", label=_("as said"))
    axes.plot(levels, shares, color=BLUE, marker="o", markersize=4, label=_("as it happened"))
    axes.set_title(_("peaks below each quantile"), fontsize=LETTERS + 1)
    axes.set_xlabel(_("said, %"), fontsize=LETTERS)
    axes.set_ylabel(_("happened, %"), fontsize=LETTERS)
    axes.legend(fontsize=LETTERS, loc="upper left")
