"""What the next yuan buys: changes of the plan, each played again on the same paths."""

from __future__ import annotations

from collections.abc import Iterator

from campaign.console import Progress
from campaign.language import Text, say
from campaign.words import Words
from playbooks.rehearsal.inputs import Inputs, rehearse, with_floors, with_limit, with_switch
from playbooks.rehearsal.judging import cost, losing, lost_orders
from playbooks.rehearsal.record import CurvePoint, Lever
from playbooks.rehearsal.support_levers import support_levers

FACTORS = (0.8, 0.9, 1.0, 1.1, 1.25)
MORE_RATIO, LIMIT_TIMES = 0.1, 1.1


def levers(inputs: Inputs, value: float | None, progress: Progress) -> tuple[Lever, ...]:
    """Those that save orders, the most value for their cost first; then those that help a desk keep its promise."""
    as_planned = rehearse(inputs)
    before, spent = lost_orders(inputs, as_planned).mean(), cost(inputs, as_planned)
    changes = list(_changes(inputs))
    found = []
    for done, (words, changed) in enumerate(changes):
        progress(say("levers"), done, len(changes))
        played = rehearse(changed)
        saved, spends = float(before - lost_orders(changed, played).mean()), cost(changed, played)
        extra = None if spent is None or spends is None else spends - spent
        if saved > 0:
            worth = None if value is None else saved * value
            found.append(Lever(change=Words.of(words), saved_orders=saved, saved_value=worth, cost=extra))
    progress(say("levers"), len(changes), len(changes))
    ranked = sorted(found, key=lambda lever: -lever.saved_orders / max(lever.cost or 0.0, 1.0))
    return (*ranked, *support_levers(inputs, as_planned, progress))


def _changes(inputs: Inputs) -> Iterator[tuple[Text, Inputs]]:
    for row, name in enumerate(inputs.services):
        count = max(1, round(MORE_RATIO * int(inputs.fleets[row].floor.max())))
        more = [count if i == row else 0 for i in range(len(inputs.services))]
        yield say("replicas of {service}: +{count}", service=name, count=count), with_floors(inputs, more=more)
    for limit in inputs.limits:
        yield say("limit {limit} raised by 10 %", limit=limit.name), with_limit(inputs, limit.name, LIMIT_TIMES)
    for switch in inputs.switches:
        yield say("switch {switch} pulled for the whole event", switch=switch), with_switch(inputs, switch)


def curve(inputs: Inputs, progress: Progress) -> tuple[CurvePoint, ...]:
    """Risk against cost: all floors times each factor."""
    points = []
    for done, factor in enumerate(FACTORS):
        progress(say("risk against cost"), done, len(FACTORS))
        changed = with_floors(inputs, factor)
        played = rehearse(changed)
        points.append(
            CurvePoint(
                floor_factor=factor,
                replica_hours=float(played.replica_hours.mean(axis=1).sum()),
                cost=cost(changed, played),
                lost_orders=float(lost_orders(changed, played).mean()),
                event_ratio=float(losing(changed, played).any(axis=(0, 2)).mean()),
            )
        )
    progress(say("risk against cost"), len(FACTORS), len(FACTORS))
    return tuple(points)
