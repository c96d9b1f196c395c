"""`surgeplan staffing`: the plan's people, what another number would achieve, and an edited roster re-checked."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from campaign.console import Console, JsonOption, LangOption, WorkspaceOption, open_workspace, table
from campaign.errors import ExitCode, Problem, UserError
from campaign.language import _, say

if TYPE_CHECKING:
    from playbooks.staffing.examination import Examined
    from playbooks.staffing.plan import Judged, StaffingPlan
    from playbooks.staffing.recheck import Recheck
    from playbooks.staffing.roster_changes import Hours, ShiftChange

DeskOption = Annotated[str | None, typer.Option("--desk", help=_("What if: the desk to ask about."), metavar="DESK")]
AgentsOption = Annotated[
    int | None, typer.Option("--agents", min=0, help=_("What if: so many people in every open half-hour."))
]
RosterOption = Annotated[
    Path | None, typer.Option("--roster", help=_("An edited roster.xlsx (or .csv) to check again."), metavar="FILE")
]


def mount(app: typer.Typer) -> None:
    """Add the staffing command to the app."""
    app.command("staffing", help=_("People by desk; what another number or an edited roster would achieve."))(staffing)


def staffing(
    campaign: str,
    desk: DeskOption = None,
    agents: AgentsOption = None,
    roster: RosterOption = None,
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
    lang: LangOption = None,
) -> None:
    from playbooks.staffing import examination, recheck

    console = Console.open(workspace, lang, as_json)
    _one_question(desk, agents, roster)
    opened = open_workspace(workspace)
    plan = opened.plan(campaign)
    zone = ZoneInfo(plan.time_zone or opened.settings.time_zone)
    keeps = True
    if roster is not None:
        checked = recheck.recheck_roster(opened, campaign, roster)
        for note in checked.notes:
            console.note(note)
        keeps = checked.keeps_promises
        console.result(_recheck_words(checked, zone), _recheck_document(checked))
    elif desk is not None and agents is not None:
        found = recheck.what_if(opened, campaign, desk, agents)
        keeps = found.keeps_promise
        console.result(_judged_words(found, agents, zone), found.model_dump(mode="json") | {"agents": agents})
    else:
        written, bot = recheck.read_plan(opened, campaign), examination.read_examination(opened, campaign)
        document = written.model_dump(mode="json") | {"bot_examination": [_examined(one) for one in bot]}
        words = [_plan_words(written, zone), *map(str, examination.in_words(bot))]
        console.result("\n".join(words), document)
    console.next(f"surgeplan checklist {campaign}" if keeps else f"surgeplan staffing {campaign}")
    if not keeps:
        raise typer.Exit(ExitCode.NO)


def _examined(one: Examined) -> dict[str, object]:
    return {"offer": one.offer, "questions": one.asked, "passed": one.passed, "not_tried": one.untried,
            "pass_ratio": one.pass_ratio}  # fmt: skip


def _one_question(desk: str | None, agents: int | None, roster: Path | None) -> None:
    if (desk is None) != (agents is None):
        key = "--agents" if desk else "--desk"
        raise UserError(Problem(say("is missing"), say("give --desk and --agents together"), key=key))
    if roster is not None and desk is not None:
        raise UserError(Problem(say("ask one thing at a time"), say("leave out --roster or --desk"), key="--roster"))


def _plan_words(plan: StaffingPlan, zone: ZoneInfo) -> str:
    from campaign.numbers import local_minute, percent, spoken
    from playbooks.staffing.desk import definition_in_words, promise_in_words

    if plan.skipped:
        return str(plan.skipped)
    headings = [_("desk"), _("peak half-hour"), _("contacts at the peak"), _("people needed"), _("people rostered"),
                _("worst service level"), _("missing hours"), _("promised"), _("service level counts")]  # fmt: skip
    rows = [
        [
            one.desk, local_minute(one.peak.starts_at_utc, zone), spoken(one.peak.contacts_p90),
            str(one.peak.agents_required), f"{one.peak.agents_rostered:g}",
            "-" if one.worst_service_level_ratio is None else percent(one.worst_service_level_ratio),
            spoken(one.shortage.agent_hours), promise_in_words(one.target.ratio, one.target.seconds),
            str(definition_in_words(one.target.definition)),
        ]
        for one in plan.desks
    ]  # fmt: skip
    sentences = [f"{one.desk}: {text}" for one in plan.desks for text in one.sentences]
    for against in (plan.changes, plan.since_order):
        sentences += [str(text) for text in against.sentences] if against else []
    return "\n\n".join([table(headings, rows), "\n".join(sentences)])


def _judged_words(found: Judged, agents: int, zone: ZoneInfo) -> str:
    head = _("{desk} with {agents} people, {start} to {end}").format(
        desk=found.desk, agents=agents, start=_minute(found.starts_at_utc, zone), end=_minute(found.ends_at_utc, zone)
    )
    return "\n".join([head, *(f"  {name}: {value}" for name, value in _facts(found, zone))])


def _facts(found: Judged, zone: ZoneInfo) -> list[tuple[str, str]]:
    from campaign.numbers import percent, spoken
    from playbooks.staffing.desk import definition_in_words, promise_in_words

    worst = _("{level} at {when}").format(
        level=percent(found.worst_service_level_ratio), when=_minute(found.worst_at_utc, zone)
    )
    facts = [
        (_("service level"), _("{level}, promised {target}").format(
            level=percent(found.service_level_ratio),
            target=promise_in_words(found.target_ratio, found.within_seconds),
        )),
        (_("service level counts"), str(definition_in_words(found.definition))),
        (_("worst half-hour"), worst),
    ]  # fmt: skip
    if found.abandoned_ratio is not None:
        facts.append((_("given up"), percent(found.abandoned_ratio)))
    if found.longest_wait_seconds is not None:
        facts.append(
            (_("longest mean wait"), _("{seconds} s").format(seconds=spoken(round(found.longest_wait_seconds, 1))))
        )
    if found.oldest_ticket_hours is not None:
        facts.append((_("oldest ticket"), _("{hours} h").format(hours=spoken(found.oldest_ticket_hours))))
    clear = _minute(found.backlog_clear_at_utc, zone) if found.backlog_clear_at_utc else "-"
    facts.append((_("most waiting"), spoken(round(found.backlog_max))))
    facts.append((_("backlog clear at"), clear))
    facts.append((_("people needed at most"), str(found.most_agents_required)))
    facts.append((_("missing hours"), spoken(found.missing_agent_hours)))
    return facts


def _minute(moment: datetime, zone: ZoneInfo) -> str:
    from campaign.numbers import local_minute

    return local_minute(moment, zone)


def _recheck_words(checked: Recheck, zone: ZoneInfo) -> str:
    from campaign.numbers import percent, spoken
    from playbooks.staffing.desk import definition_in_words
    from playbooks.staffing.recheck_words import desk_in_words, verdict_in_words

    headings = [_("desk"), _("service level as planned"), _("service level edited"), _("worst half-hour"),
                _("missing hours"), _("paid hours"), _("change in paid hours"), _("service level counts")]  # fmt: skip
    rows = [
        [
            one.after.desk, percent(one.before.service_level_ratio), percent(one.after.service_level_ratio),
            f"{percent(one.after.worst_service_level_ratio)} {_minute(one.after.worst_at_utc, zone)}",
            spoken(one.after.missing_agent_hours), spoken(one.paid_hours_after),
            f"{one.paid_hours_after - one.paid_hours_before:+.0f}", str(definition_in_words(one.after.definition)),
        ]
        for one in checked.desks
    ]  # fmt: skip
    told = [*verdict_in_words(checked), *(text for one in checked.desks for text in desk_in_words(one, zone))]
    return "\n\n".join([table(headings, rows), "\n".join(map(str, (*told, *checked.findings)))])


def _change_document(change: ShiftChange) -> dict[str, object]:
    return {
        "people": change.people,
        "before": _hours_document(change.before),
        "after": _hours_document(change.after),
        "names": list(change.names),
    }


def _hours_document(hours: Hours | None) -> dict[str, object] | None:
    if hours is None:
        return None
    pause = hours.break_starts_at_utc
    return {
        "desk": hours.desk,
        "shift": hours.shift,
        "starts_at_utc": hours.starts_at_utc.isoformat(),
        "ends_at_utc": hours.ends_at_utc.isoformat(),
        "break_starts_at_utc": pause.isoformat() if pause else None,
        "break_minutes": hours.break_minutes,
    }


def _recheck_document(checked: Recheck) -> dict[str, object]:
    return {
        "desks": [
            {
                "before": one.before.model_dump(mode="json"),
                "after": one.after.model_dump(mode="json"),
                "paid_hours_before": one.paid_hours_before,
                "paid_hours_after": one.paid_hours_after,
                "shifts": [_change_document(change) for change in one.shifts],
                "in_worst_half_hour": asdict(one.in_worst) if one.in_worst else None,
            }
            for one in checked.desks
        ],
        "findings": [text.speak("en") for text in checked.findings],
        "keeps_promises": checked.keeps_promises,
    }
