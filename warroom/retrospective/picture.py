"""What came beside the forecast, over the campaign."""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

import matplotlib.dates as mdates
import numpy as np
from matplotlib.ticker import FuncFormatter

from campaign.charts import BAND, BLUE, INK, chart, save_chart
from campaign.language import _
from campaign.numbers import spoken
from warroom.retrospective.scores import Band
from warroom.retrospective.timeline import Buckets, Ints


def draw_retrospective(path: Path, real: Buckets, band: Band, zone: ZoneInfo, *, has_band: bool) -> None:
    """Requests per second of all services: real in black, the forecast's middle in blue dashes; has_band: between p10
    and p90 in blue."""
    with chart(width=4.8, height=3.6) as figure:  # its letters are as large as those beside it on a phone
        axes = figure.subplots()
        middle, (low, _p50, high, _p99) = band.middle, band.quantiles
        if has_band:
            axes.fill_between(_times(band.starts), low, high, color=BAND, linewidth=0, label=_("8 of 10 campaigns"))
        axes.plot(
            _times(middle.starts), middle.rates, color=BLUE, linewidth=1.6, linestyle="--", label=_("forecast, p50")
        )
        axes.plot(_times(real.starts), real.rates, color=INK, linewidth=1.0, label=_("what came"))
        axes.set_ylim(bottom=0)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _position: spoken(value)))
        axes.set_title(_("requests/s, all services"))
        locator = mdates.AutoDateLocator(tz=zone, minticks=2, maxticks=5)  # type: ignore[no-untyped-call]
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(mdates.DateFormatter("%m-%d\n%H:%M", tz=zone))  # type: ignore[no-untyped-call]
        axes.legend(loc="upper right")
        save_chart(figure, path)


def _times(seconds: Ints) -> np.ndarray:
    return seconds.astype("datetime64[s]")
