"""The README's picture: a match of the 1998 World Cup as forecast three days before, and what really came.

    .venv/bin/python benchmarks/worldcup98_picture.py ../shared/data/wc98_web_minute docs/images/worldcup98.png

Prints the scores that the README states. The workspace is made, forecast and read by the commands themselves.
"""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.dates import DateFormatter
from numpy.typing import NDArray

from campaign.charts import BAND, BLUE, MUTED, OUTER, RED, chart, save_chart
from campaign.plan import Plan
from campaign.traffic import Quantiles, TrafficPaths
from campaign.workspace import open_workspace
from surgeplan.cli import main as surgeplan

MATCH = "m41-belgium-south-korea"  # the busiest minutes of the data's last week
SERVICE = "web"


def actual_minutes(data: Path) -> pd.Series:
    """Requests per second by naive UTC minute."""
    frame = pd.read_csv(data / "requests_per_minute.csv.gz", parse_dates=["ts_utc"])
    return frame.set_index("ts_utc")["requests"] / 60


def main(data: Path, picture: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shop = Path(folder) / "worldcup98"
        surgeplan(["init", str(shop), "--example", "worldcup98", "--data", str(data)])
        surgeplan(["forecast", MATCH, "--workspace", str(shop)])
        plan = open_workspace(shop).plan(MATCH)
        paths = TrafficPaths.load(shop / "out" / MATCH / "traffic_paths.npz")
    actual = actual_minutes(data).reindex(pd.DatetimeIndex(paths.starts_at_utc))
    print_scores(plan, paths, actual.to_numpy())
    draw(plan, paths, actual.to_numpy(), picture)


def print_scores(plan: Plan, paths: TrafficPaths, actual: NDArray[np.float64]) -> None:
    starts, ends = (
        np.datetime64(at.astimezone(UTC).replace(tzinfo=None), "s") for at in (plan.starts_at, plan.ends_at)
    )
    inside = (paths.starts_at_utc >= starts) & (paths.starts_at_utc < ends)
    q = Quantiles.of(paths.within(starts, ends).requests_per_second[:, 0].max(axis=1))
    _, p50, p90, p99 = paths.quantiles(SERVICE)[:, inside]
    real = actual[inside]
    print(f"peak: p50 {q.p50:,.0f}, p90 {q.p90:,.0f}, p99 {q.p99:,.0f}; really {real.max():,.0f}")
    print(f"minutes within p90: {np.mean(real <= p90):.0%}, within p99: {np.mean(real <= p99):.0%}")
    print(f"WAPE of the median: {np.abs(real - p50).sum() / real.sum():.0%}")


def draw(plan: Plan, paths: TrafficPaths, actual: NDArray[np.float64], picture: Path) -> None:
    p10, p50, p90, p99 = paths.quantiles(SERVICE)
    local = pd.DatetimeIndex(paths.starts_at_utc) + plan.starts_at.utcoffset()
    with chart(7.2, 4.2) as figure:
        axes = figure.subplots()
        axes.fill_between(local, p10, p99, color=OUTER, linewidth=0, label="p10 – p99")
        axes.fill_between(local, p10, p90, color=BAND, linewidth=0, label="p10 – p90")
        axes.plot(local, p50, color=BLUE, linewidth=1.8, label="p50, three days before")
        axes.plot(local, actual, color=RED, linewidth=1.2, label="what came")
        for moment in plan.moments:
            at = moment.at.replace(tzinfo=None)
            axes.axvline(at, color=MUTED, linewidth=0.8, linestyle="--")
            axes.annotate(moment.kind, (at, axes.get_ylim()[1]), color=MUTED, rotation=90, va="top", ha="right")
        axes.set_title(plan.title + ", 25 June 1998")
        axes.set_ylabel("requests per second")
        axes.set_ylim(bottom=0)
        axes.legend(loc="upper right")
        axes.xaxis.set_major_formatter(DateFormatter("%H:%M"))
        save_chart(figure, picture)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
