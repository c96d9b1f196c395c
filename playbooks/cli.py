"""The commands of `playbooks`."""

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
    moment_option,
    open_workspace,
    table,
)
from campaign.language import _
from playbooks.autoscaling import cli as autoscaling
from playbooks.growth import cli as growth
from playbooks.readiness import cli as readiness
from playbooks.rehearsal import cli as rehearsal
from playbooks.staffing import cli as staffing

if TYPE_CHECKING:
    from playbooks.publish import Playbook

TargetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--target",
        help=_("Manifests for this executor only; several times for several. All that autoscaling.yaml names else."),
        metavar="kubernetes|pause-pods|prometheus|keda|cronhpa|aws|gcp|gitops|sentinel|nginx",
    ),
]


def mount(app: typer.Typer) -> None:
    """Add this package's commands to the app."""
    app.command("playbook", help=_("Traffic model and capacity to autoscaling, staffing and checklist."))(playbook)
    for lane in (autoscaling, staffing, rehearsal, readiness, growth):
        lane.mount(app)


def playbook(
    campaign: str,
    workspace: WorkspaceOption = Path(),
    target: TargetOption = None,
    now: NowOption = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    from playbooks.publish import model_as_of, publish_playbook

    console = Console.open(workspace, lang, as_json)
    opened = open_workspace(workspace)
    at = moment_option(now, "--now") or model_as_of(opened, campaign)
    with console.progress() as progress:
        made = publish_playbook(opened, campaign, at, progress, target or ())
    console.result(_in_words(made), _document(made))
    console.next(f"surgeplan checklist {campaign}")


def _in_words(made: Playbook) -> str:
    from playbooks.readiness.pages import reopened_sentence

    services = [[n, s.verdict, str(s.replicas.peak)] for n, s in made.autoscaling.services.items()]
    desks = [[d.desk, d.channel, str(d.peak.agents_required)] for d in made.staffing.desks]
    parts = [table([_("service"), _("verdict"), _("replicas at peak")], services, left=2)]
    if desks:
        parts.append(table([_("desk"), _("channel"), _("agents at peak")], desks, left=2))
    parts.append(_("{count} checklist items, tier {tier}").format(
        count=len(made.checklist.items), tier=made.checklist.tier
    ))  # fmt: skip
    parts += [reopened_sentence(one) for one in made.checklist.reopened]
    return "\n\n".join(parts)


def _document(made: Playbook) -> dict[str, object]:
    return {
        "autoscaling": made.autoscaling.model_dump(mode="json"),
        "staffing": made.staffing.model_dump(mode="json"),
        "checklist": made.checklist.model_dump(mode="json"),
    }
