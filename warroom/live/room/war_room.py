"""The war room of one campaign at one instant: the live state, and what people need beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from campaign.errors import UserError
from campaign.language import Text, say
from campaign.plan import Plan
from campaign.readiness import Item
from campaign.workspace import Workspace
from playbooks.readiness.brought import Seat
from playbooks.readiness.publish import Review
from warroom.handed import campaign_events
from warroom.live.actions.log import Acts, acts_of
from warroom.live.actions.records import Lever
from warroom.live.actions.sends import Unlearned
from warroom.live.clocks.overdue import overdue_now
from warroom.live.deciding.levers import levers, unlearned_sends
from warroom.live.policy import dictionary_of
from warroom.live.records import LiveState, Stale
from warroom.live.room.definitions import Defined, definitions_of
from warroom.live.room.happened import Happened, happened
from warroom.live.room.service_desk import DeskNow, desks_now
from warroom.live.room.standing_still import standing_still
from warroom.live.room.switches import SwitchNow, switches_now
from warroom.live.sources.came import DESK_MEASURES
from warroom.live.sources.readings import QUEUE
from warroom.live.sources.sight import Sight, sight_of
from warroom.live.state import AROUND, HOUR_SECONDS, live_state, live_store
from warroom.service.troubles import Trouble
from warroom.support.intervals import read_intervals

COMMANDER, AGENT_QUEUE = "commander", "agent_queue"


@dataclass(frozen=True)
class Commander:
    """Who commands: on the roster now, or by their role in surgeplan.yaml; empty where nobody is named."""

    names: tuple[str, ...]
    rostered: bool


@dataclass(frozen=True)
class WarRoom:
    """Everything that the page and its JSON say.

    left: checklist items that are not done, stale first; None where the checklist cannot be made. unlearned: sends to
    come that the forecast has not. unread: what could not be read, and why. standing_still: what was due and is not
    done.
    """

    plan: Plan
    zone: ZoneInfo
    currency: str
    state: LiveState
    sight: Sight
    commander: Commander
    verdict: str | None
    switches: tuple[SwitchNow, ...]
    desks: tuple[DeskNow, ...]
    left: tuple[Item, ...] | None
    items: int
    happened: tuple[Happened, ...]
    definitions: tuple[Defined, ...]
    levers: tuple[Lever, ...]
    unlearned: tuple[Unlearned, ...]
    acts: Acts
    unread: tuple[Text, ...] = ()
    standing_still: tuple[Stale, ...] = ()

    @property
    def stale(self) -> tuple[Stale, ...]:
        """Everything that is older than it should be."""
        return (*self.standing_still, *self.state.stale)

    @property
    def desk_names(self) -> frozenset[str]:
        return frozenset(each.desk.name for each in self.desks)


def open_war_room(
    workspace: Workspace,
    campaign: str,
    now: datetime,
    review: Review | UserError,
    troubles: Sequence[Trouble] = (),
) -> WarRoom:
    """The war room as files, store and log have it now. review: the checklist, or why there is none; troubles: what the
    service fails at.

    Raises:
        UserError: no such campaign, the log was edited, or the store cannot be read.
    """
    plan, settings = workspace.plan(campaign), workspace.settings
    state = live_state(workspace, campaign, now)
    store = live_store(workspace)
    values = store.measured(campaign, HOUR_SECONDS, plan.starts_at - AROUND, now, DESK_MEASURES)
    staffing = read_intervals(workspace.out(campaign) / "playbook" / "staffing.csv")
    desks = desks_now(settings.desks, staffing, values, state.readings, now)
    made = None if isinstance(review, UserError) else review
    decision = made.evidence.standing.decision if made else None
    left = left_of(made.checklist.items) if made else None
    events = campaign_events(workspace, campaign)
    acts = acts_of(events, campaign)
    possible, unread = _levers(workspace, state)
    return WarRoom(
        plan=plan,
        zone=settings.zone_of(plan),
        currency=settings.currency,
        state=state,
        sight=sight_of(state),
        commander=commander_at(made.evidence.seats if made else None, settings.roles, now),
        verdict=str(decision.body["verdict"]) if decision else None,
        switches=switches_now(
            settings.switches, made.evidence.drills if made else (), state.minutes, now, pulled_of(acts, now)
        ),
        desks=desks,
        left=left,
        items=len(made.checklist.items) if made else 0,
        happened=happened(events, plan, now),
        definitions=definitions_of(figures_of(state, desks), dictionary_of(workspace), state.sources),
        levers=possible,
        unlearned=unlearned_sends(workspace, campaign, now),
        acts=acts,
        unread=(*_unread(review), *unread),
        standing_still=standing_still(troubles, overdue_now(store, plan, now)),
    )


def _levers(workspace: Workspace, state: LiveState) -> tuple[tuple[Lever, ...], tuple[Text, ...]]:
    """What can be done; a file of the plan that cannot be read takes only this block away."""
    try:
        return levers(workspace, state), ()
    except UserError as error:
        return (), tuple(say("what can be done: {what}", what=str(problem)) for problem in error.problems)


def pulled_of(acts: Acts, now: datetime) -> dict[str, datetime]:
    """Since when switches are pulled, by id."""
    names = {decision.subject for decision in acts.decisions if decision.kind == "switch"}
    standing = {name: acts.standing("switch", name, now) for name in names}
    return {name: decision.at for name, decision in standing.items() if decision}


def _unread(review: Review | UserError) -> tuple[Text, ...]:
    if not isinstance(review, UserError):
        return ()
    return tuple(say("the checklist: {what}", what=str(problem)) for problem in review.problems)


def left_of(items: Sequence[Item]) -> tuple[Item, ...]:
    """What is not done: stale first, then what failed, then by when it is due."""
    rank = {"stale": 0, "fail": 1}
    return tuple(sorted((i for i in items if not i.done), key=lambda i: (rank.get(i.state, 2), i.due_at_utc)))


def commander_at(seats: Sequence[Seat] | None, roles: dict[str, str], now: datetime) -> Commander:
    seated = [seat.name for seat in seats or () if seat.seat == COMMANDER and seat.starts_at <= now < seat.ends_at]
    if seated:
        return Commander(tuple(dict.fromkeys(seated)), True)
    named = [name for name, held in roles.items() if COMMANDER in [part.strip() for part in held.split(",")]]
    return Commander(tuple(named), False)


def figures_of(state: LiveState, desks: Sequence[DeskNow]) -> tuple[str, ...]:
    """Every figure that is on the page, once."""
    own = {each.desk.name for each in desks}
    found = [metric.name for metric in state.metrics]
    found += [AGENT_QUEUE if r.name == QUEUE and r.service in own else r.name for r in state.readings]
    found += ["service_level" for desk in desks if desk.served and desk.served.level_ratio is not None]
    found += ["bot_containment" for desk in desks if desk.hour and desk.hour.contained_ratio is not None]
    return tuple(dict.fromkeys(found))
