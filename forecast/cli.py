"""The commands of `forecast`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.console import (
    Console,
    JsonOption,
    LangOption,
    NowOption,
    SeedOption,
    WorkspaceOption,
    clock,
    moment_option,
    open_workspace,
    table,
)
from campaign.errors import ExitCode
from campaign.language import _, say
from forecast.explain.words import knowledge_text, step_name

if TYPE_CHECKING:
    from campaign.traffic import TrafficModel
    from campaign.workspace import Workspace
    from forecast.backtest.scores_file import BackTestFile

CampaignArgument = Annotated[str, typer.Argument(metavar="ID", help=_("The campaign's id."))]
AsOfOption = Annotated[
    str | None,
    typer.Option("--as-of", metavar="TIME", help=_("What is known then; the earlier of now and D-3 where left out.")),
]
KindOption = Annotated[str | None, typer.Option("--kind", metavar="KIND", help=_("Only campaigns of this kind."))]
LeadOption = Annotated[float, typer.Option("--lead-days", min=0.5, max=60, help=_("How many days before each start."))]
WorkersOption = Annotated[
    int | None, typer.Option("--workers", min=1, metavar="N", help=_("Processes for many services; one per core."))
]
ClusterOption = Annotated[
    str | None, typer.Option("--cluster", metavar="ADDRESS", help=_("A dask scheduler that computes many services."))
]
SourceOption = Annotated[str | None, typer.Option("--source", metavar="NAME", help=_("Only this source."))]
SinceOption = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help=_("Ask again from there on, also for what is final."))
]
AcceptOption = Annotated[
    bool, typer.Option("--accept-changes", help=_("Take what a source now says of rows that were final."))
]
RecheckOption = Annotated[
    str | None,
    typer.Option("--recheck", metavar="DAYS|all", help=_("Compare so much of what was pulled before with its source.")),
]
PortOption = Annotated[int, typer.Option("--port", help=_("The port to listen on."))]
HostOption = Annotated[str, typer.Option("--host", help=_("The address to listen on."))]


def mount(app: typer.Typer) -> None:
    """Add this package's commands to the app."""
    history = typer.Typer(no_args_is_help=True, help=_("What is known of the past, and how it is kept up."))
    history.command("show", help=_("Gaps, outages, load tests and surges without a plan; a picture of it all."))(
        history_show
    )
    history.command("pull", help=_("Ask every source for what is new and keep it in history/."))(history_pull)
    history.command("listen", help=_("Take rows that others post, until Ctrl-C."))(history_listen)
    app.add_typer(history, name="history")
    app.command("forecast", help=_("History before a moment and every overlapping plan in, traffic model out."))(
        forecast
    )
    app.command("backtest", help=_("Every past campaign forecast as of its own lead, beside plain peers."))(backtest)


def forecast(
    campaign: CampaignArgument,
    as_of: AsOfOption = None,
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
    lang: LangOption = None,
    now: NowOption = None,
    seed: SeedOption = 0,
    workers: WorkersOption = None,
    cluster: ClusterOption = None,
) -> None:
    console = Console.open(workspace, lang, as_json)
    moment = moment_option(as_of, "--as-of")
    opened = open_workspace(workspace)
    from forecast.publish import publish_forecast

    with console.progress() as progress:
        model = publish_forecast(opened, campaign, moment, clock(now), seed, progress, workers, cluster)
    console.result(forecast_text(model, opened), model.model_dump(mode="json"))
    console.next(f"surgeplan loadtest build {campaign}")


def backtest(
    kind: KindOption = None,
    lead_days: LeadOption = 3.0,
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
    lang: LangOption = None,
    now: NowOption = None,
) -> None:
    console = Console.open(workspace, lang, as_json)
    opened = open_workspace(workspace)
    from forecast.backtest.publish import publish_backtest

    with console.progress() as progress:
        made = publish_backtest(opened, clock(now), kind, lead_days, progress=progress)
    console.result(backtest_text(made), made.model_dump(mode="json"))
    console.next(f"surgeplan forecast {opened.plans[-1].id}")


def backtest_text(made: BackTestFile) -> str:
    """The back-test as people read it in a terminal."""
    from forecast.backtest.labels import METHOD_LABELS

    headings = [
        _("method"),
        _("campaigns"),
        _("error"),
        _("peak error"),
        _("peaks in p90"),
        _("peaks in p99"),
        _("p90 over peak"),
    ]
    rows = []
    for name, found in sorted(made.over_all.items(), key=lambda item: item[1].wape_ratio):
        inside = [found.peaks_within_p90, found.peaks_within_p99]
        shares = ["-" if count is None else f"{count}/{found.campaigns}" for count in inside]
        paid = "-" if found.p90_to_peak_median_ratio is None else f"{found.p90_to_peak_median_ratio:.2f}"
        errors = [f"{100 * value:.1f} %" for value in (found.wape_ratio, found.peak_error_ratio)]
        label = str(METHOD_LABELS.get(name, name))
        rows.append([label, str(found.campaigns), *errors, *shares, paid])
    lines = [
        _("{count} past campaigns, each forecast {days} days before it, by hour on the total").format(
            count=len(made.campaigns), days=f"{made.lead_days:g}"
        ),
        table(headings, rows),
    ]
    if made.last_week_wins:
        lines.append(_("warning: the same hours a week earlier are closer than this forecast; do not rely on it yet"))
    lines.append(_("written: {path}").format(path="out/backtest.json, out/backtest.png"))
    return "\n".join(lines)


def forecast_text(model: TrafficModel, workspace: Workspace) -> str:
    """The forecast as people read it in a terminal."""
    plan = workspace.plan(model.campaign)
    zone = workspace.settings.zone
    headings = [_("service"), "p10", "p50", "p90", "p99", _("peak at")]
    rows = []
    for name, peak in (*model.services.items(), (_("total"), model.total)):
        found = peak.peak_requests_per_second
        figures = [f"{value:,.0f}" for value in (found.p10, found.p50, found.p90, found.p99)]
        rows.append([name, *figures, f"{peak.peak_at_utc.astimezone(zone):%m-%d %H:%M}"])
    lines = [
        _("{title}: peak requests per second, as of {as_of} ({days} days before)").format(
            title=plan.title, as_of=f"{model.as_of_utc.astimezone(zone):%Y-%m-%d %H:%M}", days=f"{model.lead_days:.1f}"
        ),
        table(headings, rows),
        knowledge_text(model.knowledge),
        *bridge_lines(model),
        *(f"- {assumption}" for assumption in model.spoken_assumptions()),
        _("written: {path}").format(path=f"out/{model.campaign}/traffic.json"),
    ]
    return "\n".join(lines)


def bridge_lines(model: TrafficModel) -> list[str]:
    """From the last comparable peak to this one, small steps as one."""
    from forecast.explain.bridge import told

    if model.bridge is None:
        return []
    start = model.bridge.from_peak_requests_per_second
    lines = [_("last comparable: {campaign}, {peak} at its peak").format(
        campaign=model.bridge.from_campaign, peak=f"{start:,.0f}"
    )]  # fmt: skip
    for step in told(model.bridge):
        change, reached = step.change_requests_per_second, step.reaches_requests_per_second
        lines.append(f"  {step_name(step.step)}: {change:+,.0f} → {reached:,.0f}")
    return lines


def history_show(workspace: WorkspaceOption = Path(), as_json: JsonOption = False, lang: LangOption = None) -> None:
    console = Console.open(workspace, lang, as_json)
    opened = open_workspace(workspace)
    from forecast.history.picture import draw_history
    from forecast.history.reading import open_history
    from forecast.history.report import history_report, report_text
    from metrics.sources.behind import behind_notes

    history = open_history(opened)
    report = history_report(opened, history, behind_notes(opened))
    picture = opened.folder / "out" / "history.png"
    draw_history(picture, history, opened.settings.zone)
    text = (
        report_text(report, (*history.notes, *behind_notes(opened)))
        + "\n"
        + _("written: {path}").format(path="out/history.png")
    )
    console.result(text, report.model_dump(mode="json"))
    upcoming = opened.plans[-1].id if opened.plans else "ID"
    console.next(f"surgeplan forecast {upcoming}")


def history_pull(
    source: SourceOption = None,
    since: SinceOption = None,
    recheck: RecheckOption = None,
    accept_changes: AcceptOption = False,
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
    lang: LangOption = None,
    now: NowOption = None,
) -> None:
    import time

    console = Console.open(workspace, lang, as_json)
    opened = open_workspace(workspace)
    from metrics.sources.pull import Wish, pull
    from metrics.sources.report import pull_document, pull_text
    from metrics.sources.windows import recheck_span

    wish = Wish(moment_option(since, "--since"), None if recheck is None else recheck_span(recheck), accept_changes)
    with console.progress() as progress:
        pulled = pull(opened, clock(now), time.sleep, only=source, wish=wish, progress=progress)
    console.result(pull_text(pulled, opened.settings.zone), pull_document(pulled))
    console.next("surgeplan history show")
    if any(one.status in ("dead", "refused") for one in pulled):
        raise typer.Exit(ExitCode.NO)


def history_listen(
    port: PortOption = 8790,
    host: HostOption = "127.0.0.1",
    workspace: WorkspaceOption = Path(),
    lang: LangOption = None,
) -> None:
    console = Console.open(workspace, lang, as_json=False)
    opened = open_workspace(workspace)
    from metrics.sources.inbox import open_inbox

    with open_inbox(opened, host, port) as server:
        console.note(say("listening on http://{host}:{port}/sources/NAME", host=host, port=server.server_port))
        server.serve_forever()
