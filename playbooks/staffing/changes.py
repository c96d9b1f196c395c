"""What a new staffing plan changes about the one before it: people at the peak, paid hours, seats to order."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import accumulate
from zoneinfo import ZoneInfo

from campaign.language import Text, say
from campaign.numbers import local_minute
from campaign.words import Words
from playbooks.staffing.plan import Changes, DeskPlan, PlanChange, ShiftCount, StaffingPlan


def changes_since(earlier: StaffingPlan, file: str, desks: Sequence[DeskPlan]) -> Changes:
    """Desk by desk, also those that are new or gone (0 on the other side); `file` is where the earlier plan is kept."""
    changed = _changed(earlier, desks)
    return _changes(earlier, file, changed, _sentences(changed))


def since_order(ordered_by: StaffingPlan, file: str, desks: Sequence[DeskPlan], zone: ZoneInfo) -> Changes:
    """The same against the plan that outsourced seats were ordered by, however many plans there were since."""
    changed = _changed(ordered_by, desks)
    when = local_minute(ordered_by.as_of_utc, zone) if ordered_by.as_of_utc else "-"
    return _changes(ordered_by, file, changed, _order_sentences(changed, when))


def order_plan(earlier: Sequence[tuple[str, StaffingPlan]], starts_at: datetime, lead_days: float) -> int | None:
    """Which of the plans before, newest first, seats were ordered by: the newest by then, else the first of all."""
    by_then = [
        number
        for number, (_, plan) in enumerate(earlier)
        if plan.as_of_utc and plan.as_of_utc <= starts_at - timedelta(days=lead_days)
    ]
    return by_then[0] if by_then else len(earlier) - 1 if earlier else None


def _changed(earlier: StaffingPlan, desks: Sequence[DeskPlan]) -> tuple[PlanChange, ...]:
    before, after = ({desk.desk: desk for desk in plan} for plan in (earlier.desks, desks))
    return tuple(_change(name, before.get(name), after.get(name)) for name in dict.fromkeys([*after, *before]))


def _changes(earlier: StaffingPlan, file: str, changed: tuple[PlanChange, ...], words: Iterable[Text]) -> Changes:
    return Changes(
        earlier=file,
        earlier_as_of_utc=earlier.as_of_utc,
        desks=changed,
        sentences=tuple(Words.of(text) for text in words),
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


def _order_sentences(changed: Sequence[PlanChange], when: str) -> Iterator[Text]:
    for one in changed:
        yield say(
            "{desk}: {ordered} seats by the plan of {when} that seats were ordered by, {seats} needed now: order "
            "{more} more, cancel {fewer}",
            desk=one.desk,
            ordered=one.seats_before,
            when=when,
            seats=one.seats,
            more=one.seats_to_order,
            fewer=one.seats_to_cancel,
        )


def kept_as(plan: StaffingPlan) -> str:
    """The name under which a plan is kept: when its forecast was made, and what it was made from."""
    made_from = "".join(f"{name}{digest}" for name, digest in sorted(own_inputs(plan).items()))
    stamp = plan.as_of_utc.strftime("%Y%m%dT%H%MZ-") if plan.as_of_utc else ""
    return f"staffing-{stamp}{hashlib.sha256(made_from.encode()).hexdigest()[:8]}.json"


def own_inputs(plan: StaffingPlan) -> dict[str, str]:
    """What a plan was made from, without the plans that it is compared with."""
    against = {found.earlier for found in (plan.changes, plan.since_order) if found}
    return {name: digest for name, digest in plan.inputs.items() if name not in against}
