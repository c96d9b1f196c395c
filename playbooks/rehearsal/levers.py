"""What the next yuan buys: changes of the plan, each played again on the same paths."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from campaign.console import Progress
from campaign.language import Text, say
from campaign.spreading import HERE, Spread
from campaign.words import Words
from playbooks.rehearsal.inputs import Inputs, with_floors, with_limit
from playbooks.rehearsal.record import CurvePoint, Lever
from playbooks.rehearsal.replays import Outcome, Rehearsed, more_cost, outcomes
from playbooks.rehearsal.support_levers import support_levers
from playbooks.rehearsal.switched import with_switch

FACTORS = (0.8, 0.9, 1.0, 1.1, 1.25)
MORE_RATIO, LIMIT_TIMES = 0.1, 1.1


def levers(planned: Rehearsed, value: float | None, progress: Progress, everywhere: Spread = HERE) -> tuple[Lever, ...]:
    """Those that save orders, the most value for their cost first; then those that help a desk keep its promise."""
    inputs, as_planned = planned.inputs, planned.outcome
    changes = list(_changes(planned))
    changed = _in_waves([change for _, change in changes], say("levers"), progress, everywhere)
    found = []
    for (words, _change), after in zip(changes, changed, strict=True):
        saved = as_planned.lost_orders - after.lost_orders
        extra = more_cost(as_planned, after)
        if saved > 0:
            worth = None if value is None else saved * value
            found.append(Lever(change=Words.of(words), saved_orders=saved, saved_value=worth, cost=extra))
    ranked = sorted(found, key=lambda lever: -lever.saved_orders / max(lever.cost or 0.0, 1.0))
    return (*ranked, *support_levers(inputs, planned.played, progress))


def _in_waves(variants: Sequence[Inputs], step: Text, progress: Progress, everywhere: Spread) -> list[Outcome]:
    """All outcomes, as many at once as there is room for, told as they come."""
    found: list[Outcome] = []
    progress(step, 0, len(variants))
    for first in range(0, len(variants), everywhere.width):
        found += outcomes(variants[first : first + everywhere.width], everywhere)
        progress(step, len(found), len(variants))
    return found


def _changes(planned: Rehearsed) -> Iterator[tuple[Text, Inputs]]:
    """What may save anything: replicas of a service and limits that refuse nothing are left as they are."""
    inputs, played = planned.inputs, planned.played
    for row, name in enumerate(inputs.services):
        if name in inputs.never_full or not played.above_capacity_requests[row].any():
            continue
        count = max(1, round(MORE_RATIO * int(inputs.fleets[row].floor.max())))
        more = [count if i == row else 0 for i in range(len(inputs.services))]
        yield say("replicas of {service}: +{count}", service=name, count=count), with_floors(inputs, more=more)
    for limit in inputs.limits:
        if played.limited_requests[list(limit.used_by)].any():
            yield say("limit {limit} raised by 10 %", limit=limit.name), with_limit(inputs, limit.name, LIMIT_TIMES)
    for switch in inputs.switches:
        yield say("switch {switch} pulled for the whole event", switch=switch), with_switch(inputs, switch)


def curve(planned: Rehearsed, progress: Progress, everywhere: Spread = HERE) -> tuple[CurvePoint, ...]:
    """Risk against cost: all floors times each factor."""
    variants = [with_floors(planned.inputs, factor) for factor in FACTORS if factor != 1]
    changed = iter(_in_waves(variants, say("risk against cost"), progress, everywhere))
    return tuple(_point(factor, planned.outcome if factor == 1 else next(changed)) for factor in FACTORS)


def _point(factor: float, one: Outcome) -> CurvePoint:
    return CurvePoint(
        floor_factor=factor,
        replica_hours=one.replica_hours,
        cost=one.cost,
        lost_orders=one.lost_orders,
        event_ratio=one.event_ratio,
    )
