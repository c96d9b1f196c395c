"""Which replicas are played: the playbook's, or, where it plans none, those of surgeplan.yaml as they are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from campaign.documents import read_json
from campaign.errors import Problem, UserError
from campaign.files import sha256
from campaign.language import Text, say
from campaign.numbers import percent
from campaign.settings import Service
from campaign.workspace import Workspace
from playbooks.autoscaling.inputs import sharing
from playbooks.autoscaling.known import ServiceFacts
from playbooks.autoscaling.minutes import MinuteTraffic
from playbooks.autoscaling.plan import AutoscalingPlan, HpaMetric, ServicePlan
from playbooks.autoscaling.policy import AutoscalingPolicy, read_policy
from playbooks.autoscaling.reasons import hours_of
from playbooks.simulation.fleet import UNLIMITED, Fleet, Nodes

NEVER_FULL = 1e9  # requests per second of one replica: beyond whatever any service is asked


@dataclass(frozen=True)
class PlannedFleet:
    """Replicas of one service: `floor`, from each step's instant on its number, and an HPA up to `most` on top.

    target_ratio: None where nothing scales above the floor. metric: that the HPA scales on. capacity: requests per
    second of one replica that it was planned with; None for what is known of the service now. assumed: in words, where
    no playbook planned it.
    """

    floor: int
    most: int
    target_ratio: float | None
    steps: tuple[tuple[datetime, int], ...] = ()
    metric: HpaMetric = "cpu"
    capacity: float | None = None
    assumed: Text | None = None

    @classmethod
    def of(cls, plan: ServicePlan) -> PlannedFleet:
        """As the playbook has it."""
        return cls(
            floor=plan.replicas.floor,
            most=plan.replicas.most,
            target_ratio=plan.hpa_target_ratio,
            metric=plan.hpa_metric,
            steps=tuple((step.starts_at_utc, step.replicas) for step in plan.steps),
            capacity=plan.capacity_requests_per_second_per_replica.low,
        )

    @classmethod
    def as_is(cls, service: Service, policy: AutoscalingPolicy) -> PlannedFleet:
        """As surgeplan.yaml has it: today's number where no other is given, else an HPA between min and max."""
        replicas, name = service.replicas, service.name
        if replicas.today is not None and replicas.min is None and replicas.max is None:
            told = say(
                "{service}: {count} replicas as today; without replicas.min and max nothing scales it",
                service=name, count=replicas.today,
            )  # fmt: skip
            return cls(max(replicas.today, 1), UNLIMITED, None, assumed=told)
        floor = max(policy.hpa_min_replicas if replicas.min is None else replicas.min, 1)
        target = policy.hpa_target_ratio
        said = {"service": name, "floor": floor, "target": percent(target), "metric": policy.hpa_metric}
        if replicas.max is None:
            told = say("{service}: an HPA from {floor} replicas on, without a quota, at {target} of {metric}", **said)
            return cls(floor, UNLIMITED, target, metric=policy.hpa_metric, assumed=told)
        told = say(
            "{service}: an HPA from {floor} to {most} replicas, at {target} of {metric}", most=replicas.max, **said
        )
        return cls(floor, replicas.max, target, metric=policy.hpa_metric, assumed=told)


@dataclass(frozen=True)
class PlannedFleets:
    """All services of the workspace over the hours that are played.

    model, playbook: sha256 of traffic.json and autoscaling.json; playbook is None where there is none yet.
    """

    campaign: str
    model: str
    playbook: str | None
    starts_at_utc: datetime
    ends_at_utc: datetime
    services: dict[str, PlannedFleet]

    def assumed(self, played: Iterable[str]) -> Iterator[Text]:
        """What was taken for granted about the replicas of the services that are played."""
        if self.playbook is None:
            yield say("there is no playbook yet: the replicas of surgeplan.yaml are played as they are")
        yield from (told for name in played if (told := self.services[name].assumed) is not None)


def read_fleets(workspace: Workspace, campaign: str) -> PlannedFleets:
    """The playbook's replicas, of the traffic model as it is now; those of surgeplan.yaml for what it does not plan.

    Raises:
        UserError: no such campaign, no model, or a playbook that was made from another model.
    """
    own, policy = workspace.plan(campaign), read_policy(workspace.folder)
    traffic, file = workspace.out(campaign) / "traffic.json", workspace.out(campaign) / "playbook" / "autoscaling.json"
    if not traffic.is_file():
        todo = say("run `surgeplan {step} {campaign}` first", step="forecast", campaign=campaign)
        raise UserError(Problem(say("does not exist"), todo, file=f"out/{campaign}/traffic.json"))
    model = sha256(traffic)
    as_is = {each.name: PlannedFleet.as_is(each, policy) for each in workspace.settings.services}
    if not file.is_file():
        starts_at, ends_at = hours_of(sharing(workspace, own, policy), policy)
        return PlannedFleets(campaign, model, None, starts_at, ends_at, as_is)
    name = f"out/{campaign}/playbook/autoscaling.json"
    plan = read_json(file, name, AutoscalingPlan)
    if plan.model != model:
        todo = say("run `surgeplan playbook {campaign}`, then rehearse again", campaign=campaign)
        raise UserError(Problem(say("the forecast changed since the playbook was built"), todo, file=name))
    planned = {service: PlannedFleet.of(each) for service, each in plan.services.items()}
    return PlannedFleets(campaign, model, sha256(file), plan.starts_at_utc, plan.ends_at_utc, as_is | planned)


def fleet_of(
    row: int, fact: ServiceFacts, planned: PlannedFleet, policy: AutoscalingPolicy, window: MinuteTraffic
) -> Fleet:
    """One service as it is played over the window's minutes."""
    floor = np.full(window.minutes, planned.floor)
    for starts_at, replicas in planned.steps:
        floor[window.minute_of(starts_at) :] = replicas
    return Fleet(
        service=row,
        capacity_requests_per_second_per_replica=fact.low if planned.capacity is None else planned.capacity,
        floor=floor,
        ceiling=planned.most,
        target_ratio=planned.target_ratio,
        metric=planned.metric,
        start_seconds=(fact.startup_seconds / 2, fact.startup_seconds),
        nodes=Nodes(policy.node_wait_seconds, policy.node_headroom_ratio) if policy.nodes_wait else None,
        floor_late_seconds=policy.executor_seconds,
    )


def never_full(row: int, service: Service, policy: AutoscalingPolicy, minutes: int) -> Fleet:
    """A service without a known capacity: today's replicas, which carry whatever a limit lets through."""
    replicas = service.replicas
    count = next((each for each in (replicas.today, replicas.min) if each is not None), policy.hpa_min_replicas)
    return Fleet(row, NEVER_FULL, np.full(minutes, max(count, 1)), target_ratio=None)
