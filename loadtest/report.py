"""`report.html`: verdict, figures by endpoint, and what was planned, sent and answered on one time axis."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.ticker import LogLocator, NullFormatter
from numpy.typing import NDArray

from campaign.charts import AMBER, BLUE, GREEN, MUTED, RED, chart, fitted, save_chart
from campaign.files import write_text
from campaign.language import Text, _, say
from campaign.numbers import local_minute, percent, spoken
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
from loadtest.shown import all_from_funnel, figure_headings, figures, milliseconds, profile_lines
from loadtest.verdict import Judgement

WIDTH_INCHES, HEIGHT_INCHES, LETTERS = 4.4, 10.0, 10
STAGES_DRAWN, NAME_COLUMNS = 6, 18
LINES = (  # told apart by shape where colours are not
    (BLUE, "o"), (GREEN, "s"), (AMBER, "^"), ("#6b46c1", "D"), ("#0f766e", "v"), ("#9d174d", "P"),
)  # fmt: skip
LAG_SHOWN_MS = 0.1
DECADE = 10.0


def outcome_in_words(outcome: Outcome) -> Text:
    words = {
        "GO": say("every endpoint held its objective over the whole curve"),
        "NO-GO": say("an endpoint broke its objective"),
        "INVALID": say("the generator or the offered load was off: this run proves nothing"),
        "INCONCLUSIVE": say("too few requests, or too close to the limit, to say"),
    }
    return words[outcome]


def outcome_label(outcome: Outcome) -> Text | str:
    """What the badge says: GO and NO-GO are said in every language."""
    labels: dict[Outcome, Text] = {"INVALID": say("INVALID"), "INCONCLUSIVE": say("INCONCLUSIVE")}
    return labels.get(outcome, outcome)


@dataclass(frozen=True)
class Heading:
    """What the campaign is called, and whose time the page tells."""

    title: str
    zone: ZoneInfo


def write_report(
    path: Path, heading: Heading, scenario: Scenario, scheduled: NDArray[np.int64], seen: Observations,
    results: Results, judgement: Judgement,
) -> None:  # fmt: skip
    """Write the page; charts are inside it as SVG."""
    page = render(
        "loadtest",
        "report.html",
        heading=heading,
        started=results.started_at_utc and local_minute(results.started_at_utc, heading.zone, year=True),
        scenario=scenario,
        results=results,
        words=outcome_in_words(results.outcome),
        label=outcome_label,
        reasons=[str(cause.what) for cause in judgement.causes],
        found=profile_lines(results),
        headings=figure_headings(),
        endpoints=[(endpoint, figures(endpoint)) for endpoint in results.endpoints],
        from_funnel=all_from_funnel(results),
        spoken=spoken,
        percent=percent,
        milliseconds=milliseconds,
        picture=Markup(_picture(scenario, scheduled, seen, results)),
    )
    write_text(path, page)


def _picture(scenario: Scenario, scheduled: NDArray[np.int64], seen: Observations, results: Results) -> str:
    with chart(WIDTH_INCHES, HEIGHT_INCHES) as figure, tempfile.TemporaryDirectory() as folder:
        rates, latency, heat, generator = panels = figure.subplots(4, 1, sharex=True, height_ratios=(3, 3, 3, 2))
        _draw_rates(rates, scenario, scheduled, seen)
        _draw_latency(latency, scenario, seen, results)
        _draw_heat(heat, scenario, seen)
        _draw_generator(generator, seen)
        for panel in panels:
            panel.tick_params(labelsize=LETTERS)
        generator.set_xlabel(_("seconds of the run"), fontsize=LETTERS)
        file = Path(folder) / "run.svg"
        save_chart(figure, file)
        text = file.read_text("utf-8")
    return text[text.index("<svg") :]


def _draw_rates(axes: Axes, scenario: Scenario, scheduled: NDArray[np.int64], seen: Observations) -> None:
    length = len(scheduled)
    sent = seen.counts(ALL_STAGES, length)[:, SENT]
    longer = max([length, *(second + 1 for second, _stage in seen.cells)])
    stages = range(len(scenario.stages))
    replies = sum((seen.counts(i, longer) for i in stages), np.zeros((longer, len(FIELDS)), np.int64))
    every, after = partial(axes.step, where="post"), np.arange(longer)
    if sent.any():
        every(np.arange(length), scheduled, color=MUTED, linewidth=3, alpha=0.45, label=_("visitors planned"))
        every(np.arange(length), sent, color=BLUE, linewidth=1, label=_("visitors started"))
    every(after, replies[:, DONE], color=GREEN, linewidth=1.2, linestyle="--", label=_("requests answered"))
    if replies[:, FAILED].any():
        every(after, replies[:, FAILED], color=RED, linewidth=1.5, linestyle=":", label=_("requests failed"))
    _title(axes, _("visitors and requests, per second"))
    axes.yaxis.set_major_formatter("{x:,g}")
    axes.set_ylim(bottom=0)
    _legend(axes)


def _draw_latency(axes: Axes, scenario: Scenario, seen: Observations, results: Results) -> None:
    width = scenario.window_seconds
    drawn = worst_first(results)[:STAGES_DRAWN]
    for (colour, marker), worst in zip(LINES, drawn, strict=False):
        windows = seen.window_histograms(scenario.stage_index(worst.stage), RESPONSE)
        values = [(w, quantiles_ms(h)["p99"]) for w, h in sorted(windows.items())]
        middles = [(w + 0.5) * width for w, _p99 in values]
        name = fitted(worst.stage, NAME_COLUMNS)
        axes.plot(
            middles, [p for _w, p in values], marker=marker, markersize=3.5, linewidth=1, color=colour, label=name
        )
    for place, objective in enumerate(sorted({endpoint.p99_objective_ms for endpoint in drawn})):
        label = None if place else _("objective")
        axes.axhline(objective, color=RED, linewidth=1, linestyle="--", label=label)
    _log_scale(axes)
    count, of = len(drawn), len(scenario.stages)
    _title(axes, _("p99, ms") if count == of else _("p99, ms; the worst {count} of {of}").format(count=count, of=of))
    if drawn:
        _legend(axes)


def worst_first(results: Results) -> list[EndpointResult]:
    """The stages that had replies, the p99 that is furthest above its objective first."""
    answered = [(e.response_ms.p99 / e.p99_objective_ms, e) for e in results.endpoints if e.response_ms]
    return [endpoint for _over, endpoint in sorted(answered, key=lambda pair: -pair[0])]


def _draw_heat(axes: Axes, scenario: Scenario, seen: Observations) -> None:
    """How many replies of all stages took how long, window by window; darker is more."""
    windows = sorted({w for _stage, kind, w in seen.histograms if kind == RESPONSE})
    _title(axes, _("all replies, ms; darker is more"))
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
    _log_scale(axes)


def _log_scale(axes: Axes) -> None:
    """For what is drawn already; a decade at least, as less has no place for its figures."""
    axes.set_yscale("log")
    low, high = axes.get_ylim()
    middle = (low * high) ** 0.5
    axes.set_ylim(min(low, middle / DECADE**0.5), max(high, middle * DECADE**0.5))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter("{x:,g}")
    axes.yaxis.set_minor_formatter(NullFormatter())


def _draw_generator(axes: Axes, seen: Observations) -> None:
    latest: dict[int, float] = {}
    for signal in seen.signals:
        latest[signal.second] = max(latest.get(signal.second, LAG_SHOWN_MS), signal.lag_max_ms)
    axes.plot(sorted(latest), [latest[second] for second in sorted(latest)], linewidth=1, color=BLUE)
    _log_scale(axes)
    _title(axes, _("the generator's largest lag, ms"))


def _title(axes: Axes, words: str) -> None:
    axes.set_title(words, fontsize=LETTERS + 1)


def _legend(axes: Axes) -> None:
    """Below the panel, where no line runs through its words."""
    axes.legend(fontsize=LETTERS, ncols=2, loc="upper left", bbox_to_anchor=(0, -0.03), borderaxespad=0)
