"""The war room of a rehearsal, made from a workspace: live rules, what past campaigns taught, switches and sends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from campaign.documents import read_json
from campaign.plan import Plan
from campaign.settings import Settings
from campaign.traffic import LiveSettings, TrafficModel
from campaign.workspace import Workspace
from playbooks.autoscaling.known import value_per_request
from playbooks.growth.live_policy import LiveRules
from playbooks.growth.policy import Response
from playbooks.readiness.gather import read_all_drills
from playbooks.rehearsal.inputs import Inputs
from playbooks.rehearsal.sends import Send
from playbooks.rehearsal.war_room import Room
from playbooks.simulation.war_room import WarRoom
from surgeplan.war_room.calling import call_in_of
from surgeplan.war_room.deciding import Rule
from surgeplan.war_room.options import Spreads, Switched, possibilities, releases
from surgeplan.war_room.sight import MINUTES, Floats, Services, Singles, minutes_of, syncs_of
from warroom.live.actions.ahead import P50
from warroom.live.actions.desks import desks_of
from warroom.live.actions.sends import SPREAD_MINUTES, Planned, learned_of, planned_sends
from warroom.live.actions.switches import SECONDS, drilled_seconds
from warroom.live.expected.reforecast import as_learned
from warroom.live.policy import rules_of


@dataclass(frozen=True)
class Known:
    """What a war room goes by, beside what is rehearsed. multiples: [service] replicas come in so many at once.
    value_per_request: [service], zero where nobody has said. spreads: of each of the inputs' sends.
    """

    rules: LiveRules
    response: Response
    learned: LiveSettings
    multiples: Sequence[int]
    value_per_request: Floats
    switches: Sequence[Switched] = ()
    spreads: Sequence[Spreads] = ()


def war_room(workspace: Workspace, campaign: str, inputs: Inputs) -> Room | None:
    """The war room of the plan as it is now; its re-forecast knows `inputs`' paths as they were forecast.

    None where no sync has anything to look ahead to.

    Raises:
        UserError: rules.yaml, the traffic model or the staffing plan cannot be read.
    """
    plan, settings, rules = workspace.plan(campaign), workspace.settings, rules_of(workspace)
    model = read_json(workspace.out(campaign) / "traffic.json", f"out/{campaign}/traffic.json", TrafficModel)
    known = Known(
        rules=rules.live,
        response=rules.response,
        learned=as_learned(model.nowcast),
        multiples=[settings.service(name).replicas.multiple_of or 1 for name in inputs.services],
        value_per_request=np.array([value_per_request(settings, name) or 0.0 for name in inputs.services]),
        switches=tuple(_switches(workspace, plan, settings, inputs, rules.live)),
        spreads=[_spreads(inputs, send, planned_sends(plan), model) for send in inputs.sends],
    )
    services = war_room_of(inputs, known)
    if services is None:
        return None
    desks = desks_of(workspace, campaign) if inputs.support else {}
    return Room(services, call_in_of(inputs, desks, rules.live.hourly, rules.live.levers.agents.hours))


def war_room_of(inputs: Inputs, known: Known) -> WarRoom | None:
    """The same for the services alone, from records."""
    syncs = syncs_of(inputs, known.learned)
    if not any(syncs):
        return None
    services, levers = Services.of(inputs.fleets, known.multiples), known.rules.levers
    spreads = known.spreads or [{}] * len(inputs.sends)
    possible = possibilities(inputs, services, known.switches, spreads, levers)
    rule = Rule(
        syncs=syncs,
        services=services,
        possible=tuple(sorted(possible, key=lambda each: (each.resolve_hours, each.people))),
        releases=tuple(releases(inputs, levers)),
        value_per_request=known.value_per_request,
        response=known.response,
        fires=timedelta(minutes=known.rules.capacity.fires_minutes),
    )
    return WarRoom(
        rule=rule,
        options=rule.options,
        syncs=minutes_of(inputs),
        interval_minutes=MINUTES,
        orders_per_request=np.array([each or 0.0 for each in inputs.orders_per_request]),
    )


def _switches(
    workspace: Workspace, plan: Plan, settings: Settings, inputs: Inputs, rules: LiveRules
) -> Iterator[Switched]:
    drills = read_all_drills(workspace, plan)
    for switch in settings.switches:
        effect = inputs.switches.get(switch.id)
        if effect:
            seconds = drilled_seconds(switch, drills)
            hours = rules.levers.undrilled_switch_hours if seconds is None else seconds / SECONDS
            yield Switched(switch.id, effect, hours)


def _spreads(inputs: Inputs, send: Send, planned: Sequence[Planned], model: TrafficModel) -> Spreads:
    """What a send brings if it goes out over more minutes, by how many; none where the plan has it no more."""
    found = [one for one in planned if (one.channel, inputs.minute_of(one.at)) == (send.channel, send.minute)]
    if not found:
        return {}
    added = learned_of(model.effects, found[0])
    middle = np.median(inputs.demand.requests_per_second, axis=1).astype(np.float64)
    starts = int(inputs.starts_at_utc.timestamp()) + 60 * np.arange(middle.shape[1], dtype=np.int64)
    seconds = np.full(len(starts), 60, np.int64)

    def over(minutes: int) -> Singles:
        brought = np.zeros(middle.shape)
        for row, name in enumerate(inputs.services):
            if name in added:
                brought[row] = added[name].largest[P50] * added[name].course_spread(starts, seconds, minutes)
        return np.asarray(brought / np.maximum(middle, 1e-9), np.float32)

    return {minutes: over(minutes) for minutes in SPREAD_MINUTES if 60 * minutes > found[0].seconds}
