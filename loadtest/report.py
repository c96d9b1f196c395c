"""`report.html`: verdict, figures by endpoint, and what was planned, sent and answered on one time axis."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import NDArray

from campaign.charts import AMBER, BLUE, GREEN, MUTED, RED, chart, save_chart
from campaign.files import write_text
from campaign.language import Text, _, say
from campaign.pages import render
from loadtest.knee import buckets_of
from loadtest.observations import (
    ALL_STAGES,
    DONE,
    FAILED,
    FIELDS,
    RESPONSE,
    SENT,
    Observations,
    merged,
    quantiles_ms,
)
from loadtest.results import EndpointResult, Outcome, Results
from loadtest.scenario import Scenario
from loadtest.verdict import Judgement

COLOURS = (BLUE, GREEN, AMBER, RED, "#6b46c1", "#0f766e", "#9d174d", MUTED)


def outcome_in_words(outcome: Outcome) -> Text:
    words = {
        "GO": say("every endpoint held its objective over the whole curve"),
        "NO-GO": say("an endpoint broke its objective"),
        "INVALID": say("the generator or the offered load was off: this run proves nothing"),
        "INCONCLUSIVE": say("too few requests, or too close to the limit, to say"),
    }
    return words[outcome]


def write_report(
    path: Path, scenario: Scenario, scheduled: NDArray[np.int64], seen: Observations, results: Results,
    judgement: Judgement,
) -> None:  # fmt: skip
    """Write the page; charts are inside it as SVG."""
    page = render(
        "loadtest",
        "report.html",
        scenario=scenario,
        results=results,
        words=outcome_in_words(results.outcome),
        reasons=[str(cause.what) for cause in judgement.causes],
        endpoints=[(endpoint, figures(endpoint)) for endpoint in results.endpoints],
        picture=Markup(_picture(scenario, scheduled, seen)),
    )
    write_text(path, page)


def figures(endpoint: EndpointResult) -> list[str]:
    """One table row, what is judged first: p99 from the intended start, its objective, slow %, requests, failed, p50,
    p99 from sending."""
    response, service = endpoint.response_ms, endpoint.service_ms
    slow = f"{100 * endpoint.slow_ratio.mid:.3g}" if endpoint.slow_ratio else "-"
    return [
        f"{response.p99:.4g}" if response else "-",
        f"{endpoint.p99_objective_ms:g}",
        slow,
        str(endpoint.sent),
        str(endpoint.failed),
        f"{response.p50:.3g}" if response else "-",
        f"{service.p99:.4g}" if service else "-",
    ]


def _picture(scenario: Scenario, scheduled: NDArray[np.int64], seen: Observations) -> str:
    with chart(height=9.0) as figure, tempfile.TemporaryDirectory() as folder:
        rates, latency, heat, generator = figure.subplots(4, 1, sharex=True, height_ratios=(3, 3, 3, 2))
        _draw_rates(rates, scenario, scheduled, seen)
        _draw_latency(latency, scenario, seen)
        _draw_heat(heat, scenario, seen)
        _draw_generator(generator, seen)
        generator.set_xlabel(_("seconds of the run"))
        file = Path(folder) / "run.svg"
        save_chart(_aligned(figure), file)
        text = file.read_text("utf-8")
    return text[text.index("<svg") :]


def _aligned(figure: Figure) -> Figure:
    figure.align_ylabels()
    return figure


def _draw_rates(axes: Axes, scenario: Scenario, scheduled: NDArray[np.int64], seen: Observations) -> None:
    length = len(scheduled)
    sent = seen.counts(ALL_STAGES, length)[:, SENT]
    longer = max([length, *(second + 1 for second, _stage in seen.cells)])
    stages = range(len(scenario.stages))
    replies = sum((seen.counts(i, longer) for i in stages), np.zeros((longer, len(FIELDS)), np.int64))
    seconds = np.arange(length)
    if sent.any():
        axes.step(seconds, scheduled, where="post", color=MUTED, linewidth=3, alpha=0.45, label=_("visitors planned"))
        axes.step(seconds, sent, where="post", color=BLUE, linewidth=1, label=_("visitors started"))
    axes.step(np.arange(longer), replies[:, DONE], where="post", color=GREEN, linewidth=1, label=_("requests answered"))
    if replies[:, FAILED].any():
        axes.step(
            np.arange(longer), replies[:, FAILED], where="post", color=RED, linewidth=1, label=_("requests failed")
        )
    axes.set_ylabel(_("requests/s"))
    axes.set_ylim(bottom=0)
    _legend(axes, columns=2)


def _draw_latency(axes: Axes, scenario: Scenario, seen: Observations) -> None:
    width = scenario.window_seconds
    for index, stage in enumerate(scenario.stages):
        windows = seen.window_histograms(index, RESPONSE)
        values = [(w, quantiles_ms(h)["p99"]) for w, h in sorted(windows.items())]
        if values:
            colour = COLOURS[index % len(COLOURS)]
            middles = [(w + 0.5) * width for w, _p99 in values]
            axes.plot(middles, [p for _w, p in values], marker=".", linewidth=1, color=colour, label=stage.stage)
    for objective in sorted({stage.objective.p99_ms for stage in scenario.stages}):
        axes.axhline(objective, color=RED, linewidth=1, linestyle="--")
    _log_scale(axes)
    axes.set_ylabel(_("p99, ms"))
    if any(kind == RESPONSE for _stage, kind, _window in seen.histograms):
        _legend(axes, columns=3)


def _draw_heat(axes: Axes, scenario: Scenario, seen: Observations) -> None:
    """How many replies of all stages took how long, window by window; darker is more."""
    windows = sorted({w for _stage, kind, w in seen.histograms if kind == RESPONSE})
    axes.set_ylabel(_("all replies, ms"))
    _log_scale(axes)
    if not windows:
        return
    stages = range(len(scenario.stages))
    merges = [merged(h for s in stages if (h := seen.histograms.get((s, RESPONSE, w))) is not None) for w in windows]
    counts, bucket_ms = buckets_of(merges)
    edges = np.geomspace(max(bucket_ms.min(), 0.1), max(bucket_ms.max(), 1.0) * 1.01, 40)
    rows = np.array([np.histogram(bucket_ms, edges, weights=row)[0] for row in counts]).T
    times = np.array([*windows, windows[-1] + 1]) * scenario.window_seconds
    shown = np.ma.masked_equal(rows, 0)
    axes.pcolormesh(times, edges, shown, cmap="Blues", norm=LogNorm(vmin=0.5), rasterized=True)
    for objective in sorted({stage.objective.p99_ms for stage in scenario.stages}):
        axes.axhline(objective, color=RED, linewidth=1, linestyle="--")


def _log_scale(axes: Axes) -> None:
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def _draw_generator(axes: Axes, seen: Observations) -> None:
    for worker in sorted({s.worker for s in seen.signals}):
        own = [s for s in seen.signals if s.worker == worker]
        axes.plot([s.second for s in own], [max(s.lag_max_ms, 0.01) for s in own], linewidth=1,
                  color=COLOURS[worker % len(COLOURS)], label=_("worker {n}").format(n=worker))  # fmt: skip
    _log_scale(axes)
    axes.set_ylabel(_("lag, ms"))
    if seen.signals:
        _legend(axes, columns=4)


def _legend(axes: Axes, columns: int) -> None:
    """On a ground of its own, so that no line runs through its words."""
    axes.legend(fontsize=9, ncols=columns, frameon=True, facecolor="white", edgecolor="none", framealpha=0.85)
