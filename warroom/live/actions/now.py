"""What every action is worked out from, and how one becomes a lever: its worth and the head-room it leaves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from campaign.capacity import Capacity
from campaign.language import Text
from campaign.plan import Plan
from campaign.settings import Settings
from campaign.traffic import Effect as Learned
from playbooks.autoscaling.plan import AutoscalingPlan
from playbooks.growth.live_policy import LeverRule, LeverRules
from playbooks.readiness.brought import Drill
from playbooks.staffing.counted import Counted
from warroom.live.actions.ahead import Ahead, relieved
from warroom.live.actions.desks import DeskAhead
from warroom.live.actions.records import Effect, Kind, Lever
from warroom.live.actions.worth import worth_per_hour


@dataclass(frozen=True)
class Fleet:
    """One service's replicas. running: ready ones as read lately, else what should be of the plan, else
    today's.

    lead_hours: from asking for a replica until it is ready; namespace: of the plan's Kubernetes files, None without.
    """

    capacity: Capacity
    running: int
    most: int | None
    multiple: int
    lead_hours: float
    namespace: str | None


@dataclass(frozen=True)
class Now:
    """The present state as actions need it; nothing in it reads files any more.

    ahead, fleets, desks: by service and desk. effects: what the forecast says that each driver adds. lift: contacts as
    a multiple of the forecast. counted: questions asked so far.
    """

    plan: Plan
    settings: Settings
    rules: LeverRules
    at: datetime
    ahead: Mapping[str, Ahead]
    fleets: Mapping[str, Fleet]
    autoscaling: AutoscalingPlan | None
    drills: tuple[Drill, ...]
    effects: tuple[Learned, ...]
    desks: Mapping[str, DeskAhead]
    lift: float
    counted: Counted | None

    @property
    def zone(self) -> ZoneInfo:
        return self.settings.zone_of(self.plan)

    def works_at(self, hours: float) -> datetime:
        return self.at + timedelta(hours=hours)

    def settled_at(self, hours: float) -> datetime:
        """When something that takes so long has settled: its effect is looked for over the hour from then on."""
        return self.works_at(hours) + timedelta(minutes=self.rules.settle_minutes)

    def rule(self, kind: Kind) -> LeverRule:
        found: LeverRule = getattr(self.rules, kind)
        return found


@dataclass(frozen=True)
class Action:
    """What is to be done, before anything is said about its worth. id: its part after the kind; base: see `Lever`."""

    kind: Kind
    id: str
    subject: str
    amount: float | None
    title: Text
    how: Text
    hours: float
    people: float
    base: float | None = None


def lever(now: Now, action: Action, effects: tuple[Effect, ...], after: Mapping[str, Ahead]) -> Lever:
    """An action with its effects and the services as they are expected after it."""
    works_at = now.works_at(action.hours)
    service = next((effect.name for effect in effects if effect.name in after), None)
    return Lever(
        id=f"{action.kind}:{action.id}",
        kind=action.kind,
        subject=action.subject,
        amount=action.amount,
        base=action.base,
        title=action.title,
        how=action.how,
        effects=effects,
        impact_per_hour=worth_per_hour(now.settings, relieved(now.ahead, after)),
        headroom_before=now.ahead[service].headroom(works_at) if service else None,
        headroom_after=after[service].headroom(works_at) if service else None,
        hours=action.hours,
        people=action.people,
        decides=now.rule(action.kind).decides,
    )
