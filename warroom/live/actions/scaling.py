"""How many replicas a service needs for what is expected, and what more of them carry."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from campaign.capacity import CapacityRange
from campaign.language import Text, say
from campaign.numbers import Quantity
from campaign.settings import Limit, Settings
from playbooks.autoscaling.holds import Hold, lowered
from playbooks.autoscaling.limits import room
from playbooks.autoscaling.manifests.document import kubernetes_name
from playbooks.autoscaling.manifests.kubernetes import patch_command
from playbooks.autoscaling.plan import Step
from playbooks.autoscaling.requirement import replicas_for
from warroom.live.actions.ahead import HORIZON, P90, Ahead
from warroom.live.actions.holding import floors_folder
from warroom.live.actions.now import Action, Fleet, Now, lever
from warroom.live.actions.records import Effect, Lever, Range

Counts = NDArray[np.int64]
Floats = NDArray[np.float64]
MORE_RATIO = 0.1
"""Where nothing is short, the step that is offered."""


@dataclass(frozen=True)
class Scaling:
    """To `replicas`, those that `p90` requests per second need at the instant `at` that needs the most, from `base`
    replicas that are counted on then. short: those are too few; else nothing is short, and it is a tenth more."""

    base: int
    replicas: int
    at: datetime
    p90: float
    short: bool


def scalings(now: Now) -> Iterator[Lever]:
    """Each service to as many replicas as it needs, or as it is allowed; none where a rate ends before replicas do."""
    for name, fleet in now.fleets.items():
        if not rate_ends_first(now, name):
            wanted = _wanted(now, name)
            allowed = _most(now, name)
            replicas = wanted.replicas if allowed is None else min(wanted.replicas, allowed)
            yield from scaling_to(now, name, replicas - replicas % fleet.multiple)


def scaling_to(now: Now, service: str, replicas: int) -> Iterator[Lever]:
    """One service to so many replicas; nothing where it would be there anyway or is not allowed as many."""
    fleet, ahead, rule = now.fleets[service], now.ahead[service], now.rule("scale")
    wanted, allowed = _wanted(now, service), _most(now, service)
    if replicas <= wanted.base or (allowed is not None and replicas > allowed):
        return
    each = fleet.capacity.capacity_requests_per_second_per_replica
    hours = rule.hours + fleet.lead_hours
    title = _title(service, replicas, fleet.running)
    how = how_to_scale(fleet, service, replicas, wanted.replicas)
    if wanted.short:
        how = say("{how}; {why}", how=how, why=_why(now, wanted))
    step = _lowered(now, service, replicas, rule.hours)
    if step is not None:
        how = say(
            "{how}; then apply the steps in {folder}, or the step to {planned} planned for {at} lowers it",
            how=how, folder=floors_folder(now.plan.id), planned=step.replicas,
            at=step.starts_at_utc.astimezone(now.zone).strftime("%H:%M"),
        )  # fmt: skip
    action = Action("scale", f"{service}:{replicas}", service, replicas, title, how, hours, rule.people, wanted.base)
    more = replicas - wanted.base
    effect = scaling_effect(service, more, each, max(wanted.at, now.settled_at(hours)))
    after = ahead.with_capacity(more * each.low, replicas * each.low, now.works_at(hours))
    yield lever(now, action, (effect,), {service: after})


def _title(service: str, replicas: int, running: int) -> Text:
    """A floor that is no more than what runs now keeps it from the plan's next steps down."""
    if replicas <= running:
        return say("keep {service} at {replicas} replicas or more ({before} run)", service=service, replicas=replicas,
                   before=running)  # fmt: skip
    return say("scale {service} to {replicas} replicas ({before} run)", service=service, replicas=replicas,
               before=running)  # fmt: skip


def _lowered(now: Now, service: str, replicas: int, hours: float) -> Step | None:
    """The next planned step that is lower, while a decision of now would hold."""
    planned = now.autoscaling.services.get(service) if now.autoscaling else None
    if planned is None:
        return None
    steps = lowered(planned, Hold(service, replicas, now.works_at(hours)), now.at)
    return next(iter(steps), None)


def _why(now: Now, wanted: Scaling) -> Text:
    return say(
        "{p90} requests/s (p90) at {at} need {wanted} replicas, {base} would be ready",
        p90=Quantity(wanted.p90),
        at=wanted.at.astimezone(now.zone).strftime("%H:%M"),
        wanted=wanted.replicas,
        base=wanted.base,
    )


def _wanted(now: Now, service: str) -> Scaling:
    fleet = now.fleets[service]
    works_at = now.works_at(now.rule("scale").hours + fleet.lead_hours)
    low = fleet.capacity.capacity_requests_per_second_per_replica.low
    return scaling_wanted(now.ahead[service], fleet.running, low, fleet.multiple, works_at)


def _most(now: Now, service: str) -> int | None:
    """What is left by the others, as many of them as run or are counted on within the horizon."""
    others = {name: max(fleet.running, _peak(now.ahead[name])) for name, fleet in now.fleets.items()}
    return replicas_allowed(now.settings, service, others)


def _peak(ahead: Ahead) -> int:
    return 0 if ahead.replicas is None else int(ahead.replicas[ahead.near()].max(initial=0))


def rate_ends_first(now: Now, service: str) -> bool:
    """Whether the plan says that a rate, such as a vendor's quota, ends within the horizon whatever the replicas."""
    rates = {limit.name for limit in now.settings.limits if limit.kind == "rate"}
    planned = now.autoscaling.services.get(service) if now.autoscaling else None
    return any(
        hit.limit in rates and hit.starts_at_utc < now.at + HORIZON and hit.ends_at_utc > now.at
        for hit in (planned.limits_hit if planned else ())
    )


def scaling_wanted(ahead: Ahead, running: int, per_replica: float, multiple: int, works_at: datetime) -> Scaling:
    """Replicas that carry the p90 of every interval of the horizon by their lower bound once they are ready; a tenth
    more than are counted on where those do. Where nothing is known, those that run are counted on."""
    there = np.full(len(ahead.starts), running) if ahead.replicas is None else ahead.replicas
    near = ahead.near(works_at)
    p90 = ahead.expected[P90]
    wanted, index = most_wanted(p90, there, per_replica, multiple, near if near.any() else ahead.near())
    at = int(index) if wanted else ahead.tightest(works_at)
    base, replicas = int(there[at]), int(wanted)
    if not wanted:
        replicas = _whole(base + math.ceil(MORE_RATIO * base), multiple)
    return Scaling(base, replicas, ahead.moment(at), float(p90[at]), bool(wanted))


def most_wanted(
    p90: Floats, there: Counts, per_replica: float, multiple: int, helps: NDArray[np.bool_]
) -> tuple[Counts, NDArray[np.intp]]:
    """The replicas, in whole multiples, that carry p90 in every interval in which they help and `there` do not, and the
    interval that needs as many; zero where none is short. [..., interval] each; there: replicas that are counted on."""
    short = helps & (replicas_for(p90, per_replica) > there)
    needed = np.where(short, replicas_for(p90, per_replica, multiple), 0)
    most = needed.argmax(axis=-1)
    return np.take_along_axis(needed, most[..., None], axis=-1)[..., 0], most


def _whole(replicas: int, multiple: int) -> int:
    return -(-replicas // multiple) * multiple


def replicas_allowed(settings: Settings, service: str, running: Mapping[str, int]) -> int | None:
    """The most replicas that quota and per-replica limits leave to a service while the others stay; None: no bound."""
    known = settings.service(service).replicas.max
    bounds = [] if known is None else [known]
    bounds += [_allowed(limit, service, running) for limit in settings.limits if limit.kind == "per_replica"
               and limit.used_by.get(service)]  # fmt: skip
    return min(bounds, default=None)


def _allowed(limit: Limit, service: str, running: Mapping[str, int]) -> int:
    others = sum(used * running.get(name, 0) for name, used in limit.used_by.items() if name != service)
    return math.floor((room(limit) - others) / limit.used_by[service] + 1e-9)


def scaling_effect(service: str, more: int, per_replica: CapacityRange, works_at: datetime) -> Effect:
    """Requests per second that so many replicas more carry, from the time they are ready."""
    carried = Range.of([more * per_replica.low, more * per_replica.mid, more * per_replica.high])
    return Effect("capacity", service, carried, works_at, carried, works_at)


def how_to_scale(fleet: Fleet, service: str, replicas: int, wanted: int) -> Text:
    """The command that does it: the same patch of the HPA that the plan's own steps are."""
    how = say("raise the floor of {service} to {replicas} replicas", service=service, replicas=replicas)
    if fleet.namespace is not None:
        spec = {"minReplicas": replicas}
        if fleet.most is not None and replicas > fleet.most:
            spec["maxReplicas"] = replicas
        patch = json.dumps({"spec": spec}, separators=(",", ":"))
        how = Text("{command}", {"command": patch_command(fleet.namespace, kubernetes_name(service), patch)})
    if wanted > replicas:
        return say("{how} (quota and limits allow no more; {wanted} are needed)", how=how, wanted=wanted)
    return how
