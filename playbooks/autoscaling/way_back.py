"""In which order floors return: who sends shrinks before who is sent to, the most valuable last."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from campaign.settings import Settings
from playbooks.autoscaling.admission import endpoint_shares

APART_MINUTES = 10  # longer than the HPA's 5-minute window down and the pods' end, so that each is seen before the next
WITHIN_MINUTES = 50  # the cleanup takes the CronJobs away an hour after the last step


def return_order(settings: Settings, services: Sequence[str]) -> tuple[str, ...]:
    """The services, first to shrink first.

    A caller that is still large would overload a callee that has shrunk; the other way round nothing is lost.
    """
    order = settings.service_names
    return tuple(sorted(services, key=lambda name: (depth(settings, name), -_rank(settings, name), order.index(name))))


def depth(settings: Settings, name: str) -> int:
    """How many services stand before this one along `follows`; a circle ends where it began."""
    seen = [name]
    while (follows := settings.service(seen[-1]).follows) and follows.service not in seen:
        seen.append(follows.service)
        if follows.service not in settings.service_names:
            break
    return len(seen) - 1


def _rank(settings: Settings, name: str) -> float:
    """The mean value rank of the service's requests; 0 is the most valuable."""
    return sum(part.rank * part.share for part in endpoint_shares(settings.funnel, name))


def return_times(settings: Settings, services: Sequence[str], ends_at: datetime) -> dict[str, datetime]:
    """When each floor returns: ten minutes apart from the end on, closer where there are many."""
    order = return_order(settings, services)
    apart = min(APART_MINUTES, WITHIN_MINUTES // max(len(order) - 1, 1))
    return {name: ends_at + timedelta(minutes=i * apart) for i, name in enumerate(order)}
