"""How many replicas a service needs for what is expected, and what more of them carry."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from campaign.capacity import CapacityRange
from campaign.language import Text, say
from campaign.settings import Limit, Settings
from playbooks.autoscaling.limits import room
from playbooks.autoscaling.manifests.document import kubernetes_name
from warroom.live.actions.ahead import HORIZON, P90, Ahead
from warroom.live.actions.now import Action, Fleet, Now, lever
from warroom.live.actions.records import Effect, Lever, Range

MORE_RATIO = 0.1
"""Where nothing is short, the step that is offered."""


@dataclass(frozen=True)
class Scaling:
    """From `base` replicas, which would be there at the tightest minute `at` of the horizon anyway, to `replicas`."""

    base: int
    replicas: int
    at: datetime


def scalings(now: Now) -> Iterator[Lever]:
    """Each service to as many replicas as it needs, or as it is allowed; none where a rate ends before replicas do."""
    running = {name: fleet.running for name, fleet in now.fleets.items()}
    rule = now.rule("scale")
    for name, fleet in now.fleets.items():
        ahead, each = now.ahead[name], fleet.capacity.capacity_requests_per_second_per_replica
        hours = rule.hours + fleet.lead_hours
        wanted = scaling_wanted(ahead, fleet.running, each.low, fleet.multiple, now.works_at(hours))
        replicas = _allowed_of(wanted.replicas, replicas_allowed(now.settings, name, running), fleet.multiple)
        if replicas > wanted.base and not rate_ends_first(now, name):
            title = say("scale {service} to {replicas} replicas ({before} run)", service=name, replicas=replicas,
                        before=fleet.running)  # fmt: skip
            how = how_to_scale(fleet, name, replicas, wanted.replicas)
            action = Action("scale", f"{name}:{replicas}", name, replicas, title, how, hours, rule.people)
            more, at = replicas - wanted.base, max(wanted.at, now.settled_at(hours))
            after = ahead.with_capacity(more * each.low, replicas * each.low, now.works_at(hours))
            yield lever(now, action, (scaling_effect(name, more, each, at),), {name: after})


def rate_ends_first(now: Now, service: str) -> bool:
    """Whether the plan says that a rate, such as a vendor's quota, ends within the horizon whatever the replicas."""
    rates = {limit.name for limit in now.settings.limits if limit.kind == "rate"}
    planned = now.autoscaling.services.get(service) if now.autoscaling else None
    return any(
        hit.limit in rates and hit.starts_at_utc < now.at + HORIZON and hit.ends_at_utc > now.at
        for hit in (planned.limits_hit if planned else ())
    )


def scaling_wanted(ahead: Ahead, running: int, per_replica: float, multiple: int, works_at: datetime) -> Scaling:
    """Replicas that carry the p90 of the horizon by their lower bound once they are ready; a tenth more than there are
    where those do."""
    index = ahead.tightest(works_at)
    carries, p90 = float(ahead.carries[index]), float(ahead.expected[P90][index])
    base = running if ahead.tested or not math.isfinite(carries) else max(running, round(carries / per_replica))
    over = max(p90 - (carries if math.isfinite(carries) else base * per_replica), 0.0)
    more = math.ceil(over / per_replica - 1e-9) or math.ceil(MORE_RATIO * base)
    return Scaling(base, base + -(-more // multiple) * multiple, ahead.moment(index))


def _allowed_of(wanted: int, allowed: int | None, multiple: int) -> int:
    return wanted if allowed is None else min(wanted, allowed // multiple * multiple)


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
    if fleet.manifests:
        spec = {"minReplicas": replicas}
        if fleet.most is not None and replicas > fleet.most:
            spec["maxReplicas"] = replicas
        patch = json.dumps({"spec": spec}, separators=(",", ":"))
        how = say("kubectl patch hpa {name} --type merge -p '{patch}'", name=kubernetes_name(service), patch=patch)
    if wanted > replicas:
        return say("{how} (quota and limits allow no more; {wanted} are needed)", how=how, wanted=wanted)
    return how
