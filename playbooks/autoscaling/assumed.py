"""What holds for the whole plan and nobody has said: taken for granted, too late, too few paths, too much at once."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime, timedelta

from campaign.language import Text, say
from campaign.numbers import local_minute
from playbooks.autoscaling.known import notice_problem
from playbooks.autoscaling.limits import beyond_at_once, room
from playbooks.autoscaling.plan import ServicePlan
from playbooks.autoscaling.planning import Question
from playbooks.autoscaling.requirement import paths_above

Services = Mapping[str, ServicePlan]


def assumptions(question: Question, services: Services, forecast: Collection[str], now: datetime) -> Iterator[Text]:
    """Every sentence, most general first; `forecast` are the campaigns that have a traffic model."""
    yield from _of_policy(question)
    for name, service in services.items():
        yield from _of_service(question, name, service)
        yield from _too_late(question, name, service, now)
    yield from _of_limits(question, services)
    missing = [plan.id for plan in question.plans if plan.id not in forecast]
    if missing:
        yield say(
            "{campaigns} share a service and an hour but have no forecast of their own: these steps reach "
            "only as far as this campaign's traffic",
            campaigns=", ".join(missing),
        )


def _of_policy(question: Question) -> Iterator[Text]:
    policy = question.policy
    yield say(
        "today's HPA is taken to aim at {target:.0%} of {metric}; new nodes are taken to need {fast:g} to {slow:g} s",
        target=policy.hpa_target_ratio, metric=policy.hpa_metric,
        fast=policy.node_wait_seconds[0], slow=policy.node_wait_seconds[1],
    )  # fmt: skip
    if not question.traffic.known_bursts.all():
        yield say(
            "a minute's busiest 15 seconds are taken to be {burst:g} times its mean where seconds are unknown",
            burst=policy.burst_ratio,
        )


def _of_service(question: Question, name: str, service: ServicePlan) -> Iterator[Text]:
    paths, accepted = question.traffic.paths, 1 - service.quantile_ratio
    if (accepted < 1 / paths) if service.risk_chosen_by == "money" else paths_above(paths, accepted) < 0:
        yield say(
            "{service}: {paths} sample paths cannot tell a quantile of {quantile:.4g}; the largest path is taken",
            service=name, paths=paths, quantile=service.quantile_ratio,
        )  # fmt: skip
    if not service.back_test.never_worse:
        yield say(
            "{service}: in the replay the plan is no better than the HPA alone; do not apply it unread", service=name
        )


def _too_late(question: Question, name: str, service: ServicePlan, now: datetime) -> Iterator[Text]:
    """Notice that is shorter than the start-up, and steps that were due before now for a demand still to come."""
    if not service.steps:
        return
    first = notice_problem(question.facts[name], service.steps[0].starts_at_utc, now)
    if first is not None and service.steps[0].starts_at_utc > now:
        yield first
    ahead = timedelta(minutes=service.lead_minutes + question.policy.guard_early_minutes)
    before = service.replicas.floor
    for step in service.steps:
        if step.replicas > before and step.starts_at_utc <= now < step.starts_at_utc + ahead:
            yield say(
                "{service}: the step of {at} is due already: set the floor to {replicas} by hand now",
                service=name, at=local_minute(step.starts_at_utc, question.zone), replicas=step.replicas,
            )  # fmt: skip
        before = step.replicas


def _of_limits(question: Question, services: Services) -> Iterator[Text]:
    most = {name: service.replicas.most for name, service in services.items()}
    for limit, needed in beyond_at_once(most, question.settings.limits):
        yield say(
            "{limit}: the plan keeps it, but were every HPA at its maxReplicas at once they would take {needed:g} "
            "where {room:g} are left: their peaks lie apart, so watch it",
            limit=limit.name, needed=needed, room=room(limit),
        )  # fmt: skip
