"""The files a plan is made from: traffic, capacities, and the plans that share its services and hours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from campaign.capacity import capacity_file, known_capacity
from campaign.documents import read_json
from campaign.errors import Problem, UserError
from campaign.files import sha256
from campaign.language import Text, say
from campaign.plan import Plan
from campaign.traffic import TrafficModel, TrafficPaths
from campaign.workspace import SETTINGS, Workspace
from playbooks.autoscaling.known import ServiceFacts, facts_of, problems_of_limits
from playbooks.autoscaling.minutes import MinuteTraffic, by_minute, merged
from playbooks.autoscaling.policy import FILE, AutoscalingPolicy


@dataclass(frozen=True)
class ReadTraffic:
    """One campaign's model and minutes, with the hashes of both files."""

    model: TrafficModel
    minutes: MinuteTraffic
    inputs: dict[str, str]


def read_traffic(workspace: Workspace, campaign: str) -> ReadTraffic:
    """`traffic.json` and `traffic_paths.npz` of a campaign.

    Raises:
        UserError: not forecast yet, or files that do not belong together.
    """
    files = [workspace.out(campaign) / name for name in ("traffic.json", "traffic_paths.npz")]
    names = [f"out/{campaign}/{file.name}" for file in files]
    missing = [name for file, name in zip(files, names, strict=True) if not file.is_file()]
    if missing:
        todo = say("run `surgeplan forecast {campaign}` first", campaign=campaign)
        raise UserError(Problem(say("does not exist"), todo, file=name) for name in missing)
    model = read_json(files[0], names[0], TrafficModel)
    minutes = by_minute(read_paths(files[1], names[1]), model, names[1])
    return ReadTraffic(model, minutes, {name: sha256(file) for file, name in zip(files, names, strict=True)})


def read_together(workspace: Workspace, campaign: str, together: tuple[Plan, ...]) -> dict[str, ReadTraffic]:
    """The traffic of a campaign and of those that share its steps and have a forecast, by name.

    Raises:
        UserError: this campaign is not forecast yet, or files do not belong together.
    """
    own = {campaign: read_traffic(workspace, campaign)}
    others = [plan.id for plan in together if plan.id != campaign]
    forecast = [name for name in others if (workspace.out(name) / "traffic_paths.npz").is_file()]
    return dict(sorted((own | {name: read_traffic(workspace, name) for name in forecast}).items()))


def read_paths(file: Path, name: str) -> TrafficPaths:
    """The stored sample paths.

    Raises:
        UserError: the file is not what `surgeplan forecast` writes.
    """
    try:
        return TrafficPaths.load(file)
    except (OSError, ValueError, KeyError) as error:
        problem = Problem(
            say("cannot be read: {reason}", reason=str(error)), say("run `surgeplan forecast` again"), file=name
        )
        raise UserError(problem) from error


def sharing(workspace: Workspace, plan: Plan, policy: AutoscalingPolicy) -> tuple[Plan, ...]:
    """All plans, this one included, whose steps would touch a service and an hour of each other; in time order.

    Two plans may share through a third. A window is a plan's own, widened by the policy's hours.
    """
    members = {plan.id: plan}
    while True:
        added = [
            other
            for other in workspace.plans
            if other.id not in members and any(_meet(member, other, workspace, policy) for member in members.values())
        ]
        if not added:
            return tuple(sorted(members.values(), key=lambda member: (member.starts_at, member.id)))
        members |= {other.id: other for other in added}


def _meet(one: Plan, other: Plan, workspace: Workspace, policy: AutoscalingPolicy) -> bool:
    before, after = timedelta(hours=policy.hours_before), timedelta(hours=policy.hours_after)
    same = any(one.touches(name) and other.touches(name) for name in workspace.settings.service_names)
    return same and one.overlaps(other.starts_at - before - after, other.ends_at + after + before)


def merged_traffic(reads: list[ReadTraffic]) -> MinuteTraffic:
    minutes = reads[0].minutes
    for read in reads[1:]:
        minutes = merged(minutes, read.minutes)
    return minutes


def read_facts(
    workspace: Workspace, plan: Plan, traffic: MinuteTraffic, policy: AutoscalingPolicy
) -> tuple[dict[str, ServiceFacts], dict[str, Text], dict[str, str]]:
    """Facts by service, why a service is not planned, and the hashes of the capacity files.

    Raises:
        UserError: no service has a capacity, or a limit does not carry what runs today.
    """
    facts: dict[str, ServiceFacts] = {}
    unknown: dict[str, Text] = {}
    inputs: dict[str, str] = {}
    for service in workspace.settings.services:
        if service.name not in traffic.services:
            continue
        file = capacity_file(workspace.folder, service.name)
        capacity = known_capacity(service, file)
        if capacity is None:
            unknown[service.name] = say(
                "no capacity known: run `surgeplan loadtest capacity {service}` or write "
                "capacity_requests_per_second_per_replica",
                service=service.name,
            )
            continue
        if file.is_file():
            inputs[f"out/capacity/{file.name}"] = sha256(file)
        facts[service.name] = facts_of(service, capacity, plan, policy)
    if not facts:
        raise UserError(_no_capacity())
    problems = list(problems_of_limits(list(facts.values()), workspace.settings.limits, SETTINGS))
    if problems:
        raise UserError(problems)
    return facts, unknown, inputs


def without_capacity(workspace: Workspace) -> Problem | None:
    """Why no replicas can be planned, and what to do; None where a service has a capacity."""
    services = workspace.settings.services
    known = any(known_capacity(each, capacity_file(workspace.folder, each.name)) for each in services)
    return None if known else _no_capacity()


def _no_capacity() -> Problem:
    todo = say("run `surgeplan loadtest capacity SERVICE`, or write capacity_requests_per_second_per_replica: 120")
    return Problem(say("no service has a known capacity"), todo, file=SETTINGS, key="services")


def zone_of(workspace: Workspace, plan: Plan) -> ZoneInfo:
    """The campaign's zone, else the workspace's.

    Raises:
        UserError: the plan names no real zone.
    """
    if plan.time_zone is None:
        return workspace.settings.zone
    try:
        return ZoneInfo(plan.time_zone)
    except (KeyError, ValueError, OSError) as error:
        raise UserError(
            Problem(
                say("{name} is not a time zone", name=plan.time_zone),
                say("use a name such as Asia/Shanghai or Europe/Berlin"),
                file=f"campaigns/{plan.id}.yaml",
                key="time_zone",
            )
        ) from error


def settings_inputs(workspace: Workspace, plans: tuple[Plan, ...]) -> dict[str, str]:
    """Hashes of the settings, the policy and the plans that were read."""
    files = [workspace.folder / SETTINGS, workspace.folder / FILE, *(workspace.plan_file(plan.id) for plan in plans)]
    return {str(file.relative_to(workspace.folder)): sha256(file) for file in files if file.is_file()}
