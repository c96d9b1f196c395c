"""How many replicas a service needs for what is expected, and what more of them carry."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import ArrayLike, NDArray

from campaign.capacity import CapacityRange
from campaign.language import Text, say
from campaign.settings import Limit, Settings
from playbooks.autoscaling.limits import room
from playbooks.autoscaling.manifests.document import kubernetes_name
from warroom.live.actions.ahead import HORIZON, P90, Ahead
from warroom.live.actions.now import Action, Fleet, Now, lever
from warroom.live.actions.records import Effect, Lever, Range

Counts = NDArray[np.int64]
MORE_RATIO = 0.1
"""Where nothing is short, the step that is offered."""


@dataclass(frozen=True)
class Scaling:
    """From `base` replicas, which would be there anyway at the instant `at` that needs the most, to `replicas`."""

    base: int
    replicas: int
    at: datetime


def scalings(now: Now) -> Iterator[Lever]:
    """Each service to as many replicas as it needs, or as it is allowed; none where a rate ends before replicas do."""
    for name, fleet in now.fleets.items():
        if not rate_ends_first(now, name):
            wanted = _wanted(now, name)
            allowed = _most(now, name)
            replicas = wanted.replicas if allowed is None else min(wanted.replicas, allowed)
            yield from scaling_to(now, name, replicas - (replicas - wanted.base) % fleet.multiple)


def scaling_to(now: Now, service: str, replicas: int) -> Iterator[Lever]:
    """One service to so many replicas; nothing where it would be there anyway or is not allowed as many."""
    fleet, ahead, rule = now.fleets[service], now.ahead[service], now.rule("scale")
    wanted, allowed = _wanted(now, service), _most(now, service)
    if replicas <= wanted.base or (allowed is not None and replicas > allowed):
        return
    each = fleet.capacity.capacity_requests_per_second_per_replica
    hours = rule.hours + fleet.lead_hours
    title = say("scale {service} to {replicas} replicas ({before} run)", service=service, replicas=replicas,
                before=fleet.running)  # fmt: skip
    how = how_to_scale(fleet, service, replicas, wanted.replicas)
    action = Action("scale", f"{service}:{replicas}", service, replicas, title, how, hours, rule.people, wanted.base)
    more = replicas - wanted.base
    effect = scaling_effect(service, more, each, max(wanted.at, now.settled_at(hours)))
    after = ahead.with_capacity(more * each.low, replicas * each.low, now.works_at(hours))
    yield lever(now, action, (effect,), {service: after})


def _wanted(now: Now, service: str) -> Scaling:
    fleet = now.fleets[service]
    works_at = now.works_at(now.rule("scale").hours + fleet.lead_hours)
    low = fleet.capacity.capacity_requests_per_second_per_replica.low
    return scaling_wanted(now.ahead[service], fleet.running, low, fleet.multiple, works_at)


def _most(now: Now, service: str) -> int | None:
    running = {name: fleet.running for name, fleet in now.fleets.items()}
    return replicas_allowed(now.settings, service, running)


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
    more than there are where those do."""
    known = np.isfinite(ahead.carries) & (not ahead.tested)
    carried = np.where(np.isfinite(ahead.carries), ahead.carries, running * per_replica)
    there = np.where(known, np.maximum(np.round(carried / per_replica), running), running).astype(np.int64)
    near = ahead.near(works_at)
    wanted, index = most_wanted(
        ahead.expected[P90], carried, there, per_replica, multiple, near if near.any() else ahead.near()
    )
    if wanted:
        return Scaling(int(there[index]), int(wanted), ahead.moment(int(index)))
    tightest = ahead.tightest(works_at)
    base = int(there[tightest])
    return Scaling(base, base + _whole(math.ceil(MORE_RATIO * base), multiple), ahead.moment(tightest))


def most_wanted(
    p90: ArrayLike, carried: ArrayLike, there: Counts, per_replica: float, multiple: int, helps: NDArray[np.bool_]
) -> tuple[Counts, NDArray[np.intp]]:
    """The replicas that carry p90 in every interval in which they help, and the interval that needs as many; zero where
    none is short. [..., interval] each; there: replicas that an interval has anyway, which carry `carried`."""
    short = replicas_short(p90, carried, per_replica, multiple)
    needed = np.where(helps & (short > 0), there + short, 0)
    most = needed.argmax(axis=-1)
    return np.take_along_axis(needed, most[..., None], axis=-1)[..., 0], most


def replicas_short(p90: ArrayLike, carried: ArrayLike, per_replica: ArrayLike, multiple: ArrayLike) -> Counts:
    """How many replicas, in whole multiples, what is carried is short of the re-forecast's p90; arrays of any shape."""
    over = np.maximum(np.subtract(p90, carried), 0.0)
    more = np.ceil(over / per_replica - 1e-9).astype(np.int64)
    short: Counts = -(-more // np.asarray(multiple)) * multiple
    return short


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
    if fleet.manifests:
        spec = {"minReplicas": replicas}
        if fleet.most is not None and replicas > fleet.most:
            spec["maxReplicas"] = replicas
        patch = json.dumps({"spec": spec}, separators=(",", ":"))
        how = say("kubectl patch hpa {name} --type merge -p '{patch}'", name=kubernetes_name(service), patch=patch)
    if wanted > replicas:
        return say("{how} (quota and limits allow no more; {wanted} are needed)", how=how, wanted=wanted)
    return how
