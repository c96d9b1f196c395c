"""What a new staffing plan changes about the one before it: people at the peak, paid hours, seats to order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate

from campaign.language import Text, say
from campaign.words import Words
from playbooks.staffing.plan import Changes, DeskPlan, PlanChange, ShiftCount, StaffingPlan


def changes_since(earlier: StaffingPlan, file: str, desks: Sequence[DeskPlan]) -> Changes:
    """Desk by desk, also those that are new or gone (0 on the other side); `file` is where the earlier plan is kept."""
    before, after = ({desk.desk: desk for desk in plan} for plan in (earlier.desks, desks))
    changed = tuple(_change(name, before.get(name), after.get(name)) for name in dict.fromkeys([*after, *before]))
    return Changes(
        earlier=file,
        earlier_as_of_utc=earlier.as_of_utc,
        desks=changed,
        sentences=tuple(Words.of(text) for text in _sentences(changed)),
    )


def _change(name: str, before: DeskPlan | None, after: DeskPlan | None) -> PlanChange:
    seats_before, seats = (seats_at_once(plan.shifts) if plan else 0 for plan in (before, after))
    return PlanChange(
        desk=name,
        peak_agents_before=before.peak.agents_required if before else 0,
        peak_agents=after.peak.agents_required if after else 0,
        paid_hours_before=before.paid_hours if before else 0.0,
        paid_hours=after.paid_hours if after else 0.0,
        seats_before=seats_before,
        seats=seats,
        seats_to_order=max(0, seats - seats_before),
        seats_to_cancel=max(0, seats_before - seats),
    )


def seats_at_once(shifts: Iterable[ShiftCount]) -> int:
    """Most people on shift at one moment; a break keeps its seat, and whoever leaves gives theirs to who comes."""
    moves = [move for one in shifts for move in ((one.starts_at_utc, one.agents), (one.ends_at_utc, -one.agents))]
    return max(accumulate(count for _, count in sorted(moves)), default=0)


def _sentences(changed: Sequence[PlanChange]) -> Iterator[Text]:
    for one in changed:
        if (one.peak_agents, one.seats) == (one.peak_agents_before, one.seats_before):
            continue
        yield say(
            "{desk} against the plan before: {people} people at the peak instead of {people_before}, {hours} paid "
            "hours instead of {hours_before}; seats to order {order}, to cancel {cancel}",
            desk=one.desk,
            people=one.peak_agents,
            people_before=one.peak_agents_before,
            hours=f"{one.paid_hours:,.0f}",
            hours_before=f"{one.paid_hours_before:,.0f}",
            order=one.seats_to_order,
            cancel=one.seats_to_cancel,
        )


def kept_as(plan: StaffingPlan) -> str:
    """The name under which a plan is kept: when its forecast was made, and what it was made from."""
    made_from = "".join(f"{name}{digest}" for name, digest in sorted(own_inputs(plan).items()))
    stamp = plan.as_of_utc.strftime("%Y%m%dT%H%MZ-") if plan.as_of_utc else ""
    return f"staffing-{stamp}{hashlib.sha256(made_from.encode()).hexdigest()[:8]}.json"


def own_inputs(plan: StaffingPlan) -> dict[str, str]:
    """What a plan was made from, without the plan that it is compared with."""
    against = plan.changes.earlier if plan.changes else None
    return {name: digest for name, digest in plan.inputs.items() if name != against}
