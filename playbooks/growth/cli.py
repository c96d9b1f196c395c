"""The commands of the growth rules: `rules test`, `rules check`, `rules meeting`."""

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
    open_workspace,
    table,
)
from campaign.errors import ExitCode
from campaign.language import _

if TYPE_CHECKING:
    from playbooks.growth.publish import Checked, Opened
    from playbooks.growth.rehearsal import Tested

DataOption = Annotated[
    Path | None,
    typer.Option("--data", help=_("Folder of event tables."), show_default=_("data in the workspace")),
]
RuleOption = Annotated[str | None, typer.Option("--rule", help=_("Only this rule."), metavar="ID")]
MeetingArgument = Annotated[str | None, typer.Argument(help=_("The meeting's id."), metavar="MEETING")]


def mount(app: typer.Typer) -> None:
    """Add the rules' commands to the app."""
    rules = typer.Typer(no_args_is_help=True, help=_("Early warning, shared objectives and the growth meeting."))
    told = _("Replay the rules over history: how often they fire, how late, how often in vain.")
    rules.command("test", help=told)(replay)
    rules.command("check", help=_("Evaluate the rules now; tells each firing and clearing once."))(check)
    rules.command("meeting", help=_("The meeting's agenda, filled, as page and calendar entry."))(meeting)
    app.add_typer(rules, name="rules")


def _open(workspace: Path, data: Path | None) -> Opened:
    from playbooks.growth.publish import open_rules

    return open_rules(open_workspace(workspace), data or workspace / "data")


def replay(
    rule: RuleOption = None,
    data: DataOption = None,
    workspace: WorkspaceOption = Path(),
    now: NowOption = None,
    seed: SeedOption = 0,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    from playbooks.growth.publish import replay_rules, tested_json

    console = Console.open(workspace, lang, as_json)
    opened = _open(workspace, data)
    with console.progress() as progress:
        tested = replay_rules(opened, rule, clock(now), seed, progress)
    document = {"rules": tested_json(tested), "missing": list(opened.daily.missing), "inputs": opened.inputs}
    console.result(_tested(tested), document)
    console.next("surgeplan rules check")


def _tested(tested: list[Tested]) -> str:
    headings = [
        *(_("rule"), "", _("splits"), _("closed days"), _("fired"), _("days open")),
        *(_("daily noise"), _("false alarms per split and year")),
        *("-10 %", "-25 %", "-40 %", _("days to find -25 %")),
    ]
    rows = [
        [
            *(one.rule.id, "" if one.rule.enabled else _("off"), str(one.splits), str(one.closed_days)),
            *(str(one.fired), str(one.stood_days)),
            "-" if one.noise_ratio is None else f"{100 * one.noise_ratio:.0f} %",
            "-" if one.false_alarms_per_channel_year is None else f"{one.false_alarms_per_channel_year:.1f}",
            *(_shares(one)),
        ]
        for one in tested
    ]
    note = _("Found: the share of lasting falls of that size that fire within 14 days, on series with this noise.")
    return table(headings, rows, left=2) + "\n\n" + note


def _shares(one: Tested) -> list[str]:
    if not one.found:
        return ["-"] * 4
    delay = one.found[1].delay_days
    return [*(f"{100 * f.ratio:.0f} %" for f in one.found), "-" if delay is None else f"{delay:.0f}"]


def check(
    data: DataOption = None,
    workspace: WorkspaceOption = Path(),
    now: NowOption = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    from playbooks.growth.pages import alert_json
    from playbooks.growth.publish import check_rules

    console = Console.open(workspace, lang, as_json)
    opened = _open(workspace, data)
    checked = check_rules(opened, clock(now))
    document = {
        "alerts": [alert_json(alert, opened.dictionary) for alert in checked.alerts],
        "told": [{"kind": event.kind, "subject": event.subject} for event in checked.told],
        "newest_day": checked.newest.isoformat(),
        "judged": checked.judged,
        "unjudged": {rule: list(names) for rule, names in checked.missing.items()},
        "inputs": opened.inputs,
    }
    console.result(_checked(checked, opened), document)
    console.next("surgeplan rules meeting")
    if checked.alerts:
        raise typer.Exit(ExitCode.NO)


def _checked(checked: Checked, opened: Opened) -> str:
    from campaign.numbers import spoken
    from playbooks.growth.pages import alert_sentence, lacking, teams

    told = {event.subject: event.kind for event in checked.told}
    rows = [
        [
            _("new") if alert.key in told else "",
            str(alert.rule.title),
            str(alert_sentence(alert, opened.dictionary.definitions)),
            teams(alert.rule.route),
            str(alert.rule.action),
            alert.due_on.isoformat(),
            "-" if alert.impact is None else spoken(alert.impact),
        ]
        for alert in checked.alerts
    ]
    lost = _("lost per day, {currency}").format(currency=opened.workspace.settings.currency)
    headings = ["", _("rule"), _("value"), _("goes to"), _("action"), _("due"), lost]
    parts = [table(headings, rows, left=6)] if rows else []
    cleared = [subject for subject, kind in told.items() if kind == "rule-cleared"]
    parts += [_("cleared: {names}").format(names=", ".join(cleared))] if cleared else []
    parts.append(
        _("{open} of {judged} rules by split stand fired; settled up to {day}").format(
            open=len(checked.alerts), judged=checked.judged, day=checked.newest
        )
    )
    if checked.missing:
        unjudged = lacking(checked.missing, opened.rules.titles, opened.dictionary.definitions)
        parts.append(_("not judged for want of values: {rules}").format(rules=unjudged))
    return "\n".join(parts)


def meeting(
    name: MeetingArgument = None,
    data: DataOption = None,
    workspace: WorkspaceOption = Path(),
    now: NowOption = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    from playbooks.growth.publish import publish_agenda

    console = Console.open(workspace, lang, as_json)
    opened = _open(workspace, data)
    agenda, document, folder = publish_agenda(opened, name, clock(now))
    text = _("{title}, {starts}: {alerts} rules fired, {nodes} churn nodes, {objectives} objectives").format(
        title=agenda.meeting.title,
        starts=f"{agenda.starts_at:%Y-%m-%d %H:%M}",
        alerts=len(agenda.alerts),
        nodes=len(agenda.nodes),
        objectives=len(agenda.objectives),
    )
    console.result(text, document)
    console.look(folder / "agenda.html")
