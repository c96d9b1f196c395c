"""The commands of the checklist: `checklist`, `gate`, `freeze`, `sign`, `waive`, `decide`, and the log's `state`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from campaign.console import (
    Console,
    JsonOption,
    LangOption,
    NowOption,
    WorkspaceOption,
    actor,
    clock,
    moment_option,
    open_workspace,
)
from campaign.language import _

if TYPE_CHECKING:
    from datetime import datetime

    from campaign.readiness import Gate
    from campaign.store.events import Act, Event
    from campaign.workspace import Workspace
    from playbooks.readiness.acts import Actor
    from playbooks.readiness.publish import Review

CampaignArgument = Annotated[str, typer.Argument(help=_("The campaign's id."), metavar="ID")]
GateArgument = Annotated[str, typer.Argument(help=_("G0 to G7."), metavar="GATE")]
SubjectArgument = Annotated[str, typer.Argument(help=_("An item's id, or a gate."), metavar="ITEM|GATE")]
ItemArgument = Annotated[str, typer.Argument(help=_("An item's id."), metavar="ITEM")]
VerdictArgument = Annotated[str, typer.Argument(help="go, no-go, go-with-limits", metavar="VERDICT")]
FileArgument = Annotated[Path, typer.Argument(help=_("The file to write or to read."), metavar="FILE")]
ActorOption = Annotated[
    str | None, typer.Option("--as", help=_("Who acts; SURGEPLAN_USER where left out."), metavar="NAME")
]
RoleOption = Annotated[str | None, typer.Option("--role", help=_("As which of your roles."))]
NoteOption = Annotated[str, typer.Option("--note", help=_("What was done, in a sentence."))]
AttachOption = Annotated[list[Path] | None, typer.Option("--attach", help=_("A file that shows it; may be repeated."))]
FailOption = Annotated[bool, typer.Option("--fail", help=_("It was done and did not work."))]
ReasonOption = Annotated[str, typer.Option("--reason", help=_("Why it may be let go."))]
UntilOption = Annotated[str | None, typer.Option("--until", help=_("When the waiver ends."), metavar="TIME")]
SpendOption = Annotated[float | None, typer.Option("--max-spend", help=_("Cap on spend, in the workspace's currency."))]
PushOption = Annotated[float | None, typer.Option("--max-push-per-second", help=_("Cap on messages sent per second."))]
PullOption = Annotated[
    bool, typer.Option("--pull", help=_("First read replicas and cache hits, as checklist.yaml says where."))
]


def mount(app: typer.Typer) -> None:
    """Add the readiness commands to the app."""
    app.command("checklist", help=_("What is still to be ready, by gate and owner."))(checklist)
    app.command("gate", help=_("Is this gate open? What is missing, stale or waived; exit code 0 or 1."))(gate)
    app.command("freeze", help=_("Hand plan and model over at D-3 as an immutable bundle."))(freeze)
    app.command("sign", help=_("Sign an item with a note, or a gate for your role."))(sign)
    app.command("waive", help=_("Let an item go, for a reason and until a time."))(waive)
    app.command("decide", help=_("GO, NO-GO or GO with limits."))(decide)
    state = typer.Typer(no_args_is_help=True, help=_("The log of signed acts: check, carry, back up."))
    state.command("verify", help=_("Check that the log is as it was written."))(verify)
    state.command("export", help=_("Write the log as JSON lines."))(export_state)
    state.command("import", help=_("Fill an empty log from an export."))(import_state)
    state.command("backup", help=_("Copy the log to one SQLite file."))(backup_state)
    state.command("restore", help=_("Fill an empty log from a backup."))(restore_state)
    app.add_typer(state, name="state")


def checklist(
    campaign: CampaignArgument,
    workspace: WorkspaceOption = Path(),
    pull: PullOption = False,
    as_json: JsonOption = False,
    lang: LangOption = None,
    now: NowOption = None,
) -> None:
    from playbooks.readiness.pages import as_text
    from playbooks.readiness.publish import review

    console = Console.open(workspace, lang, as_json)
    opened, at = open_workspace(workspace), clock(now)
    if pull:
        _pull(opened, campaign, at)
    made = review(opened, campaign, at)
    plan = made.evidence.plan
    console.result(as_text(made.checklist, plan, opened.settings.zone_of(plan)), made.checklist.model_dump(mode="json"))
    shut = next((state.gate for state in made.checklist.gates if not state.open), "G7")
    console.next(f"surgeplan gate {campaign} {shut}")


def gate(
    campaign: CampaignArgument,
    name: GateArgument,
    workspace: WorkspaceOption = Path(),
    pull: PullOption = False,
    as_json: JsonOption = False,
    lang: LangOption = None,
    now: NowOption = None,
) -> None:
    from campaign.errors import ExitCode
    from playbooks.readiness.pages import gate_as_text
    from playbooks.readiness.publish import review

    console = Console.open(workspace, lang, as_json)
    opened, at = open_workspace(workspace), clock(now)
    if pull:
        _pull(opened, campaign, at)
    made = review(opened, campaign, at)
    found = _gate_of(made, name)
    state = next(g for g in made.checklist.gates if g.gate == found)
    items = made.checklist.of_gate(found)
    document = state.model_dump(mode="json") | {"states": {item.id: item.state for item in items}}
    console.result(gate_as_text(state, items, opened.settings.zone_of(made.evidence.plan)), document)
    console.next(f"surgeplan checklist {campaign}")
    if not state.open:
        raise typer.Exit(ExitCode.NO)


def _pull(opened: Workspace, campaign: str, at: datetime) -> None:
    from playbooks.readiness.observing import pull_readings

    opened.plan(campaign)
    pull_readings(opened, campaign, at)


def _gate_of(made: Review, name: str) -> Gate:
    from campaign.errors import Problem, UserError, nearest
    from campaign.language import say

    for state in made.checklist.gates:
        if state.gate == name:
            return state.gate
    what = say("this checklist has no gate {name}", name=name)
    raise UserError(Problem(what, nearest(name, [state.gate for state in made.checklist.gates])))


def freeze(
    campaign: CampaignArgument,
    workspace: WorkspaceOption = Path(),
    by: ActorOption = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
    now: NowOption = None,
) -> None:
    from playbooks.readiness.freeze import hand_over

    console = Console.open(workspace, lang, as_json)
    opened, at = open_workspace(workspace), clock(now)
    event, message = hand_over(opened, campaign, _acting(by, opened), at)
    bundle = str(event.body["bundle"])
    lines = [_("frozen as {bundle} in {folder}").format(bundle=bundle, folder=f"out/{campaign}/frozen/{bundle}/")]
    missing = event.body["missing"]
    if missing:
        lines.append(_("not in it, because it is not there yet: {names}").format(names=", ".join(missing)))
    lines += ["", _("to post (also in out/{id}/handover.zh.txt and handover.en.txt):").format(id=campaign), message]
    console.result("\n".join(lines), event.model_dump(mode="json"))
    console.next(f"surgeplan sign {campaign} G3")


def sign(
    campaign: CampaignArgument,
    subject: SubjectArgument,
    workspace: WorkspaceOption = Path(),
    by: ActorOption = None,
    role: RoleOption = None,
    note: NoteOption = "",
    attach: AttachOption = None,
    fail: FailOption = False,
    as_json: JsonOption = False,
    lang: LangOption = None,
    now: NowOption = None,
) -> None:
    from playbooks.readiness.acts import is_gate, known_role, sign_gate, sign_item
    from playbooks.readiness.record import attached, record

    console = Console.open(workspace, lang, as_json)
    opened, at = open_workspace(workspace), clock(now)
    acting, files, as_role = _acting(by, opened), attached(opened, attach or []), known_role(role)

    def act(made: Review) -> Act:
        if is_gate(subject):
            return sign_gate(made, _gate_of(made, subject), acting, as_role, at)
        return sign_item(made, subject, acting, at, note=note, passed=not fail, attachments=files)

    _done(console, opened, record(opened, campaign, at, act))
    console.next(f"surgeplan checklist {campaign}")


def waive(
    campaign: CampaignArgument,
    item: ItemArgument,
    workspace: WorkspaceOption = Path(),
    reason: ReasonOption = "",
    until: UntilOption = None,
    by: ActorOption = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
    now: NowOption = None,
) -> None:
    from playbooks.readiness.acts import waive as waive_item
    from playbooks.readiness.record import record

    console = Console.open(workspace, lang, as_json)
    opened, at = open_workspace(workspace), clock(now)
    acting, ends = _acting(by, opened), moment_option(until, "--until")
    event = record(opened, campaign, at, lambda made: waive_item(made, item, acting, at, reason=reason, until=ends))
    _done(console, opened, event)
    console.next(f"surgeplan checklist {campaign}")


def decide(
    campaign: CampaignArgument,
    verdict: VerdictArgument,
    workspace: WorkspaceOption = Path(),
    max_spend: SpendOption = None,
    max_push_per_second: PushOption = None,
    by: ActorOption = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
    now: NowOption = None,
) -> None:
    from playbooks.readiness.acts import decide as decide_on
    from playbooks.readiness.acts import known_verdict
    from playbooks.readiness.record import record

    console = Console.open(workspace, lang, as_json)
    opened, at = open_workspace(workspace), clock(now)
    acting, chosen = _acting(by, opened), known_verdict(verdict)
    caps = {"spend": max_spend, "push_per_second": max_push_per_second}
    limits = {name: cap for name, cap in caps.items() if cap is not None}
    _done(console, opened, record(opened, campaign, at, lambda made: decide_on(made, chosen, acting, at, limits)))
    console.next(f"surgeplan gate {campaign} G4")


def _acting(by: str | None, opened: Workspace) -> Actor:
    from playbooks.readiness.acts import who

    return who(actor(by), opened.settings)


def _done(console: Console, opened: Workspace, event: Event) -> None:
    from campaign.language import Text
    from campaign.numbers import local_minute
    from playbooks.readiness.labels import KIND_LABELS

    when: datetime = event.at_utc
    done = Text(KIND_LABELS[event.kind].message, {"subject": event.subject})
    text = _("{actor} ({role}) {done} at {at}; log head {head}").format(
        done=done, actor=event.actor, role=event.role,
        at=local_minute(when, opened.settings.zone, year=True), head=event.hash[:12],
    )  # fmt: skip
    console.result(text, event.model_dump(mode="json"))


def verify(workspace: WorkspaceOption = Path(), as_json: JsonOption = False, lang: LangOption = None) -> None:
    from campaign.store.transfer import sound_events
    from playbooks.readiness.record import workspace_log

    console = Console.open(workspace, lang, as_json)
    events = sound_events(workspace_log(open_workspace(workspace)))
    head = events[-1].hash if events else None
    text = _("{count} acts, as they were written; log head {head}").format(count=len(events), head=(head or "-")[:12])
    console.result(text, {"events": len(events), "head": head})


def export_state(
    file: FileArgument, workspace: WorkspaceOption = Path(), as_json: JsonOption = False, lang: LangOption = None
) -> None:
    _carry("export", file, workspace, as_json, lang)


def import_state(
    file: FileArgument, workspace: WorkspaceOption = Path(), as_json: JsonOption = False, lang: LangOption = None
) -> None:
    _carry("import", file, workspace, as_json, lang)


def backup_state(
    file: FileArgument, workspace: WorkspaceOption = Path(), as_json: JsonOption = False, lang: LangOption = None
) -> None:
    _carry("backup", file, workspace, as_json, lang)


def restore_state(
    file: FileArgument, workspace: WorkspaceOption = Path(), as_json: JsonOption = False, lang: LangOption = None
) -> None:
    _carry("restore", file, workspace, as_json, lang)


def _carry(what: str, file: Path, folder: Path, as_json: bool, lang: str | None) -> None:
    from campaign.store import transfer
    from playbooks.readiness.record import workspace_log

    ways = {
        "export": transfer.export_log,
        "import": transfer.import_log,
        "backup": transfer.back_up,
        "restore": transfer.restore,
    }
    console = Console.open(folder, lang, as_json)
    count = ways[what](workspace_log(open_workspace(folder)), file)
    console.result(_("{count} acts; {file}").format(count=count, file=file), {"events": count, "file": str(file)})
    console.next("surgeplan state verify")
