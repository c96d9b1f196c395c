"""The commands below `metrics` that read data: funnel, attribution, segments, experiment."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.console import Console, JsonOption, LangOption, WorkspaceOption, open_workspace, table
from campaign.errors import ExitCode
from campaign.language import _

if TYPE_CHECKING:
    from metrics.analysis.funnel import Stream
    from metrics.analysis.segments import Segmented
    from metrics.experiments import ReadOut

TablesOption = Annotated[
    Path | None,
    typer.Option("--data", help=_("Folder of event tables."), show_default=_("data in the workspace")),
]
FamiliesOption = Annotated[bool, typer.Option("--families", help=_("By channel family instead of channel."))]
ActsArgument = Annotated[str, typer.Argument(help=_("A sum or count, such as new_users."), metavar="METRIC")]
WindowOption = Annotated[
    float | None,
    typer.Option("--window-hours", min=0.1, help=_("How long a touch counts; the definition's where left out.")),
]
HorizonOption = Annotated[int, typer.Option("--days", min=1, help=_("Days ahead that a segment's value is for."))]
AudienceOption = Annotated[
    str | None, typer.Option("--audience", help=_("Segments to make an audience of."), metavar="A,B")
]
ExperimentArgument = Annotated[Path, typer.Argument(help=_("The experiment's file."), metavar="FILE")]


def mount(metrics: typer.Typer) -> None:
    """Add these commands to the group `metrics`."""
    metrics.command("funnel", help=_("Exposure, click, session, order, repurchase: one funnel per channel."))(funnel)
    metrics.command("attribution", help=_("Credit by channel: first, last, linear and position side by side."))(
        attribution
    )
    metrics.command("segments", help=_("RFM segments of customers and what they are worth; an audience of some."))(
        segments
    )
    metrics.command("experiment", help=_("Read an A/B test out: the difference, or why nothing may be said yet."))(
        experiment
    )


def funnel(
    data: TablesOption = None,
    families: FamiliesOption = False,
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    from metrics.analysis.funnel import COSTS, METRICS, STAYING, STEPS
    from metrics.analysis.funnel import funnel as streams_of
    from metrics.daily_values import families_of, read_daily
    from metrics.dictionary import open_dictionary

    console = Console.open(workspace, lang, as_json)
    opened = open_workspace(workspace)
    dictionary = open_dictionary(opened)
    daily = read_daily(opened, dictionary, METRICS, data or workspace / "data")
    known = families_of(opened, dictionary)
    streams = streams_of(daily, dictionary.definitions, known if families else None)
    document = [
        {"name": s.name or None, **dict(zip((*STEPS, *STAYING, *COSTS), (*s.steps, *s.staying, *s.costs), strict=True))}
        for s in streams
    ]
    ids = {name: dictionary.ids[name] for name in METRICS}
    result = {"streams": document, "ids": ids, "missing": list(daily.missing), "inputs": dict(daily.inputs)}
    console.result(_streams(streams), result)
    console.next("surgeplan rules check")


def _streams(streams: list[Stream]) -> str:
    from campaign.numbers import percent, spoken

    def said(value: float | None) -> str:
        return "-" if value is None else spoken(value)

    def share(value: float | None) -> str:
        return "-" if value is None else percent(value)

    headings = [
        *("", _("exposures"), _("clicks"), "", _("sessions"), "", _("orders"), ""),
        *(_("next day"), _("7th day"), _("again in 30 days"), "CAC", "ROI", "LTV/CAC"),
    ]
    rows = []
    for s in streams:
        steps = [said(s.steps[0])]
        for value, passed in zip(s.steps[1:], s.passed, strict=True):
            steps += [said(value), share(passed)]
        rows.append([s.name or _("all"), *steps, *map(share, s.staying), *map(said, s.costs)])
    return table(headings, rows)


def attribution(
    name: ActsArgument,
    window_hours: WindowOption = None,
    data: TablesOption = None,
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    from campaign.numbers import spoken
    from metrics.analysis.attribution import MODELS, attribute
    from metrics.daily_values import hashes_of
    from metrics.dictionary import open_dictionary, require_metric

    console = Console.open(workspace, lang, as_json)
    dictionary = open_dictionary(open_workspace(workspace))
    metric, folder = require_metric(dictionary, name), data or workspace / "data"
    made = attribute(metric, dictionary, folder, window_hours)
    rows = [[c.channel, *map(spoken, c.credits)] for c in made.credits]
    labels = {"first": _("first"), "last": _("last"), "linear": _("linear"), "position": _("position")}
    headings = [_("channel"), *(labels[model] + ("*" if model == made.model else "") for model in MODELS)]
    note = _("{metric}, {touches} touches, window {hours} hours; * is the definition's model").format(
        metric=f"{metric}@{dictionary.ids[metric]}", touches=f"{made.touches:,}", hours=f"{made.window_hours:g}"
    )
    credits = [{"channel": c.channel, **dict(zip(MODELS, c.credits, strict=True))} for c in made.credits]
    document = {
        "metric": f"{metric}@{dictionary.ids[metric]}",
        "model": made.model,
        "window_hours": made.window_hours,
        "touches": made.touches,
        "credits": credits,
        "inputs": hashes_of(folder),
    }
    console.result(table(headings, rows) + "\n" + note, document)
    console.next(f"surgeplan metrics show {metric}")


def segments(
    horizon_days: HorizonOption = 30,
    audience: AudienceOption = None,
    data: TablesOption = None,
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    from metrics.analysis.audience import publish_segments
    from metrics.dictionary import open_dictionary

    console = Console.open(workspace, lang, as_json)
    dictionary = open_dictionary(open_workspace(workspace))
    chosen = [name.strip() for name in (audience or "").split(",") if name.strip()]
    made, document, lists = publish_segments(workspace, dictionary, data or workspace / "data", horizon_days, chosen)
    parts = [_segments(made)]
    if chosen:
        parts.append(_("In the plan: drivers: {{audience: {count}}}; the people are in {file}").format(
            count=made.audience(chosen), file=lists
        ))  # fmt: skip
    console.result("\n".join(parts), document)
    console.next("surgeplan metrics segments --audience champions,loyal")


def _segments(made: Segmented) -> str:
    from campaign.numbers import spoken
    from metrics.analysis.segments import TITLES

    rows = [
        [
            *(s.name, str(TITLES[s.name]), f"{s.customers:,}", spoken(s.paid)),
            "-" if s.ahead is None else spoken(s.ahead[1]),
            "-" if s.ahead is None else f"{spoken(s.ahead[0])} … {spoken(s.ahead[2])}",
        ]
        for s in made.segments
    ]
    ahead = _("next {days} days").format(days=made.horizon_days)
    return table([_("segment"), "", _("customers"), _("paid so far"), ahead, _("95 % interval")], rows, left=2)


def experiment(
    file: ExperimentArgument,
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    from campaign.files import sha256
    from metrics.experiments import read_experiment, read_out

    console = Console.open(workspace, lang, as_json)
    out = read_out(read_experiment(file, str(file)))
    document = {
        "experiment": out.experiment.id,
        "verdict": out.verdict,
        "winner": out.winner,
        "split_p": out.split_p,
        "differences": [
            {"variant": d.variant, "value": d.value, "difference": d.difference, "low": d.low, "high": d.high}
            for d in out.differences
            if d.low > float("-inf")
        ],
        "inputs": {file.name: sha256(file)},
    }
    console.result(_read_out(out), document)
    console.next("surgeplan rules meeting")
    codes = {"broken-split": ExitCode.INVALID, "too-early": ExitCode.INCONCLUSIVE, "no-difference": ExitCode.NO}
    if out.verdict in codes:
        raise typer.Exit(codes[out.verdict])


def _read_out(out: ReadOut) -> str:
    lines = [f"{out.experiment.title}: {out.sentence()}"]
    if out.verdict != "broken-split":
        lines += [f"  {d.variant}: {d.difference:+.4g} ({d.low:+.4g} … {d.high:+.4g})" for d in out.differences]
    return "\n".join(lines)
