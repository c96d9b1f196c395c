"""What replicas need besides nodes before the first jump: warm caches, then open connections."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from campaign.language import Text, say
from campaign.numbers import spoken
from campaign.settings import Limit, Stage
from playbooks.autoscaling.admission import endpoint_shares
from playbooks.autoscaling.plan import Step, Warming


def strict_step(steps: Sequence[Step], jump_at: datetime, ahead: timedelta) -> Step | None:
    """The step to be warm for: the one in force so long ahead of the first jump, else the first; None without steps."""
    begun = [step for step in steps if step.starts_at_utc <= jump_at - ahead]
    return begun[-1] if begun else next(iter(steps), None)


def warmings(
    name: str, step: Step | None, lead_minutes: int, limits: Sequence[Limit], funnel: Sequence[Stage]
) -> tuple[Warming, ...]:
    """Caches one lead before the step, while the old replicas still have room; connections as its replicas start."""
    if step is None:
        return ()
    lead = timedelta(minutes=lead_minutes)
    caches = Warming(
        kind="caches",
        starts_at_utc=step.starts_at_utc - lead,
        ready_by_utc=step.starts_at_utc,
        what=str(_caches(name, funnel)),
    )
    pools = [limit for limit in limits if limit.kind == "per_replica" and limit.used_by.get(name)]
    return (caches, *(_connections(name, limit, step, lead) for limit in pools))


def _caches(name: str, funnel: Sequence[Stage]) -> Text:
    shares = sorted(endpoint_shares(funnel, name), key=lambda part: -part.share)
    if not shares:
        return say("fetch the campaign's pages and the keys they read, at the usual rate")
    endpoints = ", ".join(f"{part.endpoint} ({part.share:.0%})" for part in shares)
    return say(
        "fetch what visitors will ask for, most asked first, at the usual rate: {endpoints}", endpoints=endpoints
    )


def _connections(name: str, limit: Limit, step: Step, lead: timedelta) -> Warming:
    each = limit.used_by[name]
    held = each * step.replicas
    what = say(
        "{limit}: each replica opens {each:g} as it starts, not at its first request; {replicas} replicas hold {held}",
        limit=limit.name, each=each, replicas=step.replicas, held=spoken(held),
    )  # fmt: skip
    return Warming(
        kind="connections",
        starts_at_utc=step.starts_at_utc,
        ready_by_utc=step.starts_at_utc + lead,
        what=str(what),
        limit=limit.name,
        connections_per_replica=each,
        replicas=step.replicas,
        connections=held,
    )
