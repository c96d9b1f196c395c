"""What the autoscaling plan asks of the checklist: a line for each limit hit, and the floors that must have held."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from campaign.language import say
from campaign.numbers import local_minute, spoken
from campaign.readiness import Item
from campaign.words import Words
from playbooks.autoscaling.orders import floor_at
from playbooks.autoscaling.plan import AutoscalingPlan, EndpointLimit, LimitHit, ServicePlan

HELD = timedelta(minutes=10)  # longer than a reconciliation of Argo CD (3 min) or Flux (10 min by default)


def limit_lines(item: Item, plan: AutoscalingPlan | None) -> Iterator[Item]:
    """The item once for each service and limit that the plan hits, with the rate that it admits."""
    for name, service in plan.services.items() if plan else ():
        for hit in service.limits_hit:
            parts = admitted_parts(service.rate_limits)
            yield item.model_copy(
                update={
                    "id": f"{item.id}-{name}-{hit.limit}",
                    "title": after(item.title, admitted(name, hit)),
                    "evidence": after(item.evidence, parts) if parts else item.evidence,
                }
            )


def admitted(service: str, hit: LimitHit) -> Words:
    """What a service may let in under one limit, in words."""
    return Words.of(
        say(
            "{service} admits {admitted} of {wanted} requests per second ({limit})",
            service=service,
            admitted=spoken(hit.admitted_requests_per_second),
            wanted=spoken(hit.demand_requests_per_second),
            limit=hit.limit,
        )
    )


def admitted_parts(limits: tuple[EndpointLimit, ...]) -> Words | None:
    """The admitted rate of each endpoint, the most valuable first."""
    parts = ", ".join(f"{limit.endpoint} {spoken(limit.admitted_requests_per_second)}/s" for limit in limits)
    return Words(zh=parts, en=parts) if parts else None


def floors_line(item: Item, plan: AutoscalingPlan | None) -> Item:
    """The item with the floor that each service must have held for ten minutes when it is due."""
    at = item.due_at_utc - HELD
    floors = (
        [_floor(plan, name, service, at) for name, service in plan.services.items() if service.steps] if plan else []
    )
    if not floors:
        return item
    listed = Words(zh=", ".join(floor.zh for floor in floors), en=", ".join(floor.en for floor in floors))
    return item.model_copy(update={"evidence": after(item.evidence, listed)})


def _floor(plan: AutoscalingPlan, name: str, service: ServicePlan, at: datetime) -> Words:
    """`storefront 54`; where that is the usual floor, which holds without any step, when a rise can be seen, or was."""
    floor = floor_at(service, at)
    rises = [step.starts_at_utc for step in service.steps if step.replicas > service.replicas.floor]
    seen, ahead = ([rise for rise in rises if (rise > at) == later] for later in (False, True))
    if floor > service.replicas.floor or not ahead:
        return Words(zh=f"{name} {floor}", en=f"{name} {floor}")
    zone = ZoneInfo(plan.time_zone)
    told = {"service": name, "floor": floor, "when": local_minute(ahead[0], zone)}
    if not seen:
        return Words.of(
            say("{service} {floor} (the usual one, no proof of the steps: look again after {when})", **told)
        )
    text = say(
        "{service} {floor} (the usual one: whether steps run could be seen at {seen}, and can again after {when})",
        seen=local_minute(seen[-1], zone), **told,
    )  # fmt: skip
    return Words.of(text)


def after(words: Words, more: Words) -> Words:
    return Words(zh=f"{words.zh}：{more.zh}", en=f"{words.en}: {more.en}")
