"""The workspace as it would be: a bot that resolves another share. Nothing is written."""

from __future__ import annotations

from dataclasses import replace

from campaign.errors import Problem, UserError, nearest
from campaign.language import say
from campaign.settings import Desk, RatioRange
from campaign.workspace import Workspace


def with_bot_resolving(workspace: Workspace, desk: str, ratio: float) -> Workspace:
    """The same workspace with one desk's bot resolving this share of all contacts, for certain.

    Raises:
        UserError: no such desk, it has no bot, or no share between 0 and what the bot contains.
    """
    names = [known.name for known in workspace.settings.desks]
    if desk not in names:
        raise UserError(Problem(say("there is no desk {desk}", desk=desk), nearest(desk, names)))
    desks = tuple(_resolving(known, ratio) if known.name == desk else known for known in workspace.settings.desks)
    return replace(workspace, settings=workspace.settings.model_copy(update={"desks": desks}))


def _resolving(desk: Desk, ratio: float) -> Desk:
    if desk.bot is None:
        raise UserError(Problem(say("{desk} has no bot", desk=desk.name), say("leave the bot's share out")))
    most = min((r.low for r in (desk.bot.contained_ratio, desk.bot.handled_ratio) if r is not None), default=1.0)
    if not 0 <= ratio <= most:
        what = say("the bot of {desk} can resolve between 0 and {most} %", desk=desk.name, most=f"{100 * most:.0f}")
        raise UserError(Problem(what, say("write a share of all contacts in percent")))
    certain = RatioRange(low=ratio, mid=ratio, high=ratio)
    return desk.model_copy(update={"bot": desk.bot.model_copy(update={"resolved_ratio": certain})})
