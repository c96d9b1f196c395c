"""What the war room decided that a push meets: floors that are raised, switches that are pulled, sends that are held or
spread out; and the replicas that are ready as last read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from campaign.language import Text, say
from campaign.numbers import local_minute, percent
from campaign.plan import Plan, Send
from campaign.workspace import Workspace
from playbooks.autoscaling.holds import Hold
from playbooks.readiness.gather import read_all_drills
from warroom.handed import campaign_events
from warroom.live.actions.holding import holds_of
from warroom.live.actions.log import Acts, Decision, acts_of
from warroom.live.actions.sends import Planned, planned_sends
from warroom.live.actions.switches import works_after
from warroom.live.judging.capacity import LATELY, MINUTE, observed_of
from warroom.live.policy import rules_of
from warroom.live.state import live_store
from warroom.push.carried import BEFORE_MINUTES, Observed, autoscaling_plan


@dataclass(frozen=True)
class Pulled:
    """A switch that sheds a share of each service's requests from `since` on, until it is put back."""

    switch: str
    since: datetime
    sheds: Mapping[str, float]

    def left(self, service: str, at: datetime, minutes: int) -> NDArray[np.float32]:
        """What is left [minute] of a service's requests in so many minutes from `at` on."""
        working = np.arange(minutes) >= (self.since - at) / timedelta(minutes=1)
        return np.where(working, 1 - self.sheds.get(service, 0.0), 1.0).astype(np.float32)


@dataclass(frozen=True)
class Decided:
    """plan: with its sends as they go out. observed: floors that were decided on and ready replicas, by service."""

    plan: Plan
    observed: Mapping[str, Observed] = field(default_factory=dict)
    pulled: tuple[Pulled, ...] = ()
    on_sends: tuple[tuple[Planned, Decision], ...] = ()

    def left(self, services: Sequence[str], at: datetime, minutes: int) -> NDArray[np.float32]:
        """What pulled switches leave of the requests [service, minute]; each takes its share of what others left."""
        found = np.ones((len(services), minutes), np.float32)
        for pulled in self.pulled:
            found *= [pulled.left(name, at, minutes) for name in services]
        return found

    def known_at(self, at: datetime) -> Mapping[str, Observed]:
        """What was observed, as far as it says something about minutes from `at` on: replicas that were read before
        may long be others by then."""
        return {name: seen if seen.at >= at else Observed(at, holds=seen.holds) for name, seen in self.observed.items()}

    def said(self, at: datetime, zone: ZoneInfo) -> Iterator[Text]:
        """What an answer about a push at `at` has counted."""
        for name, seen in sorted(self.known_at(at - timedelta(minutes=BEFORE_MINUTES)).items()):
            if seen.ready is not None:
                when = local_minute(seen.at, zone)
                yield say("counted: {n} replicas of {service} were ready at {at}", n=seen.ready, service=name, at=when)
            hold = max((hold for hold in seen.holds if not hold.is_over(at)), key=_replicas, default=None)
            if hold is not None:
                yield _floor(name, hold, zone)
        for pulled in self.pulled:
            shed = ", ".join(f"{name} −{percent(ratio)}" for name, ratio in pulled.sheds.items())
            yield say("counted: switch {switch} is pulled and stays so ({shed})", switch=pulled.switch, shed=shed)
        for planned, decision in self.on_sends:
            send = {"at": local_minute(planned.at, zone), "channel": planned.channel}
            if decision.kind == "hold":
                yield say("counted: the {at} send of {channel} is held", **send)
            else:
                minutes = f"{decision.amount or 0:g}"
                yield say("counted: the {at} send of {channel} goes out over {minutes} min", minutes=minutes, **send)


def decided(workspace: Workspace, plan: Plan, now: datetime) -> Decided:
    """What holds at `now`.

    Raises:
        UserError: the log, the drills, rules.yaml or the store cannot be read.
    """
    acts = acts_of(campaign_events(workspace, plan.id), plan.id)
    on_sends = tuple(decisions_on_sends(plan, acts))
    readings = live_store(workspace).measured(plan.id, MINUTE, now - LATELY, now)
    return Decided(
        plan=with_decided_sends(plan, on_sends),
        observed=observed_of(readings, list(_holds(workspace, plan, acts, now)), now),
        pulled=tuple(_pulled(workspace, plan, acts, now)),
        on_sends=on_sends,
    )


def _replicas(hold: Hold) -> int:
    return hold.replicas


def _floor(service: str, hold: Hold, zone: ZoneInfo) -> Text:
    told = {"service": service, "n": hold.replicas, "since": local_minute(hold.starts_at, zone)}
    if hold.ends_at is None:
        return say("counted: {service} has at least {n} replicas, decided at {since}", **told)
    until = local_minute(hold.ends_at, zone)
    return say("counted: {service} has at least {n} replicas until {until}, decided at {since}", until=until, **told)


def _holds(workspace: Workspace, plan: Plan, acts: Acts, now: datetime) -> Iterator[Hold]:
    """Floors that hold now or still come; those for no certain time end with the plan's way back."""
    scaling = autoscaling_plan(workspace.out(plan.id) / "playbook" / "autoscaling.json")
    for hold in holds_of(acts, rules_of(workspace).live.levers.scale.hours):
        known = scaling is not None and hold.service in scaling.services
        back = scaling.returns_at(hold.service) if scaling is not None and known else plan.ends_at
        bounded = hold if hold.ends_at else replace(hold, ends_at=back)
        if not bounded.is_over(now):
            yield bounded


def _pulled(workspace: Workspace, plan: Plan, acts: Acts, now: datetime) -> Iterator[Pulled]:
    drills, rules = read_all_drills(workspace, plan), rules_of(workspace).live.levers
    for switch in workspace.settings.switches:
        decision = acts.standing("switch", switch.id, now)
        if decision is not None and switch.effect:
            yield Pulled(switch.id, decision.at + works_after(switch, drills, rules), switch.effect)


def decisions_on_sends(plan: Plan, acts: Acts) -> Iterator[tuple[Planned, Decision]]:
    """The newest decision that stands on each send of the plan."""
    for planned in planned_sends(plan):
        own = [d for d in acts.decisions if d.stands and d.kind in ("hold", "stagger") and d.subject == planned.id]
        if own:
            yield planned, own[-1]


def with_decided_sends(plan: Plan, on_sends: Iterable[tuple[Planned, Decision]]) -> Plan:
    """The plan with each of these sends as it goes out: what of it had gone before it was held, or more slowly."""
    decisions = {(planned.channel, planned.at): (planned, decision) for planned, decision in on_sends}
    if not decisions:
        return plan
    channels = [
        channel.model_copy(update={"sends": tuple(_sent(channel.name, channel.sends, decisions))})
        for channel in plan.channels
    ]
    return plan.model_copy(update={"channels": tuple(channels)})


def _sent(
    channel: str, sends: Iterable[Send], decisions: Mapping[tuple[str, datetime], tuple[Planned, Decision]]
) -> Iterator[Send]:
    for send in sends:
        planned, decision = decisions.get((channel, send.at), (None, None))
        if planned is None or decision is None:
            yield send
        elif decision.kind == "stagger" and decision.amount:
            yield send.model_copy(update={"per_second": max(send.reach / (60 * decision.amount), 1e-6)})
        elif (gone := min(planned.gone(decision.at) / planned.seconds, 1.0)) > 0:
            yield send.model_copy(update={"reach": send.reach * gone})
