"""The list of campaigns: when each is, what is forecast for it, and what its plan still owes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from campaign.documents import read_json
from campaign.errors import UserError
from campaign.language import Text, _, say
from campaign.numbers import local_minute, spoken
from campaign.plan import Plan
from campaign.traffic import TrafficModel
from campaign.workspace import Workspace
from warroom.service.kept import Kept, stamp_of

_MODELS = Kept()


@dataclass(frozen=True)
class Card:
    """One campaign in the list, in words."""

    id: str
    title: str
    when: str
    days: str | None
    peak: str
    owes: tuple[Text, ...]


def cards_of(workspace: Workspace, now: datetime) -> list[tuple[str, list[Card]]]:
    """Campaigns to come by date, then those that were, newest first."""
    ahead = [card_of(workspace, plan, now) for plan in workspace.plans if plan.ends_at > now]
    past = [card_of(workspace, plan, now) for plan in reversed(workspace.plans) if plan.ends_at <= now]
    return [(_("To come"), ahead), (_("Past"), past)]


def card_of(workspace: Workspace, plan: Plan, now: datetime) -> Card:
    zone = workspace.settings.zone_of(plan)
    when = f"{local_minute(plan.starts_at, zone, year=True)} – {local_minute(plan.ends_at, zone)}"
    days = (plan.starts_at.astimezone(zone).date() - now.astimezone(zone).date()).days
    coming = plan.ends_at > now
    said = _("in {n} days").format(n=days) if days > 0 else _("running or today") if coming else None
    return Card(plan.id, plan.title, when, said, _peak(workspace, plan), owed(plan) if coming else ())


def owed(plan: Plan) -> tuple[Text, ...]:
    """What a plan should say before D-3 and does not."""
    missing: list[Text] = []
    if not plan.moments:
        missing.append(say("the moments at which demand jumps (opening, coupon drops)"))
    if not plan.channels:
        missing.append(say("its channels: sends, livestreams, spend"))
    missing += [
        say("{channel} at {at}: the share that opens it", channel=channel.name, at=send.at.strftime("%m-%d %H:%M"))
        for channel in plan.channels
        for send in channel.sends
        if send.open_ratio is None
    ]
    if not plan.offers:
        missing.append(say("the offers that customers will ask about"))
    if not plan.owner.name:
        missing.append(say("who answers for it"))
    return tuple(missing)


def _peak(workspace: Workspace, plan: Plan) -> str:
    model = model_of(workspace, plan.id)
    if model is None:
        return ""
    peak = model.total.peak_requests_per_second
    zone = workspace.settings.zone_of(plan)
    told = _("forecast peak {p50} requests/s, about one in ten above {p90}, at {at}")
    at = local_minute(model.total.peak_at_utc, zone)
    return told.format(p50=spoken(peak.p50), p90=spoken(peak.p90), at=at)


def model_of(workspace: Workspace, campaign: str) -> TrafficModel | None:
    """The last forecast of a campaign; None where there is none that can be read."""
    path = workspace.out(campaign) / "traffic.json"
    return _MODELS.get(path, lambda: stamp_of(path), lambda: _model_in(path))


def _model_in(path: Path) -> TrafficModel | None:
    try:
        return read_json(path, path.name, TrafficModel) if path.is_file() else None
    except UserError:
        return None


def collisions(plan: Plan, others: Sequence[Plan]) -> tuple[Text, ...]:
    """Other campaigns that run at the same time and touch a service of this one."""
    return tuple(
        say("{other} runs at the same time", other=other.title)
        for other in others
        if other.id != plan.id
        and other.overlaps(plan.starts_at, plan.ends_at)
        and (not plan.services or not other.services or set(plan.services) & set(other.services))
    )
