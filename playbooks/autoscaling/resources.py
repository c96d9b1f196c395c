"""What procurement wants: per service and limit what there is today, what is needed, what to order and by when."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from campaign.language import Text, _, say
from campaign.settings import Limit, Service
from campaign.traffic import Quantiles
from playbooks.autoscaling.floors import Window
from playbooks.autoscaling.known import ServiceFacts
from playbooks.autoscaling.limits import users
from playbooks.autoscaling.plan import AutoscalingPlan
from playbooks.autoscaling.planning import Question, peak_minutes, peak_replicas

KINDS: dict[str, tuple[Text, re.Pattern[str]]] = {
    "database": (say("database"), re.compile(r"db|database|sql|postgres|oracle")),
    "cache": (say("cache"), re.compile(r"cache|redis|memcache")),
    "cdn": (say("CDN bandwidth"), re.compile(r"cdn|bandwidth")),
    "sms": (say("SMS"), re.compile(r"sms")),
    "payment": (say("payment"), re.compile(r"pay")),
}


@dataclass(frozen=True)
class Resource:
    """One line of the order: quantities in `unit`; today and needed are None where nobody said.

    cost: of the campaign for what is billed by the hour, of the order for what is bought by the unit.
    order_days: before the campaign; None for the policy's.
    """

    what: Text | str
    item: Text
    unit: str
    today: float | None
    needed: Quantiles | None
    owner: str
    cost: float | None = None
    order_days: float | None = None

    @property
    def to_order(self) -> float | None:
        """What is missing at p99; None where today's quantity or the need is unknown."""
        if self.today is None or self.needed is None:
            return None
        return max(self.needed.p99 - self.today, 0.0)


def resources(question: Question, window: Window, plan: AutoscalingPlan) -> list[Resource]:
    """Replicas, vCPU, memory and nodes of every service and of all together, every limit, and what nobody has named."""
    lines: list[Resource] = []
    for name, fact in question.facts.items():
        lines += _of_service(question, fact, peak_replicas(question, window, fact), plan.services[name].cost)
    lines += _of_all(question, window)
    lines += [line for limit in question.settings.limits for line in _of_limit(question, window, limit)]
    named = {kind_of_limit(limit) for limit in question.settings.limits}
    for kind, (item, _words) in KINDS.items():
        if kind not in named:
            lines.append(Resource(say("nobody has named a limit"), item, "", None, None, ""))
    return lines


def kind_of_limit(limit: Limit) -> str | None:
    """Which of the usual resources a limit is: as it says, else by its name; None for any other."""
    if limit.resource is not None:
        return limit.resource
    return next((kind for kind, (_item, words) in KINDS.items() if words.search(limit.name.lower())), None)


def _of_service(
    question: Question, fact: ServiceFacts, replicas: NDArray[np.float64], cost: float | None
) -> Iterator[Resource]:
    service, name = fact.service, fact.service.name
    today = service.replicas.today
    yield Resource(name, say("replicas"), "", today, Quantiles.of(replicas), "sre", cost)
    for item, unit, each in sizes(question, service):
        there = None if today is None else float(np.ceil(round(today * each, 6)) if unit.nodes else today * each)
        needed = replicas * each
        yield Resource(
            name, item, unit.name, there, Quantiles.of(np.ceil(needed.round(6)) if unit.nodes else needed), "sre"
        )


@dataclass(frozen=True)
class Unit:
    """How a size is written; nodes come whole."""

    name: str
    nodes: bool = False


def sizes(question: Question, service: Service) -> list[tuple[Text, Unit, float]]:
    """What one replica of a service takes: vCPU, memory and the share of a node, as far as its size is known."""
    policy, found = question.policy, []
    if service.cpu_cores is not None:
        found.append((say("vCPU"), Unit(""), service.cpu_cores))
    if service.memory_gib is not None:
        found.append((say("memory"), Unit("GiB"), service.memory_gib))
    shares = [
        each / whole
        for each, whole in ((service.cpu_cores, policy.node_cpu_cores), (service.memory_gib, policy.node_memory_gib))
        if each is not None
    ]
    if shares:
        found.append((say("nodes"), Unit(node_size(question), nodes=True), max(shares)))
    return found


def node_size(question: Question) -> str:
    policy = question.policy
    return f"{policy.node_cpu_cores:g} vCPU / {policy.node_memory_gib:g} GiB"


def _of_all(question: Question, window: Window) -> Iterator[Resource]:
    """All services together, path by path and minute by minute: their peaks need not coincide."""
    if len(question.facts) < 2:
        return
    each = {name: sizes(question, fact.service) for name, fact in question.facts.items()}
    if len({len(parts) for parts in each.values()}) > 1 or not next(iter(each.values())):
        return  # a sum that leaves somebody out would be ordered as if it were whole
    minutes = {name: peak_minutes(question, window, fact) for name, fact in question.facts.items()}
    todays = {name: fact.service.replicas.today for name, fact in question.facts.items()}
    for i, (item, unit, _share) in enumerate(next(iter(each.values()))):
        total = np.sum([minutes[name] * each[name][i][2] for name in minutes], axis=0).max(axis=1)
        there = [None if today is None else today * each[name][i][2] for name, today in todays.items()]
        today = None if any(part is None for part in there) else float(sum(part for part in there if part is not None))
        if unit.nodes:
            total, today = np.ceil(total.round(6)), None if today is None else float(np.ceil(round(today, 6)))
        yield Resource(say("all services together"), item, unit.name, today, Quantiles.of(total), "sre")


def _of_limit(question: Question, window: Window, limit: Limit) -> Iterator[Resource]:
    used = users(limit, list(question.facts))
    if not used:
        return
    needed = Quantiles.of(_peak_of_limit(question, window, limit, used) + limit.reserved)
    kind = kind_of_limit(limit)
    item = KINDS[kind][0] if kind else say("limit")
    unit = limit.unit or (_("per second") if limit.kind == "rate" else _("connections"))
    to_order = max(needed.p99 - limit.total, 0.0)
    cost = None if limit.cost_per_unit is None else to_order * limit.cost_per_unit
    yield Resource(limit.name, item, unit, limit.total, needed, limit.owner, cost, limit.order_days)


def _peak_of_limit(question: Question, window: Window, limit: Limit, used: dict[str, float]) -> NDArray[np.float64]:
    """[path]: the most of the limit that each path takes, services summed minute by minute."""
    traffic = question.traffic
    taken = []
    for name, share in used.items():
        rates = traffic.requests_per_second[traffic.services.index(name)][:, window.first : window.last].astype(
            np.float64
        )
        fact = question.facts[name]
        replicas = np.maximum(peak_minutes(question, window, fact), fact.floor)
        taken.append(share * (rates if limit.kind == "rate" else replicas))
    peaks: NDArray[np.float64] = np.sum(taken, axis=0).max(axis=1)
    return peaks


def order_by(question: Question, line: Resource) -> timedelta:
    """How long before the first campaign the line is ordered."""
    return timedelta(days=question.policy.order_days_before if line.order_days is None else line.order_days)
