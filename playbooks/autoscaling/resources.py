"""What procurement wants: per service and limit what there is today, what is needed, what to order and by when."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from campaign.language import Text, _, say
from campaign.settings import Limit
from campaign.spreadsheets import Sheet, Value
from campaign.traffic import Quantiles
from playbooks.autoscaling.floors import Window
from playbooks.autoscaling.known import ServiceFacts
from playbooks.autoscaling.limits import users
from playbooks.autoscaling.plan import AutoscalingPlan
from playbooks.autoscaling.planning import Question, peak_replicas
from playbooks.autoscaling.requirement import replicas_for


@dataclass(frozen=True)
class Resource:
    """One line of the order: quantities in `unit`; `today` None where nobody said."""

    what: str
    item: Text
    unit: str
    today: float | None
    needed: Quantiles
    owner: str
    cost: float | None = None

    @property
    def to_order(self) -> float | None:
        """What is missing at p99; None where today's quantity is unknown."""
        return None if self.today is None else max(self.needed.p99 - self.today, 0.0)


def resources(question: Question, window: Window, plan: AutoscalingPlan) -> list[Resource]:
    """Replicas, vCPU, memory and nodes of every service, then every limit."""
    lines: list[Resource] = []
    for name, fact in question.facts.items():
        lines += _of_service(question, fact, peak_replicas(question.traffic, window, fact), plan.services[name].cost)
    for limit in question.settings.limits:
        used = users(limit, list(question.facts))
        if used:
            needed = _peak_of_limit(question, window, limit, used) + limit.reserved
            unit = _("per second") if limit.kind == "rate" else _("connections")
            lines.append(Resource(limit.name, say("limit"), unit, limit.total, Quantiles.of(needed), limit.owner))
    return lines


def _of_service(
    question: Question, fact: ServiceFacts, replicas: NDArray[np.float64], cost: float | None
) -> Iterator[Resource]:
    service, policy = fact.service, question.policy
    today = service.replicas.today
    yield Resource(service.name, say("replicas"), "", today, Quantiles.of(replicas), "sre", cost)
    sizes = ((say("vCPU"), "", service.cpu_cores), (say("memory"), "GiB", service.memory_gib))
    for item, unit, each in sizes:
        if each is not None:
            there = None if today is None else today * each
            yield Resource(service.name, item, unit, there, Quantiles.of(replicas * each), "sre")
    shares = [
        each / whole
        for each, whole in ((service.cpu_cores, policy.node_cpu_cores), (service.memory_gib, policy.node_memory_gib))
        if each is not None
    ]
    if shares:
        there = None if today is None else float(np.ceil(today * max(shares)))
        nodes = np.ceil(replicas * max(shares))
        yield Resource(service.name, say("nodes"), node_size(question), there, Quantiles.of(nodes), "sre")


def node_size(question: Question) -> str:
    policy = question.policy
    return f"{policy.node_cpu_cores:g} vCPU / {policy.node_memory_gib:g} GiB"


def _peak_of_limit(question: Question, window: Window, limit: Limit, used: dict[str, float]) -> NDArray[np.float64]:
    """[path]: the most of the limit that each path takes, services summed minute by minute."""
    traffic = question.traffic
    taken = []
    for name, share in used.items():
        rates = traffic.requests_per_second[traffic.services.index(name)][:, window.first : window.last].astype(
            np.float64
        )
        fact = question.facts[name]
        replicas = np.maximum(replicas_for(rates, fact.low, fact.multiple), fact.floor)
        taken.append(share * (rates if limit.kind == "rate" else replicas))
    peaks: NDArray[np.float64] = np.sum(taken, axis=0).max(axis=1)
    return peaks


def order_sheet(lines: Sequence[Resource], question: Question, plan: AutoscalingPlan) -> Sheet:
    """The workbook's one sheet, in the current language."""
    starts_at = min(p.starts_at for p in question.plans).astimezone(question.zone)
    by = (starts_at - timedelta(days=question.policy.order_days_before)).date()
    headings = (
        _("service or limit"), _("resource"), _("unit"), _("today"), _("needed p50"), _("needed p90"), _("needed p99"),
        _("to order"), _("order by"), _("owner"), _("cost of the campaign") + f" ({plan.currency})",
    )  # fmt: skip
    return Sheet(_("Resources"), headings, [_row(line, by) for line in lines])


def _row(line: Resource, by: date) -> list[Value]:
    order = line.to_order
    needed = [round(value, 1) for value in (line.needed.p50, line.needed.p90, line.needed.p99)]
    return [
        line.what,
        str(line.item),
        line.unit,
        line.today,
        *needed,
        _("unknown: write what runs today") if order is None else round(order, 1),
        by.isoformat() if order is None or order > 0 else "",
        line.owner,
        None if line.cost is None else round(line.cost, 2),
    ]
