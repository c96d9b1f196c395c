"""The commands `sync` and `act`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from campaign.console import Console, JsonOption, LangOption, NowOption, WorkspaceOption, clock, open_workspace
from campaign.language import _

if TYPE_CHECKING:
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from campaign.store.events import Event
    from campaign.workspace import Workspace
    from warroom.live.answers.levers import OnOffer
    from warroom.live.clocks.sync import Synced
    from warroom.live.deciding.decisions import Verb


def mount(app: typer.Typer) -> None:
    app.command("sync", help=_("One sync: what came against the frozen forecast, alerts, the hour's message."))(sync)
    app.command("act", help=_("What can be done while it runs, and what it did; decide on it, or ask for it."))(act)


def sync(
    campaign: Annotated[str, typer.Argument(help=_("The campaign's id."), metavar="ID")],
    workspace: WorkspaceOption = Path(),
    as_json: JsonOption = False,
    lang: LangOption = None,
    now: NowOption = None,
) -> None:
    import os
    import time

    from warroom.chat.sending import Sender
    from warroom.chat.targets import VARIABLE, targets_of
    from warroom.live.clocks.sync import sync as sync_once
    from warroom.live.messages.outbox import drain
    from warroom.live.state import live_store

    console = Console.open(workspace, lang, as_json)
    opened, at = open_workspace(workspace), clock(now)
    sender = Sender(targets_of(os.environ.get(VARIABLE, "")))
    done = sync_once(opened, campaign, at, sender.targets, time.sleep)
    if sender.targets:
        drain(live_store(opened), sender, sender.clock)
    plan = opened.plan(campaign)
    console.result(_as_text(done, opened.settings.zone_of(plan)), _as_json(done))
    for each in done.state.stale:
        console.note(each.what)
    console.next(f"surgeplan warroom --workspace {workspace}")


def _as_text(done: Synced, zone: Any) -> str:
    from campaign.numbers import local_minute

    if done.words is None:
        at = done.state.clock.next_sync_at
        return _("nothing to compare yet: the first hour is synced at {at}").format(
            at=local_minute(at, zone) if at else "-"
        )
    title, lines = done.words
    return "\n".join([str(title), *(f"  {line}" for line in lines)])


def _as_json(done: Synced) -> dict[str, Any]:
    from warroom.live.answers.state import state_answer

    told = state_answer(done.state).model_dump(mode="json")
    return {
        "schema_version": 1,
        "campaign": done.state.campaign,
        "synced_at_utc": done.state.now.isoformat(),
        "hour": done.hour.isoformat() if done.hour else None,
        "posted": done.posted,
    } | told


def act(
    campaign: Annotated[str, typer.Argument(help=_("The campaign's id."), metavar="ID")],
    lever: Annotated[
        str | None,
        typer.Argument(help=_("An action as it is listed; all are listed where left out."), metavar="ACTION"),
    ] = None,
    workspace: WorkspaceOption = Path(),
    reason: Annotated[str, typer.Option("--reason", help=_("Why, in a sentence."))] = "",
    request: Annotated[bool, typer.Option("--request", help=_("Ask those who decide, instead of deciding."))] = False,
    decline: Annotated[bool, typer.Option("--decline", help=_("Decline what somebody asked for."))] = False,
    undo: Annotated[bool, typer.Option("--undo", help=_("Take a decision back."))] = False,
    until: Annotated[
        str | None,
        typer.Option(
            "--until", help=_("Until when a floor is raised; until it is taken back where left out."), metavar="T"
        ),
    ] = None,
    by: Annotated[
        str | None, typer.Option("--as", help=_("Who acts; SURGEPLAN_USER where left out."), metavar="NAME")
    ] = None,
    as_json: JsonOption = False,
    lang: LangOption = None,
    now: NowOption = None,
) -> None:
    from campaign.console import actor, moment_option
    from campaign.errors import Problem, UserError
    from campaign.language import say
    from playbooks.readiness.acts import who
    from warroom.live.answers.levers import levers_answer, on_offer
    from warroom.live.deciding.decisions import Wanted, take

    console = Console.open(workspace, lang, as_json)
    opened, at = open_workspace(workspace), clock(now)
    if request + decline + undo > 1:
        raise UserError(
            Problem(say("--request, --decline and --undo exclude each other"), say("leave all but one out"))
        )
    if lever is None:
        offered = on_offer(opened, campaign, at)
        console.result(_listed(offered, opened.settings.zone_of(opened.plan(campaign))),
                       levers_answer(offered).model_dump(mode="json"))  # fmt: skip
        first = next((each.id for each in offered.levers if each.state != "done"), "ACTION")
        named = "" if actor(by) else " --as NAME"
        console.next(f"surgeplan act {campaign} {first} --reason WHY{named}")
        return
    ends = moment_option(until, "--until")
    verb: Verb = "request" if request else "decline" if decline else "undo" if undo else "act"
    event = take(opened, campaign, verb, Wanted(lever, who(actor(by), opened.settings), reason, at, ends))
    console.result(
        "\n".join([_taken(opened, event), *_scaled(opened, campaign, event, at)]), event.model_dump(mode="json")
    )
    console.next(f"surgeplan act {campaign}")


def _taken(opened: Workspace, event: Event) -> str:
    from campaign.numbers import local_minute
    from warroom.live.room.happened import done_words

    text = _("{actor} ({role}), {at}: {done}; log head {head}")
    at = local_minute(event.at_utc, opened.settings.zone, year=True)
    return text.format(actor=event.actor, role=event.role, at=at, done=done_words(event), head=event.hash[:12])


def _scaled(opened: Workspace, campaign: str, event: Event, now: datetime) -> list[str]:
    """After a service was scaled, or that was taken back: what is on its way and held now."""
    from warroom.live.actions.scaling_words import scaling_lines
    from warroom.live.state import live_state

    if not event.subject.startswith("scale:"):
        return []
    zone = opened.settings.zone_of(opened.plan(campaign))
    return [str(line) for line in scaling_lines(live_state(opened, campaign, now), zone)]


def _listed(offered: OnOffer, zone: ZoneInfo) -> str:
    """Actions in response order, open requests, and decisions with what came of them."""
    from campaign.numbers import local_minute, percent
    from warroom.live.actions.words import doubt_words, effect_words, outcome_words

    lines = [str(text) for text in offered.scaling]
    for lever in offered.levers:
        lines += [f"{lever.id}  {lever.title}", f"    {effect_words(lever.effect, offered.at, zone)}"]
        if lever.headroom_before is not None and lever.headroom_after is not None:
            room = _("head-room {before} → {after}")
            lines.append(
                "    " + room.format(before=percent(lever.headroom_before), after=percent(lever.headroom_after))
            )
        doubt = doubt_words(lever)
        lines += ["    " + _("little is known: {why}").format(why=doubt)] if doubt else []
        lines.append(f"    {lever.how}")
    lines += [f"{each.send.id}  {each.why}" for each in offered.unlearned]
    for asked in (asked for asked in offered.acts.requests if asked.open):
        text = _("asked for {at} by {name}: {what} ({reason})")
        lines.append(text.format(at=local_minute(asked.at, zone), name=asked.by, what=asked.title, reason=asked.reason))
    for decision in offered.acts.decisions:
        text = _("decided {at} by {name}: {what} ({reason})")
        lines.append(
            text.format(
                at=local_minute(decision.at, zone), name=decision.by, what=decision.title, reason=decision.reason
            )
        )
        lines.append(f"    {outcome_words(decision)}")
    return "\n".join(lines or [_("nothing can be done now: there is no forecast, or the event is over")])
